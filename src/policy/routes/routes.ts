import type { FieldPath } from '../../lib/findings.ts';
import { aiGatewayRouteKind, httpRouteKind, type Kind, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { byAge } from '../objects.ts';
import { type MatchSource, readMatches } from './matches.ts';
import { fieldsOf, itemsOf, portOf, salvageHostnames, salvageMatches, textOf } from './salvage.ts';

/** What AIGatewayRoute and HTTPRoute have in common: where they attach and what they match. */
export interface RouteSource {
  readonly loaded: LoadedObject;
  readonly kind: Kind;
  /** `KIND/NAMESPACE/NAME`. */
  readonly name: string;
  readonly isInference: boolean;
  readonly parents: readonly ParentRef[];
  readonly hostnames: readonly string[];
  readonly rules: readonly RuleSource[];
}

export interface ParentRef {
  readonly index: number;
  readonly namespace: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

export interface RuleSource {
  readonly index: number;
  readonly name?: string;
  readonly matches: readonly MatchSource[];
}

/** All routes in order of age; of those that their schema refuses, what can still be read. */
export function readRoutes(context: Context): RouteSource[] {
  const all = [...context.index.all(aiGatewayRouteKind), ...context.index.all(httpRouteKind)];
  return all.sort(byAge).map((loaded) => readRoute(loaded, context));
}

function readRoute(loaded: LoadedObject, { report }: Context): RouteSource {
  const isInference = loaded.id.kind === aiGatewayRouteKind.kind;
  const spec = fieldsOf(loaded.object.spec);
  const hostnames = salvageHostnames(spec.hostnames);
  return {
    loaded,
    kind: isInference ? aiGatewayRouteKind : httpRouteKind,
    name: `${loaded.id.kind}/${loaded.id.namespace}/${loaded.id.name}`,
    isInference,
    parents: readParents(loaded, spec.parentRefs, report),
    hostnames: [...new Set(hostnames ?? [])],
    rules: hostnames
      ? itemsOf(spec.rules).map((rule, index) => readRule(rule, index, isInference, loaded, report))
      : [],
  };
}

/**
 * One reader for valid and for refused objects: what a schema guarantees is read the same way by `salvage`, so the two
 * cannot differ in what they match.
 */
function readRule(
  rule: unknown,
  index: number,
  isInference: boolean,
  loaded: LoadedObject,
  report: Context['report'],
): RuleSource {
  const path: FieldPath = ['spec', 'rules', index];
  const { matches, name } = fieldsOf(rule);
  const given = Array.isArray(matches) && matches.length === 0 ? undefined : matches;
  const readable = salvageMatches(given, !isInference);
  const title = textOf(name);
  return {
    index,
    ...(title !== undefined && { name: title }),
    matches: readMatches(readable, isInference, loaded, path, report),
  };
}

function readParents(loaded: LoadedObject, refs: unknown, report: Context['report']): ParentRef[] {
  return itemsOf(refs).flatMap((ref, index) => {
    const { group = 'gateway.networking.k8s.io', kind = 'Gateway', name, namespace, sectionName, port } = fieldsOf(ref);
    const gateway = textOf(name);
    if (gateway === undefined) return [];
    if (group !== 'gateway.networking.k8s.io' || kind !== 'Gateway') {
      report.warning(
        'HG0207',
        loaded,
        ['spec', 'parentRefs', index],
        `parents of kind ${String(kind)} are not supported`,
      );
      return [];
    }
    const section = textOf(sectionName);
    const wantedPort = portOf(port);
    return [
      {
        index,
        name: gateway,
        namespace: textOf(namespace) ?? loaded.id.namespace,
        ...(section !== undefined && { sectionName: section }),
        ...(wantedPort !== undefined && { port: wantedPort }),
      },
    ];
  });
}
