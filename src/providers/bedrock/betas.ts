/**
 * Anthropic's betas that Bedrock takes, as data: it refuses a request that names another one, and clients name those of
 * Anthropic's own API. Source: Amazon Bedrock user guide, Anthropic Claude Messages API, `anthropic_beta`.
 */
export const BEDROCK_BETAS: ReadonlySet<string> = new Set([
  'compact-2026-01-12',
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'dev-full-thinking-2025-05-14',
  'effort-2025-11-24',
  'fine-grained-tool-streaming-2025-05-14',
  'interleaved-thinking-2025-05-14',
  'output-128k-2025-02-19',
  'token-efficient-tools-2025-02-19',
  'tool-examples-2025-10-29',
  'tool-search-tool-2025-10-19',
]);

/** Names that betas have at Anthropic and not here. */
export const BEDROCK_BETA_NAMES: ReadonlyMap<string, string> = new Map([
  ['advanced-tool-use-2025-11-20', 'tool-search-tool-2025-10-19'],
]);
