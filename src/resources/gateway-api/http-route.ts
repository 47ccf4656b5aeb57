import { ParentReference, servicePortRule } from '../common/references.ts';
import {
  ApiGroup,
  ApiKind,
  DnsName,
  Duration,
  Hostname,
  NamespaceName,
  ObjectName,
  PortNumber,
} from '../common/scalars.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, list, object, optional, type Rule, type Static, variant } from '../schema.ts';
import { HTTPRouteFilters } from './http-route-filter.ts';
import { HTTPRouteMatch } from './http-route-match.ts';

/** A backend with its share of the traffic. */
export const HTTPBackendRef = object(
  {
    filters: optional(HTTPRouteFilters),
    group: variant(ApiGroup, { default: '' }),
    kind: variant(ApiKind, { default: 'Service' }),
    name: ObjectName,
    namespace: optional(NamespaceName),
    port: optional(PortNumber),
    weight: int32({ maximum: 1000000, minimum: 0, default: 1 }),
  },
  { rules: [servicePortRule] },
);
export type HTTPBackendRef = Static<typeof HTTPBackendRef>;

/** Time limits of a rule; zero turns a limit off. */
export const HTTPRouteTimeouts = object(
  { backendRequest: optional(Duration), request: optional(Duration) },
  {
    rules: [
      {
        rule: "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        message: 'backendRequest is longer than request',
      },
    ],
  },
);
export type HTTPRouteTimeouts = Static<typeof HTTPRouteTimeouts>;

/** A filter that replaces the matched prefix has one only where the rule has a single match, by prefix. */
const hasSinglePrefix =
  "((size(self.matches) != 1 || !has(self.matches[0].path) || self.matches[0].path.type != 'PathPrefix') ? false : true)";

function replacesPrefix(filter: 'requestRedirect' | 'urlRewrite'): string {
  return `exists_one(f, has(f.${filter}) && has(f.${filter}.path) && f.${filter}.path.type == 'ReplacePrefixMatch' && has(f.${filter}.path.replacePrefixMatch))`;
}

function prefixRule(filter: 'requestRedirect' | 'urlRewrite', type: string): Rule {
  return {
    rule: `(has(self.filters) && self.filters.${replacesPrefix(filter)}) ? ${hasSinglePrefix} : true`,
    message: `a ${type} with replacePrefixMatch needs exactly one match, of type PathPrefix`,
  };
}

function backendPrefixRule(filter: 'requestRedirect' | 'urlRewrite', type: string): Rule {
  return {
    rule: `(has(self.backendRefs) && self.backendRefs.exists_one(b, (has(b.filters) && b.filters.${replacesPrefix(filter)}) )) ? ${hasSinglePrefix} : true`,
    message: `a ${type} with replacePrefixMatch on a backend needs exactly one match, of type PathPrefix`,
  };
}

/** The number of matches of all rules, in a form whose cost Kubernetes can bound. */
const countMatches = Array.from(
  { length: 16 },
  (_, index) => `(self.size() > ${index} ? self[${index}].matches.size() : 0)`,
).join(' + ');

/** Matches, and what happens to requests that match. */
export const HTTPRouteRule = object(
  {
    backendRefs: optional(list(HTTPBackendRef, { maxItems: 16, 'x-kubernetes-list-type': 'atomic' })),
    filters: optional(HTTPRouteFilters),
    matches: list(HTTPRouteMatch, {
      maxItems: 64,
      'x-kubernetes-list-type': 'atomic',
      default: [{ path: { type: 'PathPrefix', value: '/' } }],
    }),
    name: optional(DnsName),
    timeouts: optional(HTTPRouteTimeouts),
  },
  {
    rules: [
      {
        rule: '(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true',
        message: 'a rule with a RequestRedirect filter has no backendRefs',
      },
      prefixRule('requestRedirect', 'RequestRedirect'),
      prefixRule('urlRewrite', 'URLRewrite'),
      backendPrefixRule('requestRedirect', 'RequestRedirect'),
      backendPrefixRule('urlRewrite', 'URLRewrite'),
    ],
  },
);
export type HTTPRouteRule = Static<typeof HTTPRouteRule>;

/** Rules for HTTP requests and the Gateways they attach to. */
export const HTTPRouteSpec = object({
  hostnames: optional(list(Hostname, { maxItems: 16, 'x-kubernetes-list-type': 'atomic' })),
  parentRefs: optional(
    list(ParentReference, {
      maxItems: 32,
      'x-kubernetes-list-type': 'atomic',
      rules: [
        {
          rule: "self.all(p1, self.all(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) ? ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')) : true))",
          message: 'a parent that is named twice needs sectionName each time, or never',
        },
        {
          rule: "self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ )) && (((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == '')) || (has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))",
          message: 'two references name the same section of one parent',
        },
      ],
    }),
  ),
  rules: list(HTTPRouteRule, {
    maxItems: 16,
    minItems: 1,
    'x-kubernetes-list-type': 'atomic',
    default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
    rules: [
      {
        rule: `${countMatches} <= 128`,
        message: 'the rules hold more than 128 matches together',
      },
    ],
  }),
});
export type HTTPRouteSpec = Static<typeof HTTPRouteSpec>;

export const httpRouteKind = defineKind({
  group: 'gateway.networking.k8s.io',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  versions: ['v1', 'v1beta1'],
  schema: object({ spec: HTTPRouteSpec, status: optional(freeForm()) }),
});
export type HTTPRoute = ObjectOf<typeof httpRouteKind, 'HTTPRoute'>;
