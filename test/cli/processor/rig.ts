/** What the tests of a processor of its own share: `headgate serve --processor`, a real Envoy, and strict fakes behind it. */
import { type Fake, startAnthropic, startOpenAi } from '../../fakes/index.ts';
import {
  type ClientResponse,
  type EnvoyProcess,
  type LoadOptions,
  type LoadResult,
  loadTest,
  type RequestOptions,
  request,
} from '../../support/index.ts';
import { type Running, startCommand } from '../running.ts';
import { type EnvoyOfSite, makeSite, type Site } from '../site.ts';

const CHAT = '/v1/chat/completions';

export interface FleetRig {
  readonly site: Site;
  /** Behind translation. */
  readonly anthropic: Fake;
  /** Served as it is. */
  readonly openai: Fake;
  processor(...flags: string[]): Promise<Running>;
  serve(...flags: string[]): Promise<Running>;
  envoy(server: Running, options?: EnvoyOfSite): Promise<EnvoyProcess>;
  /** Model `both` has a fallback that needs no translation, `alone` has none. */
  ask(model: 'both' | 'alone', body?: object, options?: Partial<RequestOptions>): Promise<ClientResponse>;
  load(model: 'both' | 'alone', options: Omit<LoadOptions, 'makeRequest'>, body?: object): Promise<LoadResult>;
  /** Ends commands and Envoys, not the fakes. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function startFleetRig(): Promise<FleetRig> {
  const anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
  const openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
  const translated = { name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' };
  const site = await makeSite({
    backends: {
      anthropic: { port: anthropic.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
      openai: { port: openai.port, key: 'sk-openai' },
    },
    models: {
      both: { refs: [translated, { name: 'openai', priority: 1, modelNameOverride: 'gpt-4o' }] },
      alone: { refs: [translated] },
    },
  });
  const processors: Running[] = [];
  const requestOf = (model: string, body: object = {}): RequestOptions => ({
    port: site.port,
    path: CHAT,
    body: { model, messages: [{ role: 'user', content: 'hi' }], ...body },
  });
  const reset = async (): Promise<void> => {
    await site.stop();
    await Promise.all(processors.splice(0).map((one) => one.stop()));
    await Promise.all([anthropic.reset(), openai.reset()]);
  };
  return {
    site,
    anthropic,
    openai,
    async processor(...flags) {
      const running = await startCommand(['processor', ...flags]);
      processors.push(running);
      await running.says('processor listening');
      return running;
    },
    serve: (...flags) => site.serve(...flags),
    envoy: (server, options) => site.envoy(server.port('--xds-address'), options),
    ask: (model, body, options) => request({ ...requestOf(model, body), ...options }),
    load: (model, options, body) => loadTest({ ...options, makeRequest: () => requestOf(model, body) }),
    reset,
    async close() {
      await reset();
      await Promise.all([anthropic.close(), openai.close()]);
    },
  };
}
