/** The life of tokens: renewed ahead, kept while they last, shared, dropped; by a clock that the test moves. */
import { mock } from 'node:test';
import { expect } from 'chai';
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import { type FetchToken, renewInMs, retryInMs } from '../../../src/credentials/renewal.ts';
import type { Token } from '../../../src/credentials/token.ts';
import { createTokens, type Tokens } from '../../../src/credentials/tokens.ts';
import type { TokenSource, TokenSources } from '../../../src/ir/index.ts';
import { GatewayError } from '../../../src/lib/errors.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const NAME = 'BackendSecurityPolicy/default/a/token';
const OTHER = 'BackendSecurityPolicy/default/b/token';

const azure = (clientId: string): TokenSource => ({
  kind: 'azure',
  tenantId: 't',
  clientId,
  proof: { kind: 'secret', clientSecret: 's' },
});
const sources = (named: Record<string, string>): TokenSources =>
  new Map(Object.entries(named).map(([name, client]) => [name, azure(client)]));

interface Ask {
  readonly client: string;
  readonly atMs: number;
  readonly context: FetchContext;
  give(value: string, lifetimeMs?: number): Promise<void>;
  fail(message?: string): Promise<void>;
}

describe('credentials: the life of tokens', () => {
  let asked: Ask[];
  let tokens: Tokens;
  let changes: number;
  let fetches: string[];

  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  const pass = async (ms: number): Promise<void> => {
    mock.timers.tick(ms);
    await settle();
  };
  const fetch: FetchToken = (source, context) =>
    new Promise<Token>((resolve, reject) => {
      const end = async (): Promise<void> => {
        await settle();
        await pass(20);
      };
      asked.push({
        client: source.kind === 'azure' ? source.clientId : '',
        atMs: Date.now(),
        context,
        give: (value, lifetimeMs = HOUR) => {
          resolve({ secret: { kind: 'generic', value }, expiresAtMs: Date.now() + lifetimeMs });
          return end();
        },
        fail: (message = 'host answered 500') => {
          reject(new GatewayError('provider_failed', message));
          return end();
        },
      });
    });

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
    asked = [];
    changes = 0;
    fetches = [];
    tokens = createTokens({
      env: {},
      logger: silentLogger,
      fetch,
      onChange: () => {
        changes += 1;
      },
      onFetch: (result) => fetches.push(result),
    });
  });
  afterEach(() => {
    tokens.close();
    mock.timers.reset();
  });

  const held = (name = NAME): string | undefined => {
    const secret = tokens.values.get(name);
    return secret?.kind === 'generic' ? secret.value : undefined;
  };
  const findings = (): string[] => tokens.findings().map(formatFinding);
  const last = (): Ask => asked.at(-1) as Ask;

  it('renews ahead of the end: five minutes, or a quarter of a short life, never all at one time', () => {
    expect(renewInMs(HOUR, 0)).to.equal(55 * MINUTE);
    expect(renewInMs(HOUR, 1)).to.equal(54 * MINUTE);
    expect(renewInMs(4 * MINUTE, 0)).to.equal(3 * MINUTE);
    expect(renewInMs(1, 0)).to.equal(1000);
  });

  it('waits longer after each failure, up to a minute', () => {
    expect([0, 1, 2, 3, 20].map((failures) => retryInMs(failures, 0))).to.eql([1000, 2000, 4000, 8000, MINUTE]);
    expect(retryInMs(20, 1)).to.equal(45_000);
  });

  it('takes each new token over before the old one ends', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    expect(tokens.status()).to.eql([
      { object: 'BackendSecurityPolicy/default/a', source: 'Entra ID client secret, client a', state: 'waiting' },
    ]);
    await last().give('one');
    expect(held()).to.equal('one');
    await pass(53 * MINUTE);
    expect(asked).to.have.length(1);
    await pass(2 * MINUTE);
    expect(asked).to.have.length(2);
    expect(held()).to.equal('one');
    await last().give('two');
    expect([held(), changes, fetches]).to.eql(['two', 2, ['ok', 'ok']]);
    expect(findings()).to.eql([]);
  });

  it('uses the old one while it lasts when none can be had, says so, and asks again and again', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    await last().give('one');
    await pass(55 * MINUTE);
    await last().fail();
    expect(held()).to.equal('one');
    expect(findings().join()).to.match(/warning\[HG0405\]: BackendSecurityPolicy\/default\/a: .*cannot be renewed/);
    expect(tokens.status()[0]).to.have.nested.property('failure.message', 'host answered 500');
    for (let i = 0; i < 5; i++) {
      await pass(MINUTE);
      await last().fail();
    }
    expect(asked.length).to.be.at.least(7);
    expect(held()).to.equal(undefined);
    expect(findings().join()).to.match(/error\[HG0405\].*no token, and the backends of the policy are left out/);
    expect(tokens.status()[0]).to.include({ state: 'missing' });
    await pass(MINUTE);
    await last().give('two');
    expect([held(), findings()]).to.eql(['two', []]);
    expect(tokens.status()[0]).not.to.have.property('failure');
  });

  it('tells when a token ends while nobody answers at all', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    await last().give('one', 10 * MINUTE);
    const before = changes;
    await pass(10 * MINUTE + 1);
    expect([held(), changes]).to.eql([undefined, before + 1]);
  });

  it('does not take a token that has ended already, and does not ask without a pause', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    await last().give('old', -1);
    expect(held()).to.equal(undefined);
    expect(findings().join()).to.match(/had ended already/);
    await pass(1000);
    await last().give('old', -1);
    await pass(1000);
    expect(asked).to.have.length(2);
  });

  it('asks once for all that are had alike, also for one that comes later', async () => {
    tokens.use(sources({ [NAME]: 'a', [OTHER]: 'a' }));
    expect(asked).to.have.length(1);
    await last().give('one');
    expect([held(NAME), held(OTHER)]).to.eql(['one', 'one']);
    tokens.use(sources({ [NAME]: 'a', [OTHER]: 'a', 'BackendSecurityPolicy/default/c/token': 'a' }));
    expect(held('BackendSecurityPolicy/default/c/token')).to.equal('one');
    expect(asked).to.have.length(1);
    tokens.use(sources({ [OTHER]: 'a' }));
    expect([...tokens.values.keys()]).to.eql([OTHER]);
    expect(last().context.signal.aborted).to.equal(false);
  });

  it('drops a fetch whose policy changes meanwhile, and never takes its token', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    const first = last();
    tokens.use(sources({ [NAME]: 'b' }));
    expect(first.context.signal.aborted).to.equal(true);
    await first.give('of-a');
    expect(held()).to.equal(undefined);
    expect(last().client).to.equal('b');
    // Back again: a third fetch, and what the first one brings late is not it.
    tokens.use(sources({ [NAME]: 'a' }));
    expect(asked.map(({ client }) => client)).to.eql(['a', 'b', 'a']);
    await asked[1]?.fail();
    expect(findings()).to.eql([]);
    await last().give('of-a-again');
    expect(held()).to.equal('of-a-again');
  });

  it('keeps the token of the old source until the new one gives its first', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    await last().give('of-a');
    tokens.use(sources({ [NAME]: 'b' }));
    expect(held()).to.equal('of-a');
    await last().fail();
    expect(held()).to.equal('of-a');
    await pass(1000);
    await last().give('of-b');
    expect(held()).to.equal('of-b');
  });

  it('forgets the failure of a source that is not used any more', async () => {
    tokens.use(sources({ [NAME]: 'a' }));
    await last().fail();
    tokens.use(sources({ [NAME]: 'b' }));
    expect(findings()).to.eql([]);
    tokens.use(new Map());
    expect([tokens.status(), findings(), [...tokens.values]]).to.eql([[], [], []]);
  });

  it('tells together what comes together', async () => {
    tokens.use(sources({ [NAME]: 'a', [OTHER]: 'b' }));
    const [a, b] = asked;
    const both = [a?.give('one'), b?.give('two')];
    await Promise.all(both);
    expect(changes).to.equal(1);
    expect([held(NAME), held(OTHER)]).to.eql(['one', 'two']);
  });

  it('says when all have come or failed once, and waits no longer than it is told', async () => {
    expect(await tokens.settled(1000)).to.equal(true);
    tokens.use(sources({ [NAME]: 'a', [OTHER]: 'b' }));
    const first = tokens.settled(1000);
    await asked[0]?.give('one');
    await pass(1000);
    expect(await first).to.equal(false);
    const second = tokens.settled(1000);
    await asked[1]?.fail();
    expect(await second).to.equal(true);
  });

  it('leaves nothing behind when it is closed: no fetch, no timer, nobody who waits', async () => {
    tokens.use(sources({ [NAME]: 'a', [OTHER]: 'b' }));
    const waits = tokens.settled(HOUR);
    await asked[0]?.give('one');
    tokens.close();
    await waits;
    expect(asked.every(({ context }) => context.signal.aborted)).to.equal(true);
    const before = { changes, asked: asked.length };
    await asked[1]?.give('two');
    await pass(2 * HOUR);
    expect({ changes, asked: asked.length }).to.eql(before);
  });
});
