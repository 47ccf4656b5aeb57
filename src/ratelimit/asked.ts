import type { FoundLimit } from './find-limit.ts';
import type { Descriptor } from './wire.ts';

/** What is known of one descriptor while its request is decided. */
export interface Asked {
  /** Without the time of its reservation. */
  readonly descriptor: Descriptor;
  readonly reservedAt: number | undefined;
  /** Undefined: no limit, an unlimited one, or one that another replaces. */
  found: FoundLimit | undefined;
  readonly unlimited: boolean;
  readonly hits: number;
}
