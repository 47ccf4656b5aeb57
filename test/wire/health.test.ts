/** grpc.health.v1 on the xDS port, for probes and balancers in front of several replicas. */
import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { resource } from './client.ts';
import { type Fixture, startServer, TYPE, until } from './fixture.ts';

const SERVICE = '/grpc.health.v1.Health/';
const Generic = makeGenericClientConstructor({}, 'health');
const pass = (bytes: Buffer): Buffer => bytes;
/** By the number in HealthCheckResponse.status. */
const STATES = ['UNKNOWN', 'SERVING', 'NOT_SERVING'];
const stateOf = (bytes: Buffer): string | undefined => (bytes[0] === 0x08 ? STATES[bytes[1] ?? 0] : undefined);

describe('xDS health', () => {
  let fixture: Fixture;
  let client: InstanceType<typeof Generic>;
  beforeEach(async () => {
    fixture = await startServer();
    client = new Generic(`127.0.0.1:${fixture.port}`, credentials.createInsecure());
  });
  afterEach(async () => {
    client.close();
    await fixture.close();
  });

  function check(): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, value?: Buffer) => (value ? resolve(stateOf(value)) : reject(error));
      client.makeUnaryRequest(`${SERVICE}Check`, pass, pass, Buffer.alloc(0), done);
    });
  }

  it('is well from the first configuration on', async () => {
    expect(await check()).to.equal('NOT_SERVING');
    fixture.publish('g', [resource(TYPE.cluster, 'a')]);
    expect(await check()).to.equal('SERVING');
  });

  it('tells those who watch, before it goes', async () => {
    const seen: (string | undefined)[] = [];
    const call = client.makeServerStreamRequest(`${SERVICE}Watch`, pass, pass, Buffer.alloc(0));
    call.on('data', (bytes: Buffer) => seen.push(stateOf(bytes)));
    const ended = new Promise((resolve) => call.on('status', resolve));
    call.on('error', () => undefined);
    await until(() => seen.length === 1, 'the first state');
    fixture.publish('g', [resource(TYPE.cluster, 'a')]);
    await until(() => seen.length === 2, 'a change');
    fixture.publish('g', [resource(TYPE.cluster, 'a', '2')]);
    await fixture.server.drain(1000);
    await ended;
    expect(seen).to.deep.equal(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  });
});
