/** Resources that a proxy forgets unless it hears of them again. */
import { expect } from 'chai';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import { decodeRaw } from '../../src/envoy/schema/to-json.ts';
import { type RawClient, type Received, resource, type Variant } from './client.ts';
import { type Fixture, startServer, subscription, TYPE, until, VARIANTS } from './fixture.ts';

const { cluster: CDS, endpoints: EDS } = TYPE;
const WRAPPER = 'type.googleapis.com/envoy.service.discovery.v3.Resource';
const TTL_MS = 400;

interface Timed {
  readonly name: string;
  readonly version: string;
  readonly ttlMs: number | undefined;
  readonly content: string | undefined;
}

interface RawResource {
  readonly name: string;
  readonly version: string;
  readonly ttl?: { readonly seconds?: unknown; readonly nanos?: number } | null;
  readonly resource?: { readonly value: Uint8Array } | null;
}

function timed({ name, version, ttl, resource: body }: RawResource): Timed {
  return {
    name,
    version,
    ttlMs: ttl ? Number(ttl.seconds ?? 0) * 1000 + (ttl.nanos ?? 0) / 1_000_000 : undefined,
    content: body ? Buffer.from(body.value).toString() : undefined,
  };
}

/** The resources of a response, out of their wrappers. */
function read(variant: Variant, { raw }: Received): Timed[] {
  if (variant === 'delta')
    return (discoveryCodec.decodeDeltaResponse(raw).resources as readonly RawResource[]).map(timed);
  return discoveryCodec
    .decodeResponse(raw)
    .resources.map(({ type_url, value }) =>
      type_url === WRAPPER
        ? timed(decodeRaw('envoy.service.discovery.v3.Resource', value) as unknown as RawResource)
        : { name: '', version: '', ttlMs: undefined, content: Buffer.from(value).toString() },
    );
}

const FEATURES = { sotw: ['xds.config.resource-in-sotw'], delta: ['xds.config.supports-resource-ttl'] };

for (const variant of VARIANTS) {
  describe(`xDS time to live, ${variant}`, () => {
    let fixture: Fixture;
    beforeEach(async () => {
      fixture = await startServer();
    });
    afterEach(() => fixture.close());

    const able = (): RawClient => fixture.client(variant, { node: { id: 'n', client_features: FEATURES[variant] } });
    const publish = (typeUrl: string, content = '1') =>
      fixture.publish('g', [{ ...resource(typeUrl, 'a', content), ttlMs: TTL_MS }, resource(typeUrl, 'b')]);

    it('X-52: is told to a client that knows of it, of the resources that have one', async () => {
      publish(EDS);
      const client = able();
      client.ask(subscription(variant, EDS, ['a', 'b']));
      const found = read(variant, await client.next());
      expect(found.map(({ ttlMs, content }) => [content, ttlMs]).sort()).to.deep.equal([
        ['a=1', TTL_MS],
        ['b=1', undefined],
      ]);
    });

    it('X-52: is kept from a client that does not', async () => {
      publish(EDS);
      const client = fixture.client(variant);
      client.ask(subscription(variant, EDS, ['a']));
      const answer = await client.next();
      expect(read(variant, answer)[0]?.ttlMs).to.equal(undefined);
      expect(answer.resources).to.deep.equal([['a', 'a=1']]);
      client.ack(answer, ['a']);
      await client.quiet(2 * TTL_MS);
    });

    it('X-53: heartbeats keep it alive, without content, and changes come as ever', async () => {
      publish(EDS);
      const client = able();
      client.ask(subscription(variant, EDS, ['a', 'b']));
      const first = await client.next();
      client.ack(first, ['a', 'b']);
      for (let i = 0; i < 2; i++) {
        const beat = await client.next(TTL_MS);
        expect(beat.version).to.equal(first.version);
        const [found, ...others] = read(variant, beat);
        expect(found).to.include({ name: 'a', ttlMs: TTL_MS, content: undefined });
        if (variant === 'sotw') expect(found?.version).to.equal(first.version);
        expect(others).to.deep.equal([]);
        client.ack(beat, ['a', 'b']);
      }
      publish(EDS, '2');
      const change = await client.next();
      expect(read(variant, change).find(({ content }) => content === 'a=2')?.ttlMs).to.equal(TTL_MS);
      client.ack(change, ['a', 'b']);
      await until(() => fixture.server.nodes()[0]?.synced === true, 'synced');
    });

    it('X-53: a full state stays full', async () => {
      publish(CDS);
      const client = able();
      client.ask({ typeUrl: CDS });
      client.ack(await client.next());
      const beat = read(variant, await client.next(TTL_MS));
      expect(beat.map(({ content }) => content)).to.deep.equal(variant === 'sotw' ? ['a=1', 'b=1'] : [undefined]);
    });

    it('X-53: nothing beats for what does not expire', async () => {
      publish(EDS);
      const client = able();
      client.ask(subscription(variant, EDS, ['b']));
      client.ack(await client.next(), ['b']);
      await client.quiet(2 * TTL_MS);
    });
  });
}
