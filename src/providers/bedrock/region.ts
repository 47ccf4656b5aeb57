/** Public, FIPS, dual-stack and VPC endpoints of Amazon Bedrock's runtime. */
const HOST =
  /(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.amazonaws\.com|amazonaws\.com(?:\.cn)?|api\.aws)$/;

/** The region that a host of Bedrock serves; undefined where its name does not say it. */
export function bedrockRegion(hostname: string): string | undefined {
  return HOST.exec(hostname.toLowerCase().replace(/\.$/, ''))?.[1];
}
