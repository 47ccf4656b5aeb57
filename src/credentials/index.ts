/**
 * What Envoy cannot fetch itself: tokens of AWS, Azure and Google Cloud. In: how each is had (token sources of the
 * policy). Out: secret values, the second input of `envoy`, renewed ahead of their end; findings and metrics where that
 * fails. Must not know objects, Envoy resources or who the secrets are sent to. A secret is never logged or printed.
 */
export { createTokens, type TokenStatus } from './tokens.ts';
