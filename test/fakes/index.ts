/**
 * Strict fakes of providers. In: HTTP requests and a test's settings. Out: what the provider would answer, and a record
 * of every request. They refuse what the provider refuses, and must not know anything of Headgate or of Envoy.
 */
export { ANTHROPIC_KEY, type AnthropicOptions, startAnthropic } from './anthropic/index.ts';
export { AZURE_KEY, type AzureOptions, startAzure } from './azure.ts';
export { AWS_CREDENTIALS, type AwsCredentials, type BedrockOptions, startBedrock } from './bedrock/index.ts';
export { type Identity, type TestCa, testCa } from './certs.ts';
export { COHERE_KEY, type CohereOptions, startCohere } from './cohere.ts';
export type { ForeignCredential } from './credentials.ts';
export { Fake, type FakeOptions } from './fake.ts';
export { OPENAI_KEY, type OpenAiOptions, startOpenAi } from './openai/index.ts';
export type { RecordedRequest } from './recorded.ts';
export type { Script, Stop, ToolCall } from './script.ts';
export type { FakeSettings, Fault, FaultPlan, Usage } from './settings.ts';
export { countTokens } from './usage.ts';
export { startVertex, VERTEX_LOCATION, VERTEX_PROJECT, VERTEX_TOKEN, type VertexOptions } from './vertex/index.ts';
