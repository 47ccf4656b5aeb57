import type { BackendIr, InferenceBackendIr, InferenceRuleIr } from '../ir/index.ts';
import { sortedBy } from '../lib/compare.ts';
import { changedHeaders } from './changed-headers.ts';
import { clusterName, mirrorClusterName } from './cluster-name.ts';
import { costFacts } from './cost-facts.ts';
import type { GroupMember, RefFacts, RouteFacts } from './lua-facts.ts';
import { CLIENT_CREDENTIAL_HEADERS } from './names.ts';
import { overrideHeaders, overrideOf } from './override-headers.ts';
import type { Serving } from './serving.ts';

/** What the script is told of a rule, for the backends that serve one class of endpoints. */
export function routeFacts(
  rule: InferenceRuleIr,
  serving: Serving['members'],
  backends: ReadonlyMap<string, BackendIr>,
): RouteFacts {
  const refs = serving.map(({ ref }) => ref);
  const members = refs.map((ref) => ({ ref, member: groupMember(rule, ref, backends.get(ref.backend)) }));
  const priorities = [...new Set(refs.map((ref) => ref.priority))].sort((a, b) => a - b);
  const groups = priorities.map((priority) =>
    members.filter(({ ref }) => ref.priority === priority).map(({ member }) => member),
  );
  const credentialHeaders = new Set(
    refs.flatMap((ref): readonly string[] => {
      const backend = backends.get(ref.backend);
      if (backend?.forwardClientCredentials) return CLIENT_CREDENTIAL_HEADERS;
      return backend === undefined ? [] : overrideHeaders(backend);
    }),
  );
  const restore = refs.length > 1 ? changedHeaders(serving, backends) : [];
  return {
    name: rule.route,
    ...(rule.refusesUnsupported === true && { refuse_unsupported: true }),
    ...(rule.costs.length > 0 && { force_usage: true, costs: rule.costs.flatMap(costFacts) }),
    ...(refs.length > 1 && {
      groups,
      ...(groups.some((group) => group.length > 1) && { drawn: true }),
      ...(members.some(({ member }) => member.needs !== undefined || member.needs_metadata) && { needs: true }),
      attempts_per_backend: rule.retry.attemptsPerBackend,
      ...(rule.retry.clientRefusalEnds && { client_refusal_ends: true }),
    }),
    ...(credentialHeaders.size > 0 && { override_headers: [...credentialHeaders].sort() }),
    ...(restore.length > 0 && { restore }),
    ...(rule.mirror && { mirrors: true }),
    refs: Object.fromEntries([
      ...refs.map((ref) => [clusterName(rule, ref), refFacts(ref)] as const),
      ...(rule.mirror ? [[mirrorClusterName(rule, rule.mirror), refFacts(rule.mirror)] as const] : []),
    ]),
  };
}

function groupMember(rule: InferenceRuleIr, ref: InferenceBackendIr, backend: BackendIr | undefined): GroupMember {
  return {
    cluster: clusterName(rule, ref),
    weight: ref.weight,
    backend: backend?.displayName ?? ref.backend,
    ...(backend && needs(backend)),
  };
}

function needs(backend: BackendIr): Partial<GroupMember> {
  const { dynamicMetadata, fallbackToConfigured } = overrideOf(backend) ?? { fallbackToConfigured: true };
  if (fallbackToConfigured) return {};
  const [header] = overrideHeaders(backend);
  return {
    ...(header !== undefined && { needs: header }),
    ...(dynamicMetadata && { needs_metadata: { namespace: dynamicMetadata.namespace, key: dynamicMetadata.key } }),
  };
}

function refFacts(ref: Pick<InferenceBackendIr, 'modelOverride' | 'headerMutation' | 'bodyMutation'>): RefFacts {
  const { headerMutation, bodyMutation } = ref;
  return {
    ...(ref.modelOverride !== undefined && { model: ref.modelOverride }),
    ...(headerMutation && {
      headers: {
        set: Object.fromEntries(sortedBy(headerMutation.set, (h) => h.name).map(({ name, value }) => [name, value])),
        removed: headerMutation.remove,
      },
    }),
    ...(bodyMutation && {
      body: {
        set: Object.fromEntries(bodyMutation.set.map(({ path, value }) => [path, value])),
        removed: Object.fromEntries(bodyMutation.remove.map((path) => [path, true])),
      },
    }),
  };
}
