import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { compileRule } from '../../../src/resources/cel-rules.ts';
import { formatCrds, KINDS } from '../../../src/resources/index.ts';
import type { JsonSchema } from '../../../src/resources/json-schema.ts';

describe('CustomResourceDefinitions', () => {
  it('are those of config/crd: `npx tsx scripts/write-crds.ts` writes them', () => {
    const folder = fileURLToPath(new URL('../../../config/crd/', import.meta.url));
    const written = readdirSync(folder).map((name) => [name, readFileSync(folder + name, 'utf8')] as const);
    expect(new Map(written)).to.deep.equal(formatCrds());
  });
});

describe('kinds', () => {
  it('have schemas whose rules all compile and have a message', () => {
    let rules = 0;
    const visit = (schema: JsonSchema): void => {
      for (const { rule, message } of schema['x-kubernetes-validations'] ?? []) {
        compileRule(rule);
        expect(message, rule).not.to.equal('');
        rules++;
      }
      for (const property of Object.values(schema.properties ?? {})) visit(property);
      if (schema.items) visit(schema.items);
      if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties);
    };
    for (const kind of KINDS) visit(kind.schema);
    expect(rules).to.be.above(100);
  });

  it('name later fields that exist', () => {
    for (const kind of KINDS) {
      for (const path of kind.laterFields)
        expect(schemaAt(kind.schema, path), `${kind.kind} ${path}`).not.to.equal(undefined);
    }
  });

  it('are each there once, with their storage version among those served', () => {
    const names = KINDS.map((kind) => `${kind.kind}.${kind.group}`);
    expect(new Set(names).size).to.equal(names.length);
    for (const kind of KINDS) expect(kind.versions).to.include(kind.storageVersion);
  });
});

function schemaAt(schema: JsonSchema, path: string): JsonSchema | undefined {
  return path
    .replaceAll('[*]', '.*')
    .split('.')
    .reduce<JsonSchema | undefined>((at, part) => (part === '*' ? at?.items : at?.properties?.[part]), schema);
}
