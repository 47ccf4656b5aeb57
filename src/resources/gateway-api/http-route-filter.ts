import { Fraction, HeaderModifier, PathModifier } from '../common/http.ts';
import { BackendObjectReference, LocalObjectReference } from '../common/references.ts';
import { DnsName, HeaderName, integerChoice, Percent, PortNumber } from '../common/scalars.ts';
import { bool, choice, int32, list, object, optional, type Static, setOf, text } from '../schema.ts';

/** Answers cross-origin requests. */
export const HTTPCorsFilter = object({
  allowCredentials: optional(bool()),
  allowHeaders: optional(
    setOf(HeaderName, {
      maxItems: 64,
      rules: [{ rule: "!('*' in self && self.size() > 1)", message: '"*" stands alone or not at all' }],
    }),
  ),
  allowMethods: optional(
    setOf(choice(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*']), {
      maxItems: 9,
      rules: [{ rule: "!('*' in self && self.size() > 1)", message: '"*" stands alone or not at all' }],
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
        rules: [{ rule: "!('*' in self && self.size() > 1)", message: '"*" stands alone or not at all' }],
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
    rules: [
      { rule: "!(has(self.cors) && self.type != 'CORS')", message: 'cors belongs to type CORS' },
      { rule: "!(!has(self.cors) && self.type == 'CORS')", message: 'type CORS needs cors' },
      {
        rule: "!(has(self.requestHeaderModifier) && self.type != 'RequestHeaderModifier')",
        message: 'requestHeaderModifier belongs to type RequestHeaderModifier',
      },
      {
        rule: "!(!has(self.requestHeaderModifier) && self.type == 'RequestHeaderModifier')",
        message: 'type RequestHeaderModifier needs requestHeaderModifier',
      },
      {
        rule: "!(has(self.responseHeaderModifier) && self.type != 'ResponseHeaderModifier')",
        message: 'responseHeaderModifier belongs to type ResponseHeaderModifier',
      },
      {
        rule: "!(!has(self.responseHeaderModifier) && self.type == 'ResponseHeaderModifier')",
        message: 'type ResponseHeaderModifier needs responseHeaderModifier',
      },
      {
        rule: "!(has(self.requestMirror) && self.type != 'RequestMirror')",
        message: 'requestMirror belongs to type RequestMirror',
      },
      {
        rule: "!(!has(self.requestMirror) && self.type == 'RequestMirror')",
        message: 'type RequestMirror needs requestMirror',
      },
      {
        rule: "!(has(self.requestRedirect) && self.type != 'RequestRedirect')",
        message: 'requestRedirect belongs to type RequestRedirect',
      },
      {
        rule: "!(!has(self.requestRedirect) && self.type == 'RequestRedirect')",
        message: 'type RequestRedirect needs requestRedirect',
      },
      {
        rule: "!(has(self.urlRewrite) && self.type != 'URLRewrite')",
        message: 'urlRewrite belongs to type URLRewrite',
      },
      { rule: "!(!has(self.urlRewrite) && self.type == 'URLRewrite')", message: 'type URLRewrite needs urlRewrite' },
      {
        rule: "!(has(self.extensionRef) && self.type != 'ExtensionRef')",
        message: 'extensionRef belongs to type ExtensionRef',
      },
      {
        rule: "!(!has(self.extensionRef) && self.type == 'ExtensionRef')",
        message: 'type ExtensionRef needs extensionRef',
      },
    ],
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
    { rule: "self.filter(f, f.type == 'CORS').size() <= 1", message: 'a list holds at most one CORS filter' },
    {
      rule: "self.filter(f, f.type == 'RequestHeaderModifier').size() <= 1",
      message: 'a list holds at most one RequestHeaderModifier filter',
    },
    {
      rule: "self.filter(f, f.type == 'ResponseHeaderModifier').size() <= 1",
      message: 'a list holds at most one ResponseHeaderModifier filter',
    },
    {
      rule: "self.filter(f, f.type == 'RequestRedirect').size() <= 1",
      message: 'a list holds at most one RequestRedirect filter',
    },
    {
      rule: "self.filter(f, f.type == 'URLRewrite').size() <= 1",
      message: 'a list holds at most one URLRewrite filter',
    },
  ],
});
export type HTTPRouteFilters = Static<typeof HTTPRouteFilters>;
