/**
 * Envoy's own transcoder beside the processor, over the goldens of translations: why no route is offered it
 * (docs/decisions.md, 62). These hold what is true of the pinned Envoy; one that fails with a newer one is news, and says
 * what to look at again.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { ProviderSchema } from '../../../src/ir/index.ts';
import type { Script } from '../../fakes/index.ts';
import { carryPayload, startTargets, translateSources } from '../../golden/translate-golden.ts';
import { type ClientResponse, type EnvoyProcess, postJson } from '../../support/index.ts';
import { type Carried, carry, eventsOf, type Json, type Target } from '../../unit/providers/carry.ts';
import { type Pair, startTranscodingEnvoy, transcodingPort } from './native-transcoder.ts';

/** Payloads of which the provider is sent the same. */
const SAME_REQUESTS: readonly (Pair & { readonly names: readonly string[] })[] = [
  { endpoint: 'chat_completions', schema: 'Anthropic', names: [] },
  { endpoint: 'chat_completions', schema: 'GCPVertexAI', names: ['structured', 'text'] },
  { endpoint: 'messages', schema: 'OpenAI', names: ['stream', 'text'] },
  { endpoint: 'messages', schema: 'GCPVertexAI', names: ['text'] },
];
const CHAT: Pair = { endpoint: 'chat_completions', schema: 'Anthropic' };
const ASKED = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] };

describe("translation by Envoy's own transcoder, which is not offered", function () {
  this.timeout(60_000);
  let targets: ReadonlyMap<ProviderSchema, Target>;
  let envoy: EnvoyProcess | undefined;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    for (const { fake } of targets.values()) await fake.close();
  });
  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
  });

  const targetOf = ({ schema }: Pair): Target => targets.get(schema) as Target;
  const start = async (pair: Pair): Promise<number> => {
    envoy = await startTranscodingEnvoy(pair, targetOf(pair).fake.port);
    return transcodingPort(envoy);
  };
  /** The same request once more, which Envoy translates. */
  const sendNatively = (port: number, { headers }: Target, body: Json, { sent }: Carried): Promise<ClientResponse> =>
    postJson(port, sent?.path ?? '/', body, { ...headers, ...Object.fromEntries(sent?.headers ?? []) });

  for (const { names, ...pair } of SAME_REQUESTS) {
    it(`asks ${pair.schema} the same for few payloads of ${pair.endpoint}, and answers none the same`, async () => {
      const target = targetOf(pair);
      const port = await start(pair);
      const same: { requests: string[]; answers: string[] } = { requests: [], answers: [] };
      for (const name of translateSources().find(([endpoint]) => endpoint === pair.endpoint)?.[1] ?? []) {
        const { body, carried } = await carryPayload(pair.endpoint, name, target);
        const { script } = target.fake.settings;
        await target.fake.reset();
        target.fake.settings.script = script;
        const answer = await sendNatively(port, target, body, carried);
        const [request] = target.fake.requests;
        if (request && isDeepStrictEqual(blocksIn(request.json), blocksIn(carried.sent?.body)))
          same.requests.push(name);
        if (isDeepStrictEqual(answerIn(answer.text), answerIn(carried.text))) same.answers.push(name);
      }
      expect(same).to.deep.equal({ requests: names, answers: [] });
    });
  }

  /** What no choice of requests keeps out: what the client gets of an answer, from the transcoder and the processor. */
  const bothWays = async (script: Script, more: Json = {}): Promise<[native: ClientResponse, processor: Carried]> => {
    const target = targetOf(CHAT);
    const port = await start(CHAT);
    await target.fake.reset();
    target.fake.settings.script = script;
    const body = { ...ASKED, ...more };
    const carried = await carry(target, CHAT.endpoint, body);
    return [await sendNatively(port, target, body, carried), carried];
  };

  it('calls an answer that was refused a normal one', async () => {
    const [native, processor] = await bothWays({ text: 'No', stop: 'filter', refusal: 'no' });
    expect(reasonOf(native.text)).to.equal('stop');
    expect(reasonOf(processor.text)).to.equal('content_filter');
  });

  it("gives errors in the provider's shape", async () => {
    const [native, processor] = await bothWays({ status: 429 });
    expect([native.status, native.json]).to.deep.equal([429, JSON.parse(String(processor.answer?.bytes))]);
    expect(JSON.parse(processor.text)).to.have.property('error').with.all.keys('message', 'type', 'param', 'code');
  });

  it('answers 200 before it knows whether the answer can be read, and then breaks off', async () => {
    const target = targetOf(CHAT);
    const port = await start(CHAT);
    await target.fake.reset();
    target.fake.fault = () => ({ status: 200, body: '<html>' });
    const native = await postJson(port, '/v1/messages', ASKED, target.headers);
    expect([native.status, native.isCut, native.text]).to.deep.equal([200, true, '']);
    const { status } = await carry(target, CHAT.endpoint, ASKED);
    expect(status).to.equal(502);
  });

  it('loses the calls of tools', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
    const [native, processor] = await bothWays({ toolCalls: [{ id: 'call_1', name: 'f', input: {} }] }, { tools });
    expect(reasonOf(native.text)).to.equal('tool_calls');
    expect(native.text).to.not.contain('call_1');
    expect(processor.text).to.contain('call_1');
  });
});

function reasonOf(text: string): unknown {
  return (JSON.parse(text) as { choices: { finish_reason?: unknown }[] }).choices[0]?.finish_reason;
}

/** A request with every text as a list of one block, which says the same. */
function blocksIn(body: unknown): unknown {
  const blocks = (value: unknown): unknown => (typeof value === 'string' ? [{ type: 'text', text: value }] : value);
  const { messages, system, ...rest } = body as { messages?: Json[]; system?: unknown };
  return {
    ...rest,
    ...(system !== undefined && { system: blocks(system) }),
    ...(messages && { messages: messages.map((message) => ({ ...message, content: blocks(message.content) })) }),
  };
}

/** An answer without what is null and the time. */
function answerIn(text: string): unknown {
  const events = text.startsWith('{') ? [JSON.parse(text) as Json] : eventsOf(text);
  return JSON.parse(JSON.stringify(events, (key, value) => (value === null || key === 'created' ? undefined : value)));
}
