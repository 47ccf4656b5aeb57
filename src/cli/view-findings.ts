import type { Finding } from '../lib/findings.ts';
import type { NodeStatus } from '../xds/index.ts';
import type { CompiledView } from './revisions.ts';

/**
 * What views say of the Envoys that get them. A view is compiled for one version, and other versions that can do the same
 * get it too: its findings name all that are connected.
 */
export function viewFindings(
  views: ReadonlyMap<string, Pick<CompiledView, 'capabilities' | 'findings'>>,
  nodes: readonly Pick<NodeStatus, 'key' | 'node'>[],
): Finding[] {
  return [...views].flatMap(([key, { capabilities, findings }]) => {
    if (findings.length === 0) return [];
    const versions = nodes.flatMap(({ key: of, node }) => (of === key ? (node.userAgentVersion ?? []) : []));
    const all = [...new Set(versions)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(', ');
    return all === '' ? findings : findings.map((finding) => ofVersions(finding, capabilities.version, all));
  });
}

function ofVersions(finding: Finding, compiledFor: string, all: string): Finding {
  const name = `Envoy ${compiledFor}`;
  if (finding.scope !== name) return finding;
  return { ...finding, message: finding.message.replace(`${name} `, `Envoy ${all} `), scope: `Envoy ${all}` };
}
