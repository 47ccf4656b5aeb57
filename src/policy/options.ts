import type { TranslateOptions } from './context.ts';

/** What holds where nothing else is said. */
export const DEFAULT_POLICY_OPTIONS: TranslateOptions = {
  controllerName: 'headgate.dev/gateway-controller',
  endpointPrefixes: { openai: '', anthropic: '/anthropic', cohere: '/cohere' },
  maxRequestBodyBytes: 32 * 1024 * 1024,
};
