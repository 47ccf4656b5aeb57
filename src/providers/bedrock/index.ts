import type { ProviderFacts } from '../facts.ts';

const publicHosts = ['*.amazonaws.com', '*.api.aws'];

/** Amazon Bedrock's Converse and InvokeModel: no client speaks them, so every request needs translation. */
export const bedrock: ProviderFacts = { schema: 'AWSBedrock', paths: {}, publicHosts };

/** Anthropic's models on Bedrock: their bodies need changes that the data path alone does not make. */
export const awsAnthropic: ProviderFacts = { schema: 'AWSAnthropic', paths: {}, publicHosts };
