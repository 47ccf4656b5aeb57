import { type FieldPath, type Finding, type FindingCode, type FindingLevel, formatFieldPath } from '../lib/findings.ts';
import { formatObjectId, type LoadedObject } from '../resources/index.ts';

/** Collects findings. */
export interface Report {
  readonly findings: readonly Finding[];
  error(code: FindingCode, at: LoadedObject, path: FieldPath, message: string, more?: FindingDetails): void;
  warning(code: FindingCode, at: LoadedObject, path: FieldPath, message: string, more?: FindingDetails): void;
  info(code: FindingCode, at: LoadedObject, path: FieldPath, message: string, more?: FindingDetails): void;
}

export interface FindingDetails {
  readonly hint?: string | undefined;
  readonly scope?: string;
}

/** Creates an empty report. */
export function createReport(): Report {
  const findings: Finding[] = [];
  const add =
    (level: FindingLevel) =>
    (code: FindingCode, at: LoadedObject, path: FieldPath, message: string, more: FindingDetails = {}): void => {
      const place = at.locate(path);
      const field = formatFieldPath(path);
      findings.push({
        code,
        level,
        message,
        object: formatObjectId(at.id),
        ...(place && { place }),
        ...(field !== '' && { field }),
        ...(more.hint !== undefined && { hint: more.hint }),
        ...(more.scope !== undefined && { scope: more.scope }),
      });
    };
  return { findings, error: add('error'), warning: add('warning'), info: add('info') };
}
