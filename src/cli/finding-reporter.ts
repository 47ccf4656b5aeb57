import { type Finding, formatFinding } from '../lib/findings.ts';
import type { Logger } from '../telemetry/index.ts';

/** Logs findings when they come, and not again while they stay. */
export interface FindingReporter {
  /** Shape: all findings of now, in the order in which they are to be read. */
  report(findings: readonly Finding[]): void;
}

export function createFindingReporter(logger: Logger): FindingReporter {
  const config = logger.child({ component: 'config' });
  let standing = new Set<string>();
  return {
    report(findings) {
      const now = new Map(findings.map((finding) => [identityOf(finding), finding]));
      for (const [identity, finding] of now) {
        if (standing.has(identity)) continue;
        config[finding.level === 'warning' ? 'warn' : finding.level]({}, formatFinding(finding));
      }
      const gone = [...standing].filter((identity) => !now.has(identity)).length;
      if (gone > 0)
        config.info({ left: now.size }, gone === 1 ? 'a finding is settled' : `${gone} findings are settled`);
      standing = new Set(now.keys());
    },
  };
}

/** A finding stays the same one when lines before its object come or go. */
function identityOf({ place, ...rest }: Finding): string {
  return formatFinding(rest.object === undefined && place ? { ...rest, place } : rest);
}
