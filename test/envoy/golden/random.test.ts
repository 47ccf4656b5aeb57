import { expect } from 'chai';
import fc from 'fast-check';
import {
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
  type EnvoyResource,
  NEWEST_ENVOY,
} from '../../../src/envoy/index.ts';
import type { SecretValue, SecretValues } from '../../../src/ir/index.ts';
import { testCa } from '../../fakes/index.ts';
import { randomGateway } from '../../property/compiling/ir.ts';
import { inlineStatic, validateWithEnvoy } from '../../support/index.ts';

/** Certificates that Envoy can load, in place of the generator's. */
async function withCertificates(secrets: SecretValues): Promise<SecretValues> {
  const ca = await testCa();
  const { cert, key } = await ca.issue('a.example.com');
  const real = (value: SecretValue): SecretValue => {
    if (value.kind === 'tls') return { ...value, certificateChain: cert, privateKey: key };
    return value.kind === 'ca' ? { ...value, certificates: ca.cert } : value;
  };
  return new Map([...secrets].map(([name, value]) => [name, real(value)]));
}

describe('random gateways on the real Envoy', function () {
  this.timeout(120_000);

  it('pass its validation, without a warning', async () => {
    await fc.assert(
      fc.asyncProperty(randomGateway, async ({ gateway, secrets }) => {
        const values = await withCertificates(secrets);
        const { resources } = compileGateway(gateway, values, capabilitiesOf(NEWEST_ENVOY), DEFAULT_COMPILE_OPTIONS);
        const ofType = (type: EnvoyResource['type']): Record<string, unknown>[] =>
          resources.filter((resource) => resource.type === type).map(({ message }) => ({ ...message }));
        const { ok, output } = await validateWithEnvoy(
          inlineStatic({
            listeners: ofType('listener'),
            routes: ofType('route'),
            clusters: ofType('cluster'),
            endpoints: ofType('endpoints'),
            secrets: ofType('secret'),
            extensions: ofType('extension'),
          }),
        );
        expect(ok && !/\[(warning|error|critical)\]/.test(output), output.slice(0, 3000)).to.equal(true);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });
});
