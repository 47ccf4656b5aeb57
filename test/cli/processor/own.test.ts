/** The processor of `headgate run`: what it translates waits for no compiler, and ends when the command is told to end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { gatewayYaml } from '../../envoy/support/objects.ts';
import { type Fake, startAnthropic } from '../../fakes/index.ts';
import { freePort, postJson, request, tempDir, until } from '../../support/index.ts';
import { build, type Running, startCommand } from '../running.ts';

const MODEL = 'claude-sonnet-4-5';
const CHAT = '/v1/chat/completions';
const BODY = { model: MODEL, messages: [{ role: 'user', content: 'hi' }] };
/** So many that a change of them all is read and compiled for a while. */
const ROUTES = 1000;
const PAUSE_MS = 10;

/** When a question was asked and answered. */
interface Asked {
  readonly from: number;
  readonly to: number;
}

describe('headgate run: its processor', function () {
  this.timeout(120_000);
  let fake: Fake;
  let command: Running | undefined;
  let port: number;
  let path: string;
  before(build);
  beforeEach(async () => {
    fake = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    port = await freePort();
    path = join(tempDir('own-processor'), 'all.yaml');
  });
  afterEach(async () => {
    await command?.stop();
    command = undefined;
    await fake.close();
  });

  /** One model that is translated, and others that only make work. */
  function write(others: number, order: readonly string[]): void {
    const provider = { port: fake.port, schema: { name: 'Anthropic' }, key: 'sk-ant' };
    const rest = Array.from({ length: others }, (_, i) => [`model-${i}`, { refs: order }] as const);
    const yaml = gatewayYaml({
      port,
      backends: { anthropic: { ...provider, keyType: 'AnthropicAPIKey' }, one: { port: 9 }, two: { port: 9 } },
      models: { [MODEL]: { refs: ['anthropic'] }, ...Object.fromEntries(rest) },
    });
    writeFileSync(path, yaml);
  }

  async function start(): Promise<Running> {
    command = await startCommand(['run', path]);
    await command.says(`serves http://127.0.0.1:${port}`);
    await until(async () => (await postJson(port, CHAT, BODY)).status === 200, { what: 'a first translation' });
    return command;
  }

  /** Asks again and again; the answers so far. */
  function keepAsking(ask: () => Promise<unknown>, signal: AbortSignal): Asked[] {
    const asked: Asked[] = [];
    void (async () => {
      while (!signal.aborted) {
        const from = performance.now();
        await ask();
        asked.push({ from, to: performance.now() });
        await sleep(PAUSE_MS);
      }
    })().catch(() => undefined);
    return asked;
  }

  it('translates while the control plane does nothing else than compile', async () => {
    write(ROUTES, ['one', 'two']);
    const { admin } = await start();
    const served = async (): Promise<unknown> => {
      const { served, nodes } = (await (await fetch(`${admin}/api/status`)).json()) as {
        served?: { hash: string };
        nodes: { synced: boolean }[];
      };
      return nodes.every(({ synced }) => synced) ? served?.hash : undefined;
    };
    const first = await until(served, { what: 'a first revision' });
    const end = new AbortController();
    const statuses = new Set<number>();
    const translations = keepAsking(async () => statuses.add((await postJson(port, CHAT, BODY)).status), end.signal);
    const control = keepAsking(() => fetch(`${admin}/healthz`), end.signal);
    await until(() => translations.length >= 100, { what: 'a baseline', timeoutMs: 30_000 });
    const [from, to] = [translations[0]?.from ?? 0, performance.now()];
    const baseline = translations.length / (to - from);

    write(ROUTES, ['two', 'one']);
    await until(async () => ![undefined, first].includes((await served()) as string), {
      what: 'the change',
      timeoutMs: 60_000,
    });
    end.abort();
    const stalls = control.filter((one) => one.from > to).sort((a, b) => b.to - b.from - (a.to - a.from));
    const [stall = { from: 0, to: 0 }] = stalls;
    const meanwhile = translations.filter((one) => one.from > stall.from && one.to < stall.to);
    const rate = meanwhile.length / (stall.to - stall.from);
    // A busy machine slows all of it. In one thread they would be those of the moment before the first is held up.
    expect(rate / baseline, `${meanwhile.length} in ${stall.to - stall.from} ms`).to.be.above(0.05);
    expect([...statuses]).to.deep.equal([200]);
  });

  it('ends what is under way when the command is told to end, and counts', async () => {
    write(0, []);
    const { child, admin, ended } = await start();
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).to.match(/^headgate_processor_answers_total [1-9]/m);
    Object.assign(fake.settings, { chunks: 20, chunkDelayMs: 100 });
    let hasBegun = false;
    const stream = request({
      port,
      path: CHAT,
      body: { ...BODY, stream: true },
      onChunk: () => {
        hasBegun = true;
      },
    });
    await until(() => hasBegun, { what: 'the stream' });
    child.kill('SIGTERM');
    const { text, isCut } = await stream;
    expect([isCut, text.includes('chat.completion.chunk'), text.includes('[DONE]')]).to.deep.equal([false, true, true]);
    expect(await ended).to.equal(0);
  });
});
