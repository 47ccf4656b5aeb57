import { expect } from 'chai';
import { resource } from './client.ts';
import { type Fixture, startServer, TYPE } from './fixture.ts';

const { cluster: CDS, endpoints: EDS } = TYPE;

describe('xDS delta alone', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startServer();
  });
  afterEach(() => fixture.close());

  it('sends what changed, came and went, and no more', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b'), resource(CDS, 'c')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS });
    client.ack(await client.next());
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', '2'), resource(CDS, 'c'), resource(CDS, 'd')]);
    const changed = await client.next();
    expect(changed.resources.map(([, content]) => content)).to.deep.equal(['b=2', 'd=1']);
    expect(changed.removed).to.deep.equal([]);
    client.ack(changed);
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', '2'), resource(CDS, 'd')]);
    const removed = await client.next();
    expect(removed.resources).to.deep.equal([]);
    expect(removed.removed).to.deep.equal(['c']);
  });

  it('answers names that do not exist in removed_resources', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a', 'ghost'] });
    const answer = await client.next();
    expect(answer.resources).to.deep.equal([['a', 'a=1']]);
    expect(answer.removed).to.deep.equal(['ghost']);
    client.ack(answer);
    client.ask({ typeUrl: EDS, subscribe: ['ghost'] });
    expect((await client.next()).removed).to.deep.equal(['ghost']);
  });

  it('takes subscription changes from a request with a stale nonce, but no acknowledgement', async () => {
    fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    const first = await client.next();
    client.ack(first);
    fixture.publish('g', [resource(EDS, 'a', '2'), resource(EDS, 'b')]);
    const second = await client.next();
    client.ask({ typeUrl: EDS, nonce: first.nonce, subscribe: ['b'], error: { code: 3, message: 'late' } });
    await client.quiet();
    expect(fixture.nacks).to.deep.equal([]);
    client.ack(second);
    expect((await client.next()).resources).to.deep.equal([['b', 'b=1']]);
  });

  it('sends a name again that is subscribed to again without having been dropped', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    client.ack(await client.next());
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
  });

  it('says what a name is that is dropped while all are subscribed to', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS, subscribe: ['*', 'a', 'ghost'] });
    client.ack(await client.next());
    client.ask({ typeUrl: CDS, unsubscribe: ['a', 'ghost'] });
    const answer = await client.next();
    expect(answer.resources).to.deep.equal([['a', 'a=1']]);
    expect(answer.removed).to.deep.equal(['ghost']);
    client.ack(answer);
    fixture.publish('g', [resource(CDS, 'a', '2'), resource(CDS, 'b')]);
    expect((await client.next()).resources).to.deep.equal([['a', 'a=2']]);
  });

  it('ends a wildcard when * is dropped, and keeps the names', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS, subscribe: ['*', 'a'] });
    client.ack(await client.next());
    client.ask({ typeUrl: CDS, unsubscribe: ['*'] });
    await client.quiet();
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', '2')]);
    await client.quiet();
    fixture.publish('g', [resource(CDS, 'a', '2'), resource(CDS, 'b', '2')]);
    const push = await client.next();
    expect(push.resources).to.deep.equal([['a', 'a=2']]);
    client.ack(push);
    client.ask({ typeUrl: CDS, subscribe: ['*'] });
    expect((await client.next()).resources.map(([name]) => name)).to.deep.equal(['a', 'b']);
  });

  it('ends a legacy wildcard only when * is dropped', async () => {
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS });
    client.ack(await client.next());
    client.ask({ typeUrl: CDS, subscribe: ['a'] });
    client.ack(await client.next());
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', '2')]);
    client.ack(await client.next());
    client.ask({ typeUrl: CDS, unsubscribe: ['*'] });
    await client.quiet();
    fixture.publish('g', [resource(CDS, 'a'), resource(CDS, 'b', '3')]);
    await client.quiet();
  });

  it('sends on reconnection only what differs, and tells deletions', async () => {
    const snapshot = fixture.publish('g', [resource(CDS, 'same'), resource(CDS, 'old', '2'), resource(CDS, 'new')]);
    const same = snapshot.types.get(CDS)?.resources.get('same')?.version ?? '';
    const client = fixture.client('delta');
    client.ask({ typeUrl: CDS, initial: { same, old: 'before', gone: 'before' } });
    const answer = await client.next();
    expect(answer.resources.map(([, content]) => content)).to.deep.equal(['new=1', 'old=2']);
    client.ack(answer);
    const removal = await client.next();
    expect(removal.resources).to.deep.equal([]);
    expect(removal.removed).to.deep.equal(['gone']);
  });

  it('tells a named resource that is gone since, and keeps silent about what was not asked for', async () => {
    const snapshot = fixture.publish('g', [resource(EDS, 'a'), resource(EDS, 'b')]);
    const client = fixture.client('delta');
    const a = snapshot.types.get(EDS)?.resources.get('a')?.version ?? '';
    client.ask({ typeUrl: EDS, subscribe: ['a', 'gone'], initial: { a, gone: 'before', unasked: 'before' } });
    const answer = await client.next();
    expect(answer.resources).to.deep.equal([]);
    expect(answer.removed).to.deep.equal(['gone']);
  });

  it('takes initial_resource_versions from the first request of a type alone', async () => {
    const snapshot = fixture.publish('g', [resource(EDS, 'a')]);
    const version = snapshot.types.get(EDS)?.resources.get('a')?.version ?? '';
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['ghost'] });
    client.ack(await client.next());
    client.ask({ typeUrl: EDS, subscribe: ['a'], initial: { a: version } });
    expect((await client.next()).resources).to.deep.equal([['a', 'a=1']]);
  });

  it('answers nothing to a name that is dropped without having been asked for', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    client.ack(await client.next());
    client.ask({ typeUrl: EDS, unsubscribe: ['b', '*'] });
    await client.quiet();
  });

  it('keeps a name that one request both drops and asks for, and sends it again', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    client.ack(await client.next());
    client.ask({ typeUrl: EDS, subscribe: ['a'], unsubscribe: ['a'] });
    const again = await client.next();
    expect(again.resources).to.deep.equal([['a', 'a=1']]);
    client.ack(again);
    fixture.publish('g', [resource(EDS, 'a', '2')]);
    expect((await client.next()).resources).to.deep.equal([['a', 'a=2']]);
  });

  it('has nothing for a client that dropped all its names', async () => {
    fixture.publish('g', [resource(EDS, 'a')]);
    const client = fixture.client('delta');
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    client.ack(await client.next());
    client.ask({ typeUrl: EDS, unsubscribe: ['a'] });
    await client.quiet();
    fixture.publish('g', [resource(EDS, 'a', '2')]);
    await client.quiet();
    client.ask({ typeUrl: EDS, subscribe: ['a'] });
    expect((await client.next()).resources).to.deep.equal([['a', 'a=2']]);
  });
});
