import type { FieldPath } from '../lib/findings.ts';

/** The object and field that something compiled comes from: the way back from Envoy to the YAML. */
export interface OriginIr {
  /** `Kind/namespace/name`. */
  readonly object: string;
  readonly field: FieldPath;
}
