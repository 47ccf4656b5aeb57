import { expect } from 'chai';
import { request } from '../../support/index.ts';
import { costRule, type LimitsRig, startLimitsRig } from './rig.ts';

describe('limits: what a client is told', () => {
  let rig: LimitsRig;
  before(async () => {
    rig = await startLimitsRig({
      gpt: { rules: [costRule(100)] },
      claude: { refs: ['anthropic'], rules: [costRule(100)] },
      local: { local: [{ limit: { requests: 1, unit: 'Hour' } }] },
      quiet: { rules: [costRule(100, 'total', { xRateLimitHeaders: 'Off' })] },
      shadow: { rules: [costRule(10, 'total', { shadowMode: true })] },
    });
    rig.openai.settings.usage = { input: 60, output: 40 };
    rig.anthropic.settings.usage = { input: 60, output: 40 };
  });
  after(() => rig?.stop());

  const message = () =>
    request({
      port: rig.port,
      path: '/anthropic/v1/messages',
      body: { model: 'claude', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] },
      headers: { 'anthropic-version': '2023-06-01' },
    });

  it('what is left on answers that are served, and when it is new', async () => {
    const { status, headers } = await rig.chat('gpt');
    expect(status).to.equal(200);
    expect(headers['x-ratelimit-limit']).to.equal('100, 100;w=31536000');
    expect(headers['x-ratelimit-remaining']).to.equal('100');
    expect(Number(headers['x-ratelimit-reset'])).to.be.within(1, 31_536_000);
    await rig.untilUsed(100, 'gpt');
  });

  it('429 in the words of OpenAI', async () => {
    const { status, headers, json } = await rig.chat('gpt');
    expect(status).to.equal(429);
    expect(headers['content-type']).to.equal('application/json');
    expect(json).to.deep.equal({
      error: {
        message: 'The rate limit is reached.',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limit_exceeded',
      },
    });
    expect(headers['x-ratelimit-remaining']).to.equal('0');
    expect(headers['retry-after']).to.equal(headers['x-ratelimit-reset']);
    expect(headers).to.not.have.any.keys('x-headgate-tried', 'x-headgate-backend', 'x-envoy-ratelimited');
  });

  it('429 in the words of Anthropic', async () => {
    expect((await message()).status).to.equal(200);
    await rig.untilUsed(100, 'claude');
    const { status, headers, json } = await message();
    expect(status).to.equal(429);
    expect(json).to.deep.equal({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'The rate limit is reached.' },
    });
    expect(Number(headers['retry-after'])).to.be.within(1, 31_536_000);
  });

  it('the same of a local limit', async () => {
    const served = await rig.chat('local');
    expect(served.headers['x-ratelimit-remaining']).to.equal('0');
    const { status, headers, json } = await rig.chat('local');
    expect(status).to.equal(429);
    expect(json).to.have.nested.property('error.code', 'rate_limit_exceeded');
    expect(headers['retry-after']).to.equal('3600');
    expect(headers).to.not.have.any.keys('x-headgate-tried', 'x-headgate-backend');
  });

  it('no numbers of a limit that hides them', async () => {
    const { status, headers } = await rig.chat('quiet');
    expect(status).to.equal(200);
    expect(headers).to.not.have.any.keys('x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset');
  });

  it('nothing but numbers of a limit in shadow mode', async () => {
    for (const n of [1, 2, 3]) {
      expect((await rig.chat('shadow')).status).to.equal(200);
      await rig.untilUsed(n * 100, 'shadow');
    }
  });
});
