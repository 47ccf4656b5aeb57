import { HeaderMatch } from '../common/http.ts';
import { HeaderName, HttpMethod } from '../common/scalars.ts';
import { choice, listMap, object, optional, type Rule, type Static, text, variant } from '../schema.ts';

const PATH_CHARACTERS = "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$";

/** A rule for paths that are compared as they are, not as expressions. */
function plainPathRule(rule: string, message: string): Rule {
  return { rule: `(self.type in ['Exact','PathPrefix']) ? ${rule} : true`, message };
}

/** A condition on the path. */
export const HTTPPathMatch = object(
  {
    type: choice(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
    value: text({ maxLength: 1024, default: '/' }),
  },
  {
    rules: [
      plainPathRule("self.value.startsWith('/')", 'value does not start with "/"'),
      plainPathRule("!self.value.contains('//')", 'value contains "//"'),
      plainPathRule("!self.value.contains('/./')", 'value contains "/./"'),
      plainPathRule("!self.value.contains('/../')", 'value contains "/../"'),
      plainPathRule("!self.value.contains('%2f')", 'value contains an encoded "/"'),
      plainPathRule("!self.value.contains('%2F')", 'value contains an encoded "/"'),
      plainPathRule("!self.value.contains('#')", 'value contains "#"'),
      plainPathRule("!self.value.endsWith('/..')", 'value ends with "/.."'),
      plainPathRule("!self.value.endsWith('/.')", 'value ends with "/."'),
      {
        rule: "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
        message: 'type is not Exact, PathPrefix or RegularExpression',
      },
      plainPathRule(`self.value.matches(r"""${PATH_CHARACTERS}""")`, 'value contains characters that no path has'),
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
