/** Which revision of the source is served, and why that is not the newest. */
import { type Finding, hasErrors } from '../lib/findings.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { ReadResult } from '../sources/index.ts';
import type { LogFields, Logger, Metrics } from '../telemetry/index.ts';
import { countServed, massRemoval, type ServedSize, type TranslatedRevision, translateRevision } from './revisions.ts';
import type { SavedState } from './state-store.ts';

/** A revision that can be put in place, or why it must not be: then nothing has changed. */
export type Prepared =
  | { readonly ok: true; putInPlace(): void }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export interface ServedRevisionOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'countRevision'>;
  readonly policy: TranslateOptions;
  readonly allowMassRemoval: boolean;
  /** Every error of a revision refuses it. */
  readonly strict: boolean;
  /** Errors: throws where the revision cannot be compiled, and nothing has changed. */
  readonly prepare: (next: TranslatedRevision) => Prepared;
  readonly onBug: (caught: unknown, what: string) => void;
}

/** For who asks how the control plane is. */
export interface RevisionStatus {
  /** Revision that proxies get; absent before the first one. */
  readonly served?: { readonly hash: string; readonly commit?: string; readonly since: string };
  /** What is served instead, as an earlier process saved it, while the source cannot be used since the start. */
  readonly saved?: { readonly hash: string; readonly commit?: string; readonly savedAt: string };
  /** Set while the newest revision is refused or held: since when. */
  readonly staleSince?: string;
  /** A start with a source that is refused: what could be read of it serves until all of it can be. */
  readonly inPart: boolean;
}

export interface ServedRevision {
  readonly current: TranslatedRevision | undefined;
  /** Set until a revision is served. */
  readonly restored: SavedState | undefined;
  /** Of what is refused or held. */
  readonly findings: readonly Finding[];
  /** Begins with what an earlier process saved. */
  restore(saved: SavedState | undefined): void;
  /** Serves what the source has now, or keeps what is served. */
  accept(result: ReadResult): void;
  status(): RevisionStatus;
}

export function createServedRevision(options: ServedRevisionOptions): ServedRevision {
  const { logger, metrics, policy } = options;
  let served: TranslatedRevision | undefined;
  let restored: SavedState | undefined;
  let servedSince: string | undefined;
  let staleSince: string | undefined;
  let inPart = false;
  let pending: readonly Finding[] = [];

  /** Takes a revision over. Nothing is kept of it when it cannot be served. Shape: why it is not; empty when it is. */
  function serve(next: TranslatedRevision): readonly Finding[] {
    const started = performance.now();
    const prepared = options.prepare(next);
    if (!prepared.ok) return prepared.findings;
    served = next;
    restored = undefined;
    servedSince = new Date().toISOString();
    prepared.putInPlace();
    metrics.countRevision('served');
    logger.info({ ...describe(next), ms: Math.round(performance.now() - started) }, 'serving revision');
    if (next.ir.gateways.length === 0) logger.warn({}, 'the source has no Gateway to serve: all proxies wait for one');
    return [];
  }

  function judge(next: TranslatedRevision): void {
    if (options.strict && hasErrors(next.findings)) {
      keep(next.findings, 'refused', 'the revision is refused');
      return;
    }
    const size = served ? { hash: served.revision.hash, counts: countServed(served.ir) } : restored && sizeOf(restored);
    const held = size && !inPart && !options.allowMassRemoval ? massRemoval(size, next) : undefined;
    if (held) {
      keep([...next.findings, held], 'held', 'the revision is held');
      return;
    }
    const broken = serve(next);
    if (broken.length > 0) {
      keep([...next.findings, ...broken], 'refused', 'the revision is refused: it does not fit together');
      return;
    }
    inPart = false;
    staleSince = undefined;
    pending = [];
  }

  /** Without anything better to serve, what could be read has to do. */
  function refuse({ findings, readable }: Extract<ReadResult, { ok: false }>): void {
    const nothingBetter = (served === undefined && restored === undefined) || inPart;
    const rest = nothingBetter && readable ? translateRevision(readable, policy) : undefined;
    if (rest && rest.ir.gateways.length > 0 && serve(rest).length === 0) inPart = true;
    const message = 'the revision is refused';
    keep(findings, 'refused', inPart ? `${message}; what can be read of it serves` : message);
  }

  function keep(findings: readonly Finding[], what: 'refused' | 'held', message: string): void {
    staleSince ??= new Date().toISOString();
    pending = findings;
    metrics.countRevision(what);
    const serving = (served ?? restored)?.revision.hash ?? 'nothing';
    if (restored) logger.warn({ serving, savedAt: restored.savedAt }, `${message}; what was saved serves`);
    else logger.warn({ serving }, inPart || !served ? message : `${message}; the last good one keeps serving`);
  }

  return {
    get current() {
      return served;
    },
    get restored() {
      return restored;
    },
    get findings() {
      return pending;
    },
    restore(saved) {
      restored = saved;
    },
    accept(result) {
      try {
        if (result.ok) judge(translateRevision(result.set, policy));
        else refuse(result);
      } catch (caught) {
        options.onBug(caught, 'the revision cannot be compiled');
        keep([], 'refused', 'the revision cannot be compiled');
      }
    },
    status: () => ({
      ...(served && servedSince !== undefined && { served: { ...served.revision, since: servedSince } }),
      ...(restored && { saved: { ...restored.revision, savedAt: restored.savedAt } }),
      ...(staleSince !== undefined && { staleSince }),
      inPart,
    }),
  };
}

function sizeOf({ revision, counts }: SavedState): ServedSize {
  return { hash: revision.hash, counts };
}

function describe({ revision, ir, findings }: TranslatedRevision): LogFields {
  const { hash, commit } = revision;
  const counts = { gateways: ir.gateways.length, ...countServed(ir), findings: findings.length };
  return { revision: hash, ...(commit !== undefined && { commit }), ...counts };
}
