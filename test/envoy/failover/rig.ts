/** What the tests of failover share: strict fakes with a key each, and a real Envoy that serves YAML in front of them. */
import { expect } from 'chai';
import { type Fake, type OpenAiOptions, startOpenAi } from '../../fakes/index.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, type LoadResult, loadTest, postJson } from '../../support/index.ts';
import { type BackendFacts, type GatewayFacts, gatewayYaml } from '../support/objects.ts';

export const CHAT = '/v1/chat/completions';

/** What a client might send as its own; nothing of it may reach a provider. */
export const CLIENT_CREDENTIALS = {
  authorization: 'Bearer client-secret',
  'x-api-key': 'client-secret',
  'api-key': 'client-secret',
  cookie: 'session=client-secret',
  'x-goog-api-key': 'client-secret',
  'x-aigw-api-key': 'client-secret',
  'x-aigw-aws-access-key-id': 'client-secret',
} as const;

export interface Rig {
  readonly port: number;
  readonly gateway: TestGateway;
  /** The fake of that name. Errors: throws when there is none. */
  fake(name: string): Fake;
  /** Puts other objects in place. */
  apply(change: (facts: GatewayFacts) => GatewayFacts): Promise<void>;
  ask(model: string, options?: AskOptions): Promise<ClientResponse>;
  load(model: string, options: { concurrency: number; total: number } & AskOptions): Promise<LoadResult>;
  /** Forgets what the fakes saw. */
  reset(): Promise<void>;
  /** Fails when a credential was seen where it does not belong. */
  assertNoLeak(): void;
  stop(): Promise<void>;
}

export interface AskOptions {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Record<string, string>;
  readonly path?: string;
}

/** `fakes`: OpenAI fakes by name; fake X takes the key `sk-X` alone. */
export async function startRig(
  fakes: Readonly<Record<string, OpenAiOptions>>,
  makeFacts: (
    at: (name: string, more?: BackendFacts) => BackendFacts,
    fake: (name: string) => Fake,
  ) => Omit<GatewayFacts, 'port'>,
  options: Partial<GatewayOptions> & { readonly more?: Readonly<Record<string, Fake>> } = {},
): Promise<Rig> {
  const started = new Map<string, Fake>(Object.entries(options.more ?? {}));
  for (const [name, one] of Object.entries(fakes)) {
    started.set(name, await startOpenAi({ name, keys: [`sk-${name}`], ...one }));
  }
  const fake = (name: string): Fake => {
    const found = started.get(name);
    if (found === undefined) throw new Error(`no fake ${name}`);
    return found;
  };
  const at = (name: string, more: BackendFacts = {}): BackendFacts => ({
    port: fake(name).port,
    key: `sk-${name}`,
    ...more,
  });
  const port = await freePort();
  let facts: GatewayFacts = { port, ...makeFacts(at, fake) };
  const stopFakes = async (): Promise<void> => {
    for (const one of started.values()) await one.close();
  };
  const gateway = await startGateway({ ...options, yaml: gatewayYaml(facts) }).catch(async (error: unknown) => {
    await stopFakes();
    throw error;
  });
  const requestOf = (model: string, { body, headers = {}, path = CHAT }: AskOptions = {}) => ({
    port,
    path,
    headers: { ...CLIENT_CREDENTIALS, ...headers },
    body: { model, messages: [{ role: 'user', content: 'hi' }], ...body },
  });
  return {
    port,
    gateway,
    fake,
    async apply(change) {
      facts = change(facts);
      const result = await gateway.apply(gatewayYaml(facts));
      if (!result.ok) throw new Error(JSON.stringify(result.findings));
    },
    ask(model, asked) {
      const { path, body, headers } = requestOf(model, asked);
      return postJson(port, path, body, headers);
    },
    load: (model, { concurrency, total, ...asked }) =>
      loadTest({ concurrency, total, makeRequest: () => requestOf(model, asked) }),
    async reset() {
      for (const one of started.values()) await one.reset();
    },
    assertNoLeak() {
      for (const [name, one] of started) {
        expect(one.foreignCredentials, `credentials of others at ${name}`).to.eql([]);
        // A peer that does not trust a certificate says so; that is no broken request.
        const broken = one.protocolErrors.filter((text) => !text.startsWith('TLS:') && !text.startsWith('HTTP: Parse'));
        expect(broken, `broken requests at ${name}`).to.eql([]);
        expect(JSON.stringify(one.requests.map(({ rawHeaders }) => rawHeaders))).not.to.include('client-secret');
      }
    },
    async stop() {
      await gateway.stop();
      await stopFakes();
    },
  };
}

/** Every request of a load was served. */
export function expectAllServed(load: LoadResult, total: number): void {
  expect(load.errors).to.eql({});
  expect(load.byStatus).to.eql({ 200: total });
}

/** Names of backends in the order they were tried, without their outcomes. */
export function tried(response: ClientResponse): string[] {
  return (response.headers['x-headgate-tried'] ?? '').split(',').map((part) => part.replace(/^default\/|=.*$/g, ''));
}
