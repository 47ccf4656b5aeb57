import { TYPES } from '../envoy/names.ts';
import type { Finding } from '../lib/findings.ts';
import type { NodeStatus, RejectedResource, Withheld } from '../xds/index.ts';
import type { CompiledView } from './revisions.ts';

/** A standing rejection of a resource, or of a change of which nobody knows what is wrong with it. */
type Standing = Pick<RejectedResource, 'message'> & Partial<Pick<RejectedResource, 'name'>>;

function rejectionFinding(
  nodeId: string,
  typeUrl: string,
  standing: Standing,
  view: CompiledView | undefined,
): Finding {
  const { name, message } = standing;
  const what = name ?? `a change of ${typeUrl.replace(/^.*\./, '')}`;
  const object = objectOf(name ?? '', typeUrl, message, view);
  return {
    code: 'HG0702',
    level: 'error',
    message: `proxy ${nodeId} rejected ${what} and keeps what it had: ${message}`,
    ...(object !== undefined && { object }),
    scope: `node ${nodeId}`,
  };
}

/** Those of all connected proxies that stand: each goes when its proxy accepts a later version, or leaves. */
export function standingRejections(
  nodes: readonly NodeStatus[],
  viewOf: (key: string) => CompiledView | undefined,
): Finding[] {
  return nodes.flatMap(({ node, key, types }) => {
    const view = key === undefined ? undefined : viewOf(key);
    return types.flatMap(({ typeUrl, rejection, rejected }) => {
      const unnamed = rejection?.standing === true && rejected.length === 0 ? [{ message: rejection.message }] : [];
      return [...rejected, ...unnamed].map((standing) => rejectionFinding(node.id, typeUrl, standing, view));
    });
  });
}

/** What proxies do not get because proxies rejected it: each goes when the source changes it. */
export function withheldFindings(
  withheld: readonly Withheld[],
  viewOf: (key: string) => CompiledView | undefined,
): Finding[] {
  return withheld.map(({ key, typeUrl, name, nodeId, instead, message }) => {
    const view = viewOf(key);
    const object = objectOf(name, typeUrl, message, view);
    const outcome = instead === 'accepted' ? 'get the form that was accepted last' : 'go without it';
    return {
      code: 'HG0702',
      level: 'error',
      message: `proxy ${nodeId} rejected ${name}; until it changes, all proxies of its kind ${outcome}: ${message}`,
      ...(object !== undefined && { object }),
      ...(view && { scope: `gateway ${view.gateway}` }),
    };
  });
}

const OBJECT = /\b(?:Gateway|AIGatewayRoute|HTTPRoute|AIServiceBackend|Backend|Secret|ConfigMap)\/[\w.-]+\/[\w.-]+/;

/**
 * An object that the message names (a table of routes comes from many), else the one of the resource, else the one that
 * the resource's name begins with: all names that we give are paths from an object on.
 */
function objectOf(name: string, typeUrl: string, message: string, view: CompiledView | undefined): string | undefined {
  const named = OBJECT.exec(name === '' ? message : message.replaceAll(name, ''))?.[0];
  const resource = view?.resources.find((known) => known.name === name && typeUrl.endsWith(TYPES[known.type]));
  return named ?? resource?.origin?.object ?? OBJECT.exec(name)?.[0];
}
