import { expect } from 'chai';
import type { JsonObject } from '../../../../src/providers/conversation.ts';
import { toVertexSchema } from '../../../../src/providers/vertex/schema.ts';

function converted(schema: JsonObject): { schema: JsonObject; leftOut: string[] } {
  const leftOut: string[] = [];
  return { schema: toVertexSchema(schema, (keyword) => void leftOut.push(keyword)), leftOut };
}

describe('schemas for the older models of Gemini', () => {
  it('puts references in place, with what stands beside them', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        at: { $ref: '#/$defs/place', description: 'where' },
        more: { type: 'array', items: { $ref: '#/$defs/place' } },
      },
      required: ['at'],
      additionalProperties: false,
      $defs: { place: { type: 'object', properties: { city: { type: 'string', minLength: 1 } } } },
    };
    const place = { type: 'OBJECT', properties: { city: { type: 'STRING', minLength: 1 } } };
    expect(converted(schema)).to.deep.equal({
      schema: {
        type: 'OBJECT',
        properties: { at: { ...place, description: 'where' }, more: { type: 'ARRAY', items: place } },
        required: ['at'],
      },
      leftOut: [],
    });
  });

  it('says null, const, oneOf and several types in its own words', () => {
    const schema = {
      type: 'object',
      properties: {
        a: { anyOf: [{ type: 'string' }, { type: 'null' }], title: 'A' },
        b: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
        c: { const: 'x' },
        d: { type: ['string', 'number', 'null'] },
        e: { enum: [1, 2] },
        f: { properties: {} },
      },
    };
    expect(converted(schema).schema).to.deep.equal({
      type: 'OBJECT',
      properties: {
        a: { title: 'A', type: 'STRING', nullable: true },
        b: { anyOf: [{ type: 'STRING' }, { type: 'INTEGER' }] },
        c: { type: 'STRING', enum: ['x'] },
        d: { anyOf: [{ type: 'STRING' }, { type: 'NUMBER' }], nullable: true },
        e: { type: 'NUMBER', enum: ['1', '2'] },
        f: { type: 'OBJECT', properties: {} },
      },
    });
  });

  it('says what it leaves out', () => {
    expect(converted({ type: 'object', patternProperties: {}, not: {} }).leftOut).to.deep.equal([
      'patternProperties',
      'not',
    ]);
    expect(converted({ $ref: '#/nowhere' })).to.deep.equal({ schema: { type: 'OBJECT' }, leftOut: ['$ref'] });
  });

  it('ends with a schema that holds itself, and refuses one that references make too large', () => {
    const tree = { $ref: '#/$defs/node', $defs: { node: { properties: { left: { $ref: '#/$defs/node' } } } } };
    expect(converted(tree)).to.deep.equal({
      schema: { type: 'OBJECT', properties: { left: { type: 'OBJECT' } } },
      leftOut: ['$ref'],
    });
    const $defs = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => {
        const next = { $ref: `#/$defs/n${i + 1}` };
        return [`n${i}`, { properties: { a: next, b: next } }];
      }),
    );
    expect(() => converted({ $ref: '#/$defs/n0', $defs })).to.throw('too large');
  });
});
