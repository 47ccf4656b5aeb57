/** The overall verdict, with quota mode. Source: envoyproxy/ratelimit, src/service/ratelimit.go (shouldRateLimitWorker). */
import type { Asked } from './asked.ts';
import { CODE, type Code, type Descriptor, type Status } from './wire.ts';

const BACKEND_KEY = 'backend_name';
const MODEL_KEY = 'model_name_override';

export interface Verdict {
  readonly code: Code;
  /** Indexes of descriptors that have room, without those whose quota group has none. */
  readonly passed: readonly number[];
  readonly hasQuota: boolean;
}

/**
 * A limit outside of quota mode refuses the request when it is over. Those in quota mode are grouped by backend and model;
 * a group is over when one of its limits is, and the groups refuse together: when all of them are over.
 */
export function overallCode(asked: readonly Asked[], statuses: readonly Status[], allQuota: boolean): Verdict {
  let isRefused = false;
  let groups: Map<string, boolean> | undefined;
  const passed: number[] = [];
  const isQuota = (i: number): boolean =>
    allQuota ? asked[i]?.unlimited === false : asked[i]?.found?.limit.quota === true;
  for (let i = 0; i < statuses.length; i++) {
    const isOver = statuses[i]?.code === CODE.overLimit;
    if (!isOver) passed.push(i);
    if (isQuota(i)) {
      groups ??= new Map();
      const group = quotaGroup(asked[i]?.descriptor);
      groups.set(group, groups.get(group) === true || isOver);
    } else if (isOver) isRefused = true;
  }
  if (!groups) return { code: isRefused ? CODE.overLimit : CODE.ok, passed, hasQuota: false };
  const over = groups;
  if ([...over.values()].every(Boolean)) isRefused = true;
  return {
    code: isRefused ? CODE.overLimit : CODE.ok,
    passed: passed.filter((i) => !isQuota(i) || over.get(quotaGroup(asked[i]?.descriptor)) !== true),
    hasQuota: true,
  };
}

/** Backend and model that a descriptor is about; both empty where it names neither. */
export function backendOf(descriptor: Descriptor | undefined): { backend: string; model: string } {
  let backend = '';
  let model = '';
  for (const { key, value } of descriptor?.entries ?? []) {
    if (key === BACKEND_KEY) backend = value;
    else if (key === MODEL_KEY) model = value;
  }
  return { backend, model };
}

/** Descriptors that name neither backend nor model are groups of their own. */
export function quotaGroup(descriptor: Descriptor | undefined): string {
  const { backend, model } = backendOf(descriptor);
  return JSON.stringify(backend === '' && model === '' ? (descriptor?.entries ?? []) : [backend, model]);
}
