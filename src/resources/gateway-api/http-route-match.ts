import { HeaderMatch } from '../common/http.ts';
import { HeaderName, HttpMethod } from '../common/scalars.ts';
import { choice, listMap, object, optional, type Static, text, variant } from '../schema.ts';

/** A condition on the path. */
export const HTTPPathMatch = object(
  {
    type: choice(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
    value: text({ maxLength: 1024, default: '/' }),
  },
  {
    rules: [
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
        message: 'value does not start with "/"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true",
        message: 'value contains "//"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('/./') : true",
        message: 'value contains "/./"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('/../') : true",
        message: 'value contains "/../"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('%2f') : true",
        message: 'value contains an encoded "/"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('%2F') : true",
        message: 'value contains an encoded "/"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('#') : true",
        message: 'value contains "#"',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.endsWith('/..') : true",
        message: 'value ends with "/.."',
      },
      {
        rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.endsWith('/.') : true",
        message: 'value ends with "/."',
      },
      {
        rule: "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
        message: 'type is not Exact, PathPrefix or RegularExpression',
      },
      {
        rule: '(self.type in [\'Exact\',\'PathPrefix\']) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&\'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true',
        message: 'value contains characters that no path has',
      },
    ],
  },
);
export type HTTPPathMatch = Static<typeof HTTPPathMatch>;

/** A condition on one query parameter. */
export const HTTPQueryParamMatch = object({
  name: HeaderName,
  type: choice(['Exact', 'RegularExpression'], { default: 'Exact' }),
  value: text({ maxLength: 1024, minLength: 1 }),
});
export type HTTPQueryParamMatch = Static<typeof HTTPQueryParamMatch>;

/** Conditions on a request; all must hold. */
export const HTTPRouteMatch = object({
  headers: optional(listMap(['name'], HeaderMatch, { maxItems: 16 })),
  method: optional(HttpMethod),
  path: variant(HTTPPathMatch, { default: { type: 'PathPrefix', value: '/' } }),
  queryParams: optional(listMap(['name'], HTTPQueryParamMatch, { maxItems: 16 })),
});
export type HTTPRouteMatch = Static<typeof HTTPRouteMatch>;
