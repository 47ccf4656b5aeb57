import { expect } from 'chai';
import { request, until } from '../../support/index.ts';
import { costRule, type LimitsRig, promptSize, startLimitsRig } from './rig.ts';

const HI = [{ role: 'user', content: 'hi' }];
const USAGE = { input: 30, output: 12 };
const reserve = (value: string, more: Readonly<Record<string, string>> = {}) => ({
  annotations: { 'headgate.dev/reserve': value, ...more },
});

/** A stream that the client leaves after its first piece. */
async function leave(rig: LimitsRig, model: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const abort = new AbortController();
  const answer = rig.chat(model, { stream: true }, headers, { signal: abort.signal, onChunk: () => abort.abort() });
  await answer.then(
    ({ isCut }) => expect(isCut).to.equal(true),
    () => undefined,
  );
}

describe('limits: reservations', () => {
  let rig: LimitsRig;
  before(async () => {
    rig = await startLimitsRig({
      constant: { rules: [costRule(1000)], ...reserve('400') },
      asked: { rules: [costRule(1000)], ...reserve('max_tokens', { 'headgate.dev/reserve-output': '200' }) },
      prompt: { rules: [costRule(1000)], ...reserve('prompt') },
      price: { rules: [costRule(100_000, 'price')], ...reserve('max_tokens') },
      own: { rules: [costRule(1000)], ...reserve('input_tokens + 2u * output_tokens') },
      odd: {
        rules: [costRule(1000, 'odd')],
        costs: [
          { metadataKey: 'odd', type: 'CEL', cel: 'total_tokens / (input_tokens == 0u ? 1u : input_tokens - 30u)' },
        ],
        ...reserve('70'),
      },
      negative: {
        rules: [costRule(1000, 'odd')],
        costs: [{ metadataKey: 'odd', type: 'CEL', cel: 'int(output_tokens) - int(input_tokens)' }],
      },
      huge: {
        rules: [costRule(4_000_000_000, 'odd')],
        costs: [{ metadataKey: 'odd', type: 'CEL', cel: 'total_tokens * 1000000000u' }],
      },
      two: { rules: [costRule(1000), costRule(10)], ...reserve('50') },
      none: { rules: [costRule(100_000)] },
      claude: { refs: ['anthropic'], rules: [costRule(1000)], ...reserve('100') },
    });
  });
  beforeEach(() => {
    rig.openai.reset();
    rig.anthropic.reset();
    rig.openai.settings.usage = USAGE;
  });
  after(() => rig?.stop());

  /** What is used while a request runs, and what when it has ended. */
  async function duringAndAfter(model: string, fields: Readonly<Record<string, unknown>>): Promise<[number, number]> {
    const before = await rig.used(model);
    rig.openai.fault = () => ({ delayMs: 300 });
    const answer = rig.chat(model, fields);
    const during = await until(async () => (await rig.used(model)) - before || undefined, { what: 'a reservation' });
    const { status, text } = await answer;
    expect(status, text).to.equal(200);
    await rig.untilUsed(before + 42, model);
    return [during, 42];
  }

  it('is served without a finding', () => expect(rig.gateway.findings()).to.deep.equal([]));

  it('of a constant, settled to the usage', async () => {
    expect(await duringAndAfter('constant', {})).to.deep.equal([400, 42]);
  });

  it('of the prompt by its size, and max_tokens', async () => {
    const body = { model: 'asked', messages: [{ role: 'user', content: 'x'.repeat(400) }] };
    const { messages } = body;
    for (const [fields, output] of [
      [{ max_tokens: 55 }, 55],
      [{ max_completion_tokens: 70 }, 70],
      [{ max_tokens: 20, n: 3 }, 60],
      [{}, 200],
    ] as const) {
      const [during] = await duringAndAfter('asked', { messages, ...fields });
      expect(during, JSON.stringify(fields)).to.equal(promptSize({ ...body, ...fields }) + output);
    }
    const prompt = { model: 'prompt', messages: [{ role: 'user', content: 'x'.repeat(400) }] };
    const [during] = await duringAndAfter('prompt', { messages: prompt.messages });
    expect(during).to.equal(promptSize(prompt));
  });

  it('in the unit of the cost that is charged, or of an expression', async () => {
    const base = promptSize({ model: 'price', messages: HI, max_tokens: 100 });
    rig.openai.fault = () => ({ delayMs: 300 });
    const answer = rig.chat('price', { max_tokens: 100 });
    await rig.untilUsed(base + 400, 'price');
    await answer;
    await rig.untilUsed(30 + 4 * 12, 'price');
    const own = promptSize({ model: 'own', messages: HI, max_tokens: 100 });
    expect(await duringAndAfter('own', { max_tokens: 100 })).to.deep.equal([own + 200, 42]);
  });

  it('given back by a request that fails or is refused by another limit', async () => {
    const before = await rig.used('constant');
    rig.openai.fault = () => ({ status: 500 });
    expect((await rig.chat('constant')).status).to.equal(500);
    await rig.untilUsed(before, 'constant');
    rig.openai.fault = undefined;
    // The second rule has room for 10 and 50 are reserved.
    expect((await rig.chat('two')).status).to.equal(429);
    await rig.untilUsed(0, 'two', undefined, 0);
    await rig.untilUsed(0, 'two', undefined, 1);
  });

  it('kept by a stream that the client leaves or the provider cuts', async () => {
    rig.openai.settings.chunkDelayMs = 40;
    let before = await rig.used('constant');
    await leave(rig, 'constant');
    await until(() => rig.gateway.envoy.accessLog().at(-1)?.model === 'constant', { what: 'its end' });
    expect((await rig.used('constant')) - before).to.equal(400);
    before = await rig.used('prompt');
    rig.openai.fault = () => ({ cutAfterChunks: 2 });
    expect((await rig.chat('prompt', { stream: true })).isCut).to.equal(true);
    const size = promptSize({ model: 'prompt', messages: HI, stream: true });
    await until(async () => (await rig.used('prompt')) - before >= size, { what: 'its charge' });
    expect((await rig.used('prompt')) - before).to.be.within(size, size + 10);
  });

  it('nothing reserved: a stream that is left is charged what is known of it', async () => {
    rig.openai.settings.chunks = 50;
    rig.openai.settings.chunkDelayMs = 10;
    const before = await rig.used('none');
    await leave(rig, 'none');
    const size = promptSize({ model: 'none', messages: HI, stream: true });
    await until(async () => (await rig.used('none')) > before, { what: 'a charge' });
    expect((await rig.used('none')) - before).to.be.within(size, size + 10);
  });

  it('kept where the cost divides by zero, is negative or larger than Envoy can tell', async () => {
    expect((await rig.chat('odd')).status).to.equal(200);
    await rig.untilUsed(70, 'odd');
    expect((await rig.chat('negative')).status).to.equal(200);
    expect((await rig.chat('huge')).status).to.equal(200);
    await rig.untilUsed(1_000_000_000, 'huge');
    expect(await rig.used('negative')).to.equal(0);
  });

  it('nothing for endpoints that count tokens alone', async () => {
    const { status, text } = await request({
      port: rig.port,
      path: '/anthropic/v1/messages/count_tokens',
      body: { model: 'claude', messages: [{ role: 'user', content: 'hi' }] },
      headers: { 'anthropic-version': '2023-06-01' },
    });
    expect(status, text).to.equal(200);
    await rig.chat('constant');
    await until(() => rig.gateway.envoy.accessLog().at(-1)?.model === 'constant', { what: 'its end' });
    expect(await rig.used('claude')).to.equal(0);
  });
});
