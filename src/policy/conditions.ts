import { compareText } from '../lib/compare.ts';
import type { Finding } from '../lib/findings.ts';
import { formatObjectId, type LoadedObject } from '../resources/index.ts';

/** One statement about an object, for whoever writes status. `Programmed` is not here: only acknowledgements tell. */
export interface StatusCondition {
  /** `Kind/namespace/name`. */
  readonly object: string;
  /** `Gateway/namespace/name` that the statement is limited to: the parent of a route, the ancestor of a policy. */
  readonly parent?: string;
  /** Listener of a Gateway; for a route, the `sectionName` of its parent reference. */
  readonly section?: string;
  readonly type: 'Accepted' | 'NotAccepted' | 'ResolvedRefs' | 'Conflicted';
  readonly status: 'True' | 'False';
  readonly reason: string;
  /** Codes of findings with their messages, or empty. */
  readonly message: string;
  readonly observedGeneration?: number;
}

/** How many routes attached to a listener. */
export interface ListenerStatus {
  /** `Gateway/namespace/name`. */
  readonly object: string;
  readonly section: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
}

/** Collects conditions. */
export interface Conditions {
  readonly list: readonly StatusCondition[];
  add(
    of: LoadedObject,
    type: StatusCondition['type'],
    status: boolean,
    reason: string,
    message: string,
    where?: { readonly parent?: string; readonly section?: string },
  ): void;
}

/** Creates an empty collection. */
export function createConditions(): Conditions {
  const list: StatusCondition[] = [];
  return {
    list,
    add(of, type, status, reason, message, where = {}) {
      const { generation } = of.object.metadata;
      list.push({
        object: formatObjectId(of.id),
        ...where,
        type,
        status: status ? 'True' : 'False',
        reason,
        message,
        ...(generation !== undefined && { observedGeneration: generation }),
      });
    },
  };
}

/** One order for any order of work. */
export function sortConditions(conditions: readonly StatusCondition[]): StatusCondition[] {
  const key = (c: StatusCondition): string =>
    [c.object, c.parent ?? '', c.section ?? '', c.type, c.reason, c.message].join('\0');
  return [...conditions].sort((a, b) => compareText(key(a), key(b)));
}

/** Findings in the words of a condition: `HG0103: no Backend "x"; HG0301: ...`. */
export function describe(findings: readonly Finding[]): string {
  const shown = findings
    .slice(0, 5)
    .map(({ code, field, message }) => `${code}: ${field ? `${field}: ` : ''}${message}`);
  const rest = findings.length - shown.length;
  return shown.join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}
