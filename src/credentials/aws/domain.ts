/** Partitions whose names end differently, by the start of their regions. */
const DOMAINS: Readonly<Record<string, string>> = {
  'cn-': 'amazonaws.com.cn',
  'eusc-': 'amazonaws.eu',
  'us-iso-': 'c2s.ic.gov',
  'us-isob-': 'sc2s.sgov.gov',
};

/** What the names of services in a region end with. */
export function awsDomain(region: string): string {
  const [, domain] = Object.entries(DOMAINS).find(([start]) => region.startsWith(start)) ?? [];
  return domain ?? 'amazonaws.com';
}
