/** How regions begin, and what names of services in them end with, the latter by IPv6 too. Source: partitions of the AWS SDKs. */
const PARTITIONS = [
  ['cn-', 'amazonaws.com.cn', 'api.amazonwebservices.com.cn'],
  ['eusc-', 'amazonaws.eu', 'api.amazonwebservices.eu'],
  ['us-iso-', 'c2s.ic.gov', 'api.aws.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov', 'api.aws.scloud'],
  ['us-isof-', 'csp.hci.ic.gov', 'api.aws.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk', 'api.cloud-aws.adc-e.uk'],
  ['', 'amazonaws.com', 'api.aws'],
] as const;

const DOMAINS = PARTITIONS.flatMap(([, ...domains]) => domains);

/** Public, FIPS, dual-stack and VPC endpoints of Amazon Bedrock's runtime. */
const HOST = new RegExp(
  `(?:^|\\.)bedrock-runtime(?:-fips)?\\.([a-z0-9-]+)\\.(?:vpce\\.)?(?:${DOMAINS.join('|').replaceAll('.', '\\.')})$`,
);

/** The region that a host of Bedrock serves; undefined where its name does not say it. */
export function bedrockRegion(hostname: string): string | undefined {
  return HOST.exec(hostname.toLowerCase().replace(/\.$/, ''))?.[1];
}

/** What the names of services in a region end with. */
export function awsDomain(region: string): string {
  return PARTITIONS.find(([start]) => region.startsWith(start))?.[1] ?? 'amazonaws.com';
}

/** Patterns of all names of services. */
export const AWS_HOSTS: readonly string[] = DOMAINS.map((domain) => `*.${domain}`);
