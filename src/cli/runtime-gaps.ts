import { RUNTIME_LAYER, TYPES } from '../envoy/names.ts';
import { needsProcessorValues, RUNTIME_MARK } from '../envoy/runtime.ts';
import { typeUrl } from '../envoy/schema/index.ts';
import type { Finding } from '../lib/findings.ts';
import type { NodeStatus } from '../xds/index.ts';
import type { CompiledView } from './revisions.ts';

const RUNTIME = typeUrl(TYPES.runtime);

/**
 * Envoys that send bodies to a processor, and neither ask for the runtime layer nor say that their bootstrap has its
 * values: many large bodies at once would end them.
 */
export function runtimeGaps(
  nodes: readonly Pick<NodeStatus, 'key' | 'node' | 'synced' | 'types'>[],
  views: ReadonlyMap<string, Pick<CompiledView, 'gateway' | 'resources'>>,
): Finding[] {
  const byGateway = new Map<string, string[]>();
  for (const { key, node, synced, types } of nodes) {
    const view = views.get(key ?? '');
    if (!view || !synced || hasMark(node.metadata) || types.some((type) => type.typeUrl === RUNTIME)) continue;
    if (!needsProcessorValues(view.resources)) continue;
    byGateway.set(view.gateway, [...(byGateway.get(view.gateway) ?? []), node.id]);
  }
  return [...byGateway].map(([gateway, [first, ...more]]) => ({
    code: 'HG0603',
    level: 'warning',
    message: `Envoy ${first}${more.length > 0 ? ` and ${more.length} more` : ''} may end with a segmentation fault when many large bodies are translated at once: its bootstrap does not ask for the runtime layer ${RUNTIME_LAYER}`,
    object: `Gateway/${gateway}`,
    hint: 'docs/data-path.md has the lines for the bootstrap',
  }));
}

function hasMark(metadata: unknown): boolean {
  return typeof metadata === 'object' && metadata !== null && Object.hasOwn(metadata, RUNTIME_MARK);
}
