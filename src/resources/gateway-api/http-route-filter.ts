import { Fraction, HeaderModifier, PathModifier } from '../common/http.ts';
import { BackendObjectReference, LocalObjectReference } from '../common/references.ts';
import { DnsName, HeaderName, integerChoice, Percent, PortNumber } from '../common/scalars.ts';
import { bool, choice, int32, list, object, optional, type Static, setOf, text } from '../schema.ts';

const aloneRule = { rule: "!('*' in self && self.size() > 1)", message: '"*" stands alone or not at all' };

/** Answers cross-origin requests. */
export const HTTPCorsFilter = object({
  allowCredentials: optional(bool()),
  allowHeaders: optional(
    setOf(HeaderName, {
      maxItems: 64,
      rules: [aloneRule],
    }),
  ),
  allowMethods: optional(
    setOf(choice(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*']), {
      maxItems: 9,
      rules: [aloneRule],
    }),
  ),
  allowOrigins: optional(
    setOf(
      text({
        maxLength: 253,
        minLength: 1,
        pattern: '(^\\*$)|(^(http(s)?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)',
      }),
      {
        maxItems: 64,
        rules: [aloneRule],
      },
    ),
  ),
  exposeHeaders: optional(setOf(HeaderName, { maxItems: 64 })),
  maxAge: int32({ minimum: 1, default: 5 }),
});
export type HTTPCorsFilter = Static<typeof HTTPCorsFilter>;

/** Sends a copy of requests to another backend. */
export const HTTPRequestMirrorFilter = object(
  { backendRef: BackendObjectReference, fraction: optional(Fraction), percent: optional(Percent) },
  {
    rules: [{ rule: '!(has(self.percent) && has(self.fraction))', message: 'percent and fraction exclude each other' }],
  },
);
export type HTTPRequestMirrorFilter = Static<typeof HTTPRequestMirrorFilter>;

/** Answers with a redirect. */
export const HTTPRequestRedirectFilter = object({
  hostname: optional(DnsName),
  path: optional(PathModifier),
  port: optional(PortNumber),
  scheme: optional(choice(['http', 'https'])),
  statusCode: integerChoice([301, 302, 303, 307, 308], { default: 302 }),
});
export type HTTPRequestRedirectFilter = Static<typeof HTTPRequestRedirectFilter>;

/** Rewrites host and path before the request is forwarded. */
export const HTTPUrlRewriteFilter = object({ hostname: optional(DnsName), path: optional(PathModifier) });
export type HTTPUrlRewriteFilter = Static<typeof HTTPUrlRewriteFilter>;

/** The field that holds each type of filter. */
const FILTER_FIELDS = [
  ['CORS', 'cors'],
  ['RequestHeaderModifier', 'requestHeaderModifier'],
  ['ResponseHeaderModifier', 'responseHeaderModifier'],
  ['RequestMirror', 'requestMirror'],
  ['RequestRedirect', 'requestRedirect'],
  ['URLRewrite', 'urlRewrite'],
  ['ExtensionRef', 'extensionRef'],
] as const;

const UNREPEATABLE = [
  'CORS',
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestRedirect',
  'URLRewrite',
] as const;

/** One step in the treatment of a request; `type` names the field that holds it. */
export const HTTPRouteFilter = object(
  {
    cors: optional(HTTPCorsFilter),
    extensionRef: optional(LocalObjectReference),
    requestHeaderModifier: optional(HeaderModifier),
    requestMirror: optional(HTTPRequestMirrorFilter),
    requestRedirect: optional(HTTPRequestRedirectFilter),
    responseHeaderModifier: optional(HeaderModifier),
    type: choice([
      'RequestHeaderModifier',
      'ResponseHeaderModifier',
      'RequestMirror',
      'RequestRedirect',
      'URLRewrite',
      'ExtensionRef',
      'CORS',
    ]),
    urlRewrite: optional(HTTPUrlRewriteFilter),
  },
  {
    rules: FILTER_FIELDS.flatMap(([type, field]) => [
      { rule: `!(has(self.${field}) && self.type != '${type}')`, message: `${field} belongs to type ${type}` },
      { rule: `!(!has(self.${field}) && self.type == '${type}')`, message: `type ${type} needs ${field}` },
    ]),
  },
);
export type HTTPRouteFilter = Static<typeof HTTPRouteFilter>;

/** Filters of a rule or of a backend. */
export const HTTPRouteFilters = list(HTTPRouteFilter, {
  maxItems: 16,
  'x-kubernetes-list-type': 'atomic',
  rules: [
    {
      rule: "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
      message: 'RequestRedirect and URLRewrite exclude each other',
    },
    ...UNREPEATABLE.map((type) => ({
      rule: `self.filter(f, f.type == '${type}').size() <= 1`,
      message: `a list holds at most one ${type} filter`,
    })),
  ],
});
export type HTTPRouteFilters = Static<typeof HTTPRouteFilters>;
