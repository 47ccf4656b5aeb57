/** Authorization by a service outside of Envoy, as Envoy Gateway lets it be set. */
import {
  bool,
  choice,
  int32,
  list,
  listMap,
  object,
  optional,
  type Rule,
  type Static,
  text,
  variant,
} from '../schema.ts';
import { policyBackendFields } from './policy-backend.ts';
import { LocalObjectReference } from './references.ts';
import { Duration, integerChoice } from './scalars.ts';

const serverRules: Rule[] = [
  { rule: 'has(self.backendRef) || self.backendRefs.size() > 0', message: 'backendRefs is needed' },
  {
    rule: "has(self.backendRefs) ? self.backendRefs.all(f, f.kind == 'Service' || f.kind == 'ServiceImport' || f.kind == 'Backend') : true",
    message: 'a backend must be a Service, a ServiceImport or a Backend',
  },
  {
    rule: "has(self.backendRefs) ? (self.backendRefs.all(f, f.group == '' || f.group == 'multicluster.x-k8s.io' || f.group == 'gateway.envoyproxy.io')) : true",
    message: 'the group of a backend must be empty, multicluster.x-k8s.io or gateway.envoyproxy.io',
  },
];

const ContextExtension = object(
  {
    name: text({ description: 'Key of the entry.' }),
    type: choice(['Value', 'ValueRef'], { default: 'Value', description: 'Where the value comes from.' }),
    value: optional(text({ description: 'The value itself.' })),
    valueRef: optional(
      object(
        { ...LocalObjectReference.properties, key: text({ description: 'Key in the object.' }) },
        {
          description: 'A ConfigMap or Secret that holds the value.',
          rules: [
            {
              rule: "self.kind in ['ConfigMap', 'Secret'] && self.group in ['', 'v1']",
              message: 'valueRef must name a ConfigMap or a Secret',
            },
          ],
        },
      ),
    ),
  },
  {
    rules: [
      {
        rule: "(self.type == 'Value' && has(self.value) && !has(self.valueRef)) || (self.type == 'ValueRef' && !has(self.value) && has(self.valueRef))",
        message: 'exactly one of value and valueRef must be set, as type says',
      },
    ],
  },
);

/** Status codes a request may be answered with when the service fails. */
const ErrorStatus = integerChoice([
  400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 426,
  428, 429, 431, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
]);

/** A service that is asked whether a request may pass. */
export const ExtAuth = object(
  {
    bodyToExtAuth: optional(
      object(
        { maxRequestBytes: int32({ minimum: 1, description: 'Largest body that is sent.' }) },
        { description: 'Send the body of the request too.' },
      ),
    ),
    contextExtensions: optional(
      listMap(['name'], ContextExtension, { description: 'Entries sent with each question.' }),
    ),
    failOpen: bool({ default: false, description: 'Let requests pass when the service fails.' }),
    grpc: optional(object(policyBackendFields, { rules: serverRules, description: 'A service that speaks gRPC.' })),
    headersToExtAuth: optional(list(text(), { description: 'Headers the service gets.' })),
    http: optional(
      object(
        {
          ...policyBackendFields,
          headersToBackend: optional(list(text(), { description: 'Headers of its answer that the backend gets.' })),
          path: optional(text({ description: 'Path before that of the request.' })),
          pathOverride: optional(text({ description: 'Path in place of that of the request.' })),
        },
        {
          description: 'A service that speaks HTTP.',
          rules: [
            ...serverRules,
            {
              rule: '!(has(self.path) && has(self.pathOverride))',
              message: 'path and pathOverride exclude each other',
            },
          ],
        },
      ),
    ),
    includeRouteMetadata: optional(bool({ description: 'Send the metadata of the route too.' })),
    recomputeRoute: optional(bool({ description: 'Route again after the headers have changed.' })),
    statusOnError: optional(variant(ErrorStatus, { format: 'int32', description: 'Answer when the service fails.' })),
    timeout: optional(variant(Duration, { description: 'How long to wait for the service.' })),
  },
  {
    rules: [
      { rule: '(has(self.grpc) || has(self.http))', message: 'one of grpc and http is needed' },
      {
        rule: '(has(self.grpc) && !has(self.http)) || (!has(self.grpc) && has(self.http))',
        message: 'grpc and http exclude each other',
      },
    ],
  },
);
export type ExtAuth = Static<typeof ExtAuth>;
