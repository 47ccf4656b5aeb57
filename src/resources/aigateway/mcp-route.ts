import { HeaderMatch } from '../common/http.ts';
import {
  BackendObjectReference,
  ParentReference,
  SecretObjectReference,
  servicePortRule,
} from '../common/references.ts';
import { Hostname } from '../common/scalars.ts';
import { ConditionStatus } from '../common/status.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { list, listMap, object, optional, type Static, text, variant } from '../schema.ts';
import { McpBackendSelector, McpSecurityPolicy } from './mcp-security.ts';
import { AIGATEWAY_GROUP } from './names.ts';

const ApiKey = object(
  {
    header: optional(text({ minLength: 1, description: 'Header of the key; a bearer token unless set.' })),
    inline: optional(text({ description: 'The key itself.' })),
    queryParam: optional(text({ minLength: 1, description: 'Query parameter of the key.' })),
    secretRef: optional(variant(SecretObjectReference, { description: 'Secret with the key under apiKey.' })),
  },
  {
    description: 'A key the server is given.',
    rules: [
      {
        rule: '(has(self.secretRef) && !has(self.inline)) || (!has(self.secretRef) && has(self.inline))',
        message: 'exactly one of secretRef and inline must be set',
      },
      {
        rule: '!(has(self.header) && has(self.queryParam))',
        message: 'header and queryParam exclude each other',
      },
    ],
  },
);

/** Which tools of a server are shown; what is excluded stays hidden. */
export const McpToolSelector = object(
  {
    exclude: optional(list(text(), { maxItems: 32, description: 'Names of tools to hide.' })),
    excludeRegex: optional(list(text(), { maxItems: 32, description: 'RE2 expressions of names to hide.' })),
    include: optional(list(text(), { maxItems: 32, description: 'Names of tools to show.' })),
    includeRegex: optional(list(text(), { maxItems: 32, description: 'RE2 expressions of names to show.' })),
  },
  {
    description: 'Which tools of the server are shown; all unless set.',
    rules: [
      {
        rule: '!(has(self.include) && has(self.includeRegex))',
        message: 'include and includeRegex exclude each other',
      },
      {
        rule: '!(has(self.exclude) && has(self.excludeRegex))',
        message: 'exclude and excludeRegex exclude each other',
      },
      {
        rule: 'has(self.include) || has(self.includeRegex) || has(self.exclude) || has(self.excludeRegex)',
        message: 'one of include, includeRegex, exclude and excludeRegex is needed',
      },
    ],
  },
);
export type McpToolSelector = Static<typeof McpToolSelector>;

/** An MCP server. */
export const McpBackendRef = object(
  {
    ...BackendObjectReference.properties,
    forwardHeaders: optional(
      list(
        object({
          backendHeader: optional(
            text({ minLength: 1, description: 'Name the server gets it under; the same unless set.' }),
          ),
          name: text({ minLength: 1, description: 'Header of the client.' }),
        }),
        { maxItems: 32, description: 'Headers of the client that the server gets.' },
      ),
    ),
    path: text({ default: '/mcp', maxLength: 1024, description: 'Path of the server.' }),
    securityPolicy: optional(
      object({ apiKey: optional(ApiKey) }, { description: 'How the gateway authenticates at the server.' }),
    ),
    toolSelector: optional(McpToolSelector),
  },
  { rules: [servicePortRule] },
);
export type McpBackendRef = Static<typeof McpBackendRef>;

/** What an MCPRoute says. */
export const MCPRouteSpec = object({
  backendRefs: list(McpBackendRef, {
    minItems: 1,
    maxItems: 256,
    description: 'The servers that are shown as one.',
    rules: [{ rule: 'self.all(i, self.exists_one(j, j.name == i.name))', message: 'two backends have the same name' }],
  }),
  backendSelector: optional(
    variant(McpBackendSelector, { description: 'Which servers a session has; all unless set.' }),
  ),
  headers: optional(listMap(['name'], HeaderMatch, { maxItems: 16, description: 'Headers that must all match.' })),
  hostnames: optional(
    list(Hostname, { maxItems: 16, description: 'Host names the route is for; all of its listeners unless set.' }),
  ),
  parentRefs: list(ParentReference, {
    minItems: 1,
    maxItems: 16,
    description: 'Gateways the route attaches to.',
    rules: [{ rule: "self.all(match, match.kind == 'Gateway')", message: 'a parent must be a Gateway' }],
  }),
  path: text({ default: '/mcp', maxLength: 1024, description: 'Path of the route.' }),
  securityPolicy: optional(variant(McpSecurityPolicy, { description: 'Who may use the route.' })),
});
export type MCPRouteSpec = Static<typeof MCPRouteSpec>;

/** Shows several MCP servers as one. */
export const mcpRouteKind = defineKind({
  group: AIGATEWAY_GROUP,
  versions: ['v1beta1', 'v1alpha1'],
  deprecatedVersions: ['v1alpha1'],
  kind: 'MCPRoute',
  plural: 'mcproutes',
  schema: object({ spec: MCPRouteSpec, status: optional(ConditionStatus) }),
  laterFields: ['spec'],
});
export type MCPRoute = ObjectOf<typeof mcpRouteKind>;
