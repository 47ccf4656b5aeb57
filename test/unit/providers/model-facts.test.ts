import { expect } from 'chai';
import type { ModelFactsIr, ProviderIr, ProviderSchema } from '../../../src/ir/index.ts';
import { claudeFacts } from '../../../src/providers/anthropic/model-facts.ts';
import { bedrockFacts } from '../../../src/providers/bedrock/model-facts.ts';
import { chatModelFacts } from '../../../src/providers/openai/model-facts.ts';
import { matchesPattern } from '../../../src/providers/said-of-models.ts';
import { geminiModelFacts } from '../../../src/providers/vertex/models.ts';
import { type Fake, startBedrock } from '../../fakes/index.ts';
import { carry } from './carry.ts';

function provider(schema: ProviderSchema, ...modelFacts: ModelFactsIr[]): ProviderIr {
  return { schema, modelFacts };
}

describe('facts of models that users give', () => {
  it('stand over those that the gateway knows, one by one', () => {
    const known = claudeFacts('claude-opus-4-5');
    const said = claudeFacts('claude-opus-4-5', provider('Anthropic', { models: 'claude-opus-4-*', efforts: ['low'] }));
    expect(said).to.deep.equal({ ...known, efforts: ['low'] });
    expect(
      claudeFacts('claude-haiku-4-5', provider('Anthropic', { models: 'claude-opus-*', efforts: [] })),
    ).to.deep.equal(claudeFacts('claude-haiku-4-5'));
  });

  it('say which known model an unknown one is like, at every provider', () => {
    const like = (name: string): ModelFactsIr => ({ models: 'ours', like: name });
    expect(claudeFacts('ours', provider('Anthropic', like('claude-3-haiku')))).to.deep.equal(
      claudeFacts('claude-3-haiku'),
    );
    expect(bedrockFacts('ours', provider('AWSBedrock', like('amazon.nova-lite-v1:0')))).to.deep.equal(
      bedrockFacts('amazon.nova-lite-v1:0'),
    );
    const azure = provider('AzureOpenAI', like('o3-mini'));
    expect(chatModelFacts('ours', azure)).to.deep.equal(chatModelFacts('o3-mini', azure));
    const { pattern: _, ...gemini } = geminiModelFacts('ours', provider('GCPVertexAI', like('gemini-2.5-pro')));
    expect(geminiModelFacts('gemini-2.5-pro')).to.deep.include(gemini);
  });

  it('take the first row that fits', () => {
    const rows = provider('OpenAI', { models: 'a*', efforts: ['low'] }, { models: '*', strict: true });
    expect(chatModelFacts('abc', rows)).to.deep.equal({ isStrict: false, efforts: ['low'] });
    expect(chatModelFacts('xyz', rows)).to.deep.equal({ isStrict: true });
  });

  it("tell Gemini's two ways of thinking", () => {
    const thinkingOf = (facts: Omit<ModelFactsIr, 'models'>): unknown =>
      geminiModelFacts('gemini-9', provider('GCPVertexAI', { models: '*', ...facts })).thinking;
    expect(thinkingOf({ thinkingLevels: ['LOW'] })).to.deep.equal({ kind: 'level', levels: ['LOW'] });
    expect(thinkingOf({ thinkingLevels: [] })).to.deep.equal({ kind: 'none' });
    const thinkingBudget = { min: 1, max: 9, canDisable: true };
    expect(thinkingOf({ thinkingBudget })).to.deep.equal({ kind: 'budget', ...thinkingBudget });
  });

  it('compare names with patterns', () => {
    for (const [name, pattern, expected] of [
      ['abc', 'abc', true],
      ['abc', 'ab', false],
      ['abc', '*', true],
      ['abc', 'a*c', true],
      ['abc', 'a*b', false],
      ['aXbXc', 'a*b*c', true],
      ['ab', 'a*b*b', false],
    ] as const) {
      expect(matchesPattern(name, pattern), `${name} ${pattern}`).to.equal(expected);
    }
  });

  describe('of models by ARN', () => {
    let fake: Fake;
    const ARN = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123';
    before(async () => {
      fake = await startBedrock({ keys: ['k'] });
    });
    after(() => fake.close());

    it('say how they are asked', async () => {
      const target = (...facts: ModelFactsIr[]) => ({
        fake,
        headers: { authorization: 'Bearer k' },
        provider: provider('AWSBedrock', ...facts),
      });
      const body = { model: ARN, input: 'hi' };
      const refused = await carry(target(), 'embeddings', body);
      expect(refused).to.include({ status: 400 }).and.not.have.property('sent');
      const like = { models: '*provisioned-model/*', like: 'amazon.titan-embed-text-v2:0' };
      const carried = await carry(target(like), 'embeddings', body);
      expect(carried.sent?.body).to.deep.equal({ inputText: 'hi' });
      expect(carried.sent?.path).to.equal(`/model/${encodeURIComponent(ARN)}/invoke`);
    });
  });
});
