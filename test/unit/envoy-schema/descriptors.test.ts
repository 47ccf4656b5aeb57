import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { API_VERSION, DESCRIPTOR_HASH, messageTypes } from '../../../src/envoy/schema/index.ts';

const read = (name: string): Buffer => readFileSync(new URL(`../../../protos/${name}`, import.meta.url));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Provenance {
  readonly apiVersion: string;
  readonly modules: readonly { readonly path: string; readonly version: string; readonly sum: string }[];
  readonly files: Readonly<Record<string, { readonly sha256: string }>>;
}

describe('generated descriptors', () => {
  const provenance = JSON.parse(read('provenance.json').toString()) as Provenance;

  it('are what their provenance says', () => {
    expect(provenance.files['envoy-v3.binpb']?.sha256).to.equal(sha256(gunzipSync(read('envoy-v3.binpb.gz'))));
    expect(provenance.files['served.json']?.sha256).to.equal(sha256(gunzipSync(read('served.json.gz'))));
    expect(provenance.files['constraints.json']?.sha256).to.equal(sha256(read('constraints.json')));
    expect(DESCRIPTOR_HASH).to.equal(provenance.files['served.json']?.sha256);
  });

  it('name the modules they come from, with checksums', () => {
    expect(provenance.apiVersion).to.equal(API_VERSION);
    expect(provenance.modules[0]).to.include({
      path: 'github.com/envoyproxy/go-control-plane/envoy',
      version: API_VERSION,
    });
    for (const { path, version, sum } of provenance.modules) {
      expect(version, path).to.match(/^v\d/);
      expect(sum, path).to.match(/^h1:/);
    }
  });

  it('are declared to the compiler, message by message', () => {
    const declarations = readFileSync(new URL('../../../src/envoy/schema/types.gen.ts', import.meta.url), 'utf8');
    const start = declarations.indexOf('export interface Messages {');
    const declared = [...declarations.slice(start).matchAll(/^ {2}readonly '([^']+)':/gm)].map((match) => match[1]);
    expect(declared).to.deep.equal(messageTypes());
  });

  it('hold no constraint for a message that is not served', () => {
    const served = new Set(messageTypes());
    const constrained = Object.keys(JSON.parse(read('constraints.json').toString()) as object);
    expect(constrained.filter((name) => !served.has(name))).to.deep.equal([]);
    expect(constrained.length).to.be.greaterThan(300);
  });
});
