/** What the tests of translation share: a processor on a Unix socket behind a real Envoy, strict fakes behind that. */
import { watchProcessor } from '../../../src/cli/processor-options.ts';
import type { ProcessorTarget } from '../../../src/envoy/index.ts';
import { createProcessor, type Processor, type ProcessorOptions } from '../../../src/processor/index.ts';
import { createTranslation } from '../../../src/providers/translations.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, type LoadResult, loadTest, postJson, tempDir } from '../../support/index.ts';
import { type GatewayFacts, gatewayYaml } from '../support/objects.ts';

const CHAT = '/v1/chat/completions';

export interface TranslationRig {
  readonly port: number;
  readonly gateway: TestGateway;
  readonly processor: Processor;
  /** What translations broke with that is no answer to a client. */
  readonly bugs: string[];
  ask(model: string, body?: Readonly<Record<string, unknown>>, path?: string): Promise<ClientResponse>;
  load(
    model: string,
    options: {
      readonly concurrency: number;
      readonly total: number;
      readonly body?: Readonly<Record<string, unknown>>;
    },
  ): Promise<LoadResult>;
  /** Without a word. */
  killProcessor(): Promise<void>;
  startProcessor(): Promise<void>;
  stop(): Promise<void>;
}

/** `facts`: or the whole YAML, for the port of its listener. */
export async function startTranslationRig(
  facts: Omit<GatewayFacts, 'port'> | ((port: number) => string),
  options: Partial<ProcessorOptions> = {},
  more: Partial<GatewayOptions> = {},
): Promise<TranslationRig> {
  const path = `${tempDir('processor')}/socket`;
  const bugs: string[] = [];
  const logger = { ...silentLogger, error: (fields: object) => void bugs.push(JSON.stringify(fields)) };
  const create = async (): Promise<Processor> => {
    const created = createProcessor({ createTranslation, logger: logger as typeof silentLogger, ...options });
    await created.listen({ path });
    return created;
  };
  let processor = await create();
  const port = await freePort();
  const gateway = await startGateway({
    ...more,
    yaml: typeof facts === 'function' ? facts(port) : gatewayYaml({ port, ...facts }),
    compile: { ...more.compile, processor: { address: { kind: 'unix', path } } },
  }).catch(async (error: unknown) => {
    await processor.close(0);
    throw error;
  });
  const target: ProcessorTarget = { address: { kind: 'unix', path } };
  const watch = await watchProcessor(target, gateway.controlPlane.useProcessor);
  const bodyOf = (model: string, body: Readonly<Record<string, unknown>> = {}) => ({
    model,
    messages: [{ role: 'user', content: 'hi' }],
    ...body,
  });
  return {
    port,
    gateway,
    get processor() {
      return processor;
    },
    bugs,
    killProcessor: () => processor.close(0),
    async startProcessor() {
      processor = await create();
    },
    ask: (model, body, at = CHAT) =>
      postJson(port, at, bodyOf(model, body), {
        authorization: 'Bearer client-secret',
        'anthropic-version': '2023-01-01',
        'anthropic-beta': 'a-beta,another',
      }),
    load: (model, { concurrency, total, body }) =>
      loadTest({ concurrency, total, makeRequest: () => ({ port, path: CHAT, body: bodyOf(model, body) }) }),
    async stop() {
      watch.close();
      await gateway.stop();
      await processor.close(0);
    },
  };
}
