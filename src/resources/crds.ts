import { stringify } from 'yaml';
import { aigatewayKinds } from './aigateway/index.ts';
import type { JsonSchema } from './json-schema.ts';
import { apiVersionOf, type Kind } from './kind.ts';

const META_PROPERTIES = {
  apiVersion: { type: 'string', description: 'Group and version of the kind.' },
  kind: { type: 'string', description: 'Name of the kind.' },
  metadata: { type: 'object' },
};

/** A CustomResourceDefinition, as far as code here looks into it. */
export interface Crd {
  readonly apiVersion: string;
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: object;
}

/** Whether the last condition is good; the kinds of this group have at most one. */
const STATUS_COLUMN = { name: 'Status', type: 'string', jsonPath: '.status.conditions[-1:].type' };

/**
 * CustomResourceDefinitions of the kinds that are ours to define.
 * Shape: plain objects of apiextensions.k8s.io/v1, in order of name.
 */
export function emitCrds(kinds: readonly Kind[] = aigatewayKinds): Crd[] {
  const sorted = [...kinds].sort((a, b) => (a.plural < b.plural ? -1 : 1));
  return sorted.map(emitCrd);
}

function emitCrd(kind: Kind): Crd {
  const singular = kind.kind.toLowerCase();
  const { required }: JsonSchema = kind.schema;
  const schema = {
    type: 'object',
    ...(required && { required }),
    properties: { ...META_PROPERTIES, ...plainProperties(kind) },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}`, ...(kind.crdLabels && { labels: kind.crdLabels }) },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular,
        ...(kind.shortNames && { shortNames: kind.shortNames }),
      },
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      versions: kind.versions.map((name) => ({
        name,
        served: true,
        storage: name === kind.storageVersion,
        ...(kind.deprecatedVersions.includes(name) && {
          deprecated: true,
          deprecationWarning: `${apiVersionOf(kind, name)} is deprecated: use ${apiVersionOf(kind)}`,
        }),
        additionalPrinterColumns: [STATUS_COLUMN],
        subresources: { status: {} },
        schema: { openAPIV3Schema: schema },
      })),
    },
  };
}

/** The schemas without what typebox hides in them: the JSON alone. */
function plainProperties(kind: Kind): Record<string, JsonSchema> {
  const properties: Record<string, JsonSchema> = JSON.parse(JSON.stringify(kind.schema.properties));
  return properties;
}

/** The CustomResourceDefinitions as YAML files, by file name. */
export function formatCrds(): Map<string, string> {
  const files = new Map<string, string>();
  for (const crd of emitCrds()) {
    const { metadata } = crd;
    files.set(`${metadata.name}.yaml`, stringify(crd, { aliasDuplicateObjects: false, lineWidth: 120 }));
  }
  return files;
}
