import { expect } from 'chai';
import type { Message } from '../../../../src/providers/conversation.ts';
import { configOf, written } from './support.ts';

const CALL = { kind: 'tool_call', id: 'a', name: 'weather', arguments: '{"city":"Oslo"}' } as const;

describe('requests to Gemini: contents', () => {
  it('carries the system prompt apart and the roles by their names there', () => {
    const { body, unsupported } = written({
      system: [
        { kind: 'text', text: 'Be brief.' },
        { kind: 'text', text: 'Be kind.' },
      ],
      messages: [
        { role: 'user', parts: [{ kind: 'text', text: 'hi' }] },
        { role: 'assistant', parts: [{ kind: 'text', text: 'hello' }] },
        { role: 'user', parts: [{ kind: 'text', text: 'and' }] },
        { role: 'user', parts: [{ kind: 'text', text: 'then' }] },
      ],
    });
    expect(body).to.deep.equal({
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        { role: 'model', parts: [{ text: 'hello' }] },
        { role: 'user', parts: [{ text: 'and' }, { text: 'then' }] },
      ],
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] },
    });
    expect(unsupported).to.deep.equal([]);
  });

  it('puts the results of tools first and in the order of their calls', () => {
    const messages: Message[] = [
      { role: 'assistant', parts: [CALL, { ...CALL, id: 'b', arguments: '' }] },
      {
        role: 'user',
        parts: [
          { kind: 'text', text: 'go on' },
          { kind: 'tool_result', id: 'b', content: [{ kind: 'text', text: 'no such city' }], isError: true },
          { kind: 'tool_result', id: 'a', content: [{ kind: 'text', text: 'rain' }], isError: false },
        ],
      },
    ];
    expect(written({ messages }).body.contents).to.deep.equal([
      {
        role: 'model',
        parts: [
          { functionCall: { name: 'weather', args: { city: 'Oslo' } } },
          { functionCall: { name: 'weather', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'weather', response: { output: 'rain' } } },
          { functionResponse: { name: 'weather', response: { error: 'no such city' } } },
          { text: 'go on' },
        ],
      },
    ]);
  });

  it('refuses a result that belongs to no call, and arguments that are no object', () => {
    const result = { kind: 'tool_result', id: 'x', content: [], isError: false } as const;
    expect(() => written({ messages: [{ role: 'user', parts: [result] }] })).to.throw("'x' belongs to no tool call");
    const call = { ...CALL, arguments: '[1]' };
    expect(() => written({ messages: [{ role: 'assistant', parts: [call] }] })).to.throw('not a JSON object');
  });

  it('carries images, documents and files, with media types where Vertex needs them', () => {
    const image = (url: string, detail?: string) =>
      ({ kind: 'image', source: { kind: 'url', url }, ...(detail === undefined ? {} : { detail }) }) as const;
    const parts = [
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' }, detail: 'high' },
      image('https://example.com/cat.webp?size=1.5', 'low'),
      image('gs://bucket/no-extension'),
      { kind: 'document', source: { kind: 'file', id: 'gs://bucket/a.pdf' } },
      { kind: 'document', source: { kind: 'text', text: 'plain' } },
      { kind: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: 'BBBB' } },
    ] as const;
    const messages: Message[] = [{ role: 'user', parts }];
    const plain = [
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
      { fileData: { mimeType: 'image/webp', fileUri: 'https://example.com/cat.webp?size=1.5' } },
      { fileData: { mimeType: 'image/jpeg', fileUri: 'gs://bucket/no-extension' } },
      { fileData: { mimeType: 'application/pdf', fileUri: 'gs://bucket/a.pdf' } },
      { text: 'plain' },
      { inlineData: { mimeType: 'audio/wav', data: 'BBBB' } },
    ];
    const older = written({ messages });
    expect(older.body.contents).to.deep.equal([{ role: 'user', parts: plain }]);
    expect(older.unsupported).to.include('messages[].content[].image_url.detail');
    const newer = written({ messages, model: 'gemini-3-pro-preview' });
    expect(newer.unsupported).to.deep.equal([]);
    expect(newer.body.contents).to.deep.equal([
      {
        role: 'user',
        parts: plain.map((part, i) => {
          const level = ['MEDIA_RESOLUTION_HIGH', 'MEDIA_RESOLUTION_LOW'][i];
          return level === undefined ? part : { ...part, mediaResolution: { level } };
        }),
      },
    ]);
  });

  it('refuses a file of another provider', () => {
    const parts = [{ kind: 'document', source: { kind: 'file', id: 'file-123' } }] as const;
    expect(() => written({ messages: [{ role: 'user', parts }] })).to.throw("'file-123' was uploaded to another");
  });

  it('puts what a tool shows into its result where the model takes it, else behind', () => {
    const image = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } } as const;
    const content = [{ kind: 'text', text: 'see' } as const, image];
    const messages: Message[] = [
      { role: 'assistant', parts: [CALL] },
      { role: 'user', parts: [{ kind: 'tool_result', id: 'a', content, isError: false }] },
    ];
    const shown = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const response = { name: 'weather', response: { output: 'see' } };
    expect(written({ messages }).body.contents).to.have.deep.nested.property('[1].parts', [
      { functionResponse: response },
      shown,
    ]);
    expect(written({ messages, model: 'gemini-3-flash-preview' }).body.contents).to.have.deep.nested.property(
      '[1].parts',
      [{ functionResponse: { ...response, parts: [shown] } }],
    );
  });

  it('reports marks of what to cache, names of speakers and fields that it does not know', () => {
    const { unsupported } = written({
      system: [{ kind: 'text', text: 'x', cache: {} }],
      messages: [{ role: 'user', name: 'ann', parts: [{ kind: 'text', text: 'hi' }] }],
      logitBias: { 1: 2 },
      user: 'u',
      metadata: { a: 'b' },
      serviceTier: 'scale',
      parallelToolCalls: false,
      extra: { store: true },
    });
    expect(unsupported.sort()).to.deep.equal(
      [
        'cache_control',
        'logit_bias',
        'messages[].name',
        'metadata',
        'parallel_tool_calls',
        'service_tier',
        'store',
        'user',
      ].sort(),
    );
  });

  it("takes Gemini's own fields out of the client's body", () => {
    const safetySettings = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }];
    const extra = { safetySettings, cached_content: 'projects/p/locations/l/cachedContents/c', labels: { team: 'a' } };
    const { body, unsupported } = written({ extra, serviceTier: 'flex' });
    expect(body).to.deep.include({
      safetySettings,
      cachedContent: 'projects/p/locations/l/cachedContents/c',
      labels: { team: 'a' },
      serviceTier: 'flex',
    });
    expect(unsupported).to.deep.equal([]);
  });
});

describe('requests to Gemini: signatures', () => {
  const messagesOf = (parts: Extract<Message, { role: 'assistant' }>['parts']): Message[] => [
    { role: 'assistant', parts },
  ];
  const partsOf = (parts: Extract<Message, { role: 'assistant' }>['parts'], model = 'gemini-3-pro-preview') =>
    (written({ messages: messagesOf(parts), model }).body.contents as { parts: unknown[] }[])[0]?.parts;
  const functionCall = { name: 'weather', args: { city: 'Oslo' } };

  it('sends back the signature of a call', () => {
    expect(partsOf([{ ...CALL, signature: 'c2ln' }])).to.deep.equal([{ functionCall, thoughtSignature: 'c2ln' }]);
  });

  it('gives a signature that came with reasoning to the first call after it', () => {
    const reasoning = { kind: 'reasoning', text: 'hm', signature: 'gemini:c2ln' } as const;
    expect(partsOf([reasoning, CALL, { ...CALL, id: 'b' }])).to.deep.equal([
      { functionCall, thoughtSignature: 'c2ln' },
      { functionCall },
    ]);
  });

  it('stands in for the signature that another provider did not give, once a turn and where it is needed', () => {
    const foreign = { kind: 'reasoning', text: 'hm', signature: 'ErUBCkYI' } as const;
    expect(partsOf([foreign, CALL, { ...CALL, id: 'b' }])).to.deep.equal([
      { functionCall, thoughtSignature: 'skip_thought_signature_validator' },
      { functionCall },
    ]);
    expect(partsOf([foreign, CALL], 'gemini-2.5-pro')).to.deep.equal([{ functionCall }]);
  });

  it('sends signed reasoning before text, and nothing of other reasoning', () => {
    const parts = [
      { kind: 'reasoning', text: 'hm', signature: 'gemini:c2ln' },
      { kind: 'redacted_reasoning', data: 'x' },
      { kind: 'reasoning', text: 'unsigned' },
      { kind: 'text', text: 'yes', signature: 'dGV4dA' },
      { kind: 'text', text: '' },
      { kind: 'refusal', text: 'no' },
    ] as const;
    expect(partsOf(parts)).to.deep.equal([
      { thought: true, text: 'hm', thoughtSignature: 'c2ln' },
      { text: 'yes', thoughtSignature: 'dGV4dA' },
      { text: 'no' },
    ]);
  });

  it('leaves out a turn of which nothing remains', () => {
    const messages = messagesOf([{ kind: 'reasoning', text: 'unsigned' }]);
    expect(written({ messages }).body.contents).to.deep.equal([]);
  });
});

describe('requests to Gemini: generation config', () => {
  it('carries sampling', () => {
    const { config, unsupported } = configOf({
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      maxTokens: 100,
      stop: ['x'],
      seed: 7,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      candidates: 2,
      logprobs: { top: 3 },
    });
    expect(config).to.deep.equal({
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      maxOutputTokens: 100,
      stopSequences: ['x'],
      seed: 7,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      candidateCount: 2,
      responseLogprobs: true,
      logprobs: 3,
    });
    expect(unsupported).to.deep.equal([]);
  });

  it('sends a schema as JSON Schema where the model takes it, else in its own vocabulary', () => {
    const schema = { type: 'object', properties: { n: { type: ['integer', 'null'] } }, additionalProperties: false };
    const outputFormat = { kind: 'json_schema', schema } as const;
    expect(configOf({ outputFormat }).config).to.deep.equal({
      responseMimeType: 'application/json',
      responseJsonSchema: schema,
    });
    expect(configOf({ outputFormat, model: 'gemini-2.0-flash' }).config).to.deep.equal({
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { n: { type: 'INTEGER', nullable: true } } },
    });
    expect(configOf({ outputFormat: { kind: 'json_object' } }).config).to.deep.equal({
      responseMimeType: 'application/json',
    });
  });

  it("takes vLLM's guided decoding, one of its forms", () => {
    expect(configOf({ extra: { guided_choice: ['a', 'b'] } })).to.deep.equal({
      config: { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a', 'b'] } },
      unsupported: [],
    });
    expect(configOf({ extra: { guided_regex: '^a+$' } }).config).to.deep.equal({
      responseMimeType: 'application/json',
      responseSchema: { type: 'STRING', pattern: '^a+$' },
    });
    expect(configOf({ extra: { guided_json: '{"type":"object"}' } }).config).to.deep.equal({
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
    });
    const both = { outputFormat: { kind: 'json_object' }, extra: { guided_regex: 'a' } } as const;
    expect(() => configOf(both)).to.throw('only one of');
    expect(() => configOf({ extra: { guided_json: 'no schema' } })).to.throw("'guided_json' must be a JSON Schema");
  });

  const thinking: [model: string, reasoning: object, config: unknown, unsupported: string[]][] = [
    ['gemini-2.5-flash', { effort: 'low' }, { thinkingBudget: 1024 }, []],
    ['gemini-2.5-flash', { effort: 'none' }, { thinkingBudget: 0 }, []],
    ['gemini-2.5-pro', { effort: 'none' }, { thinkingBudget: 128 }, ['thinking']],
    ['gemini-2.5-pro', { effort: 'max' }, { thinkingBudget: 32768 }, []],
    ['gemini-2.5-flash', { mode: 'off' }, { thinkingBudget: 0 }, []],
    ['gemini-2.5-flash', { mode: 'adaptive' }, { thinkingBudget: -1, includeThoughts: true }, []],
    ['gemini-2.5-flash', { mode: 'on', budgetTokens: 2000 }, { thinkingBudget: 2000, includeThoughts: true }, []],
    ['gemini-2.5-flash', { mode: 'on', budgetTokens: 2000, display: 'omitted' }, { thinkingBudget: 2000 }, []],
    ['gemini-3-pro-preview', { effort: 'low' }, { thinkingLevel: 'LOW' }, []],
    ['gemini-3-pro-preview', { effort: 'medium' }, { thinkingLevel: 'HIGH' }, ['reasoning_effort']],
    ['gemini-3-pro-preview', { mode: 'off' }, { thinkingLevel: 'LOW' }, ['thinking']],
    [
      'gemini-3-flash-preview',
      { effort: 'medium', display: 'auto' },
      { thinkingLevel: 'MEDIUM', includeThoughts: true },
      [],
    ],
    ['gemini-3-flash-preview', { mode: 'off' }, { thinkingLevel: 'MINIMAL' }, []],
    ['gemini-3.8-flash', { effort: 'minimal' }, { thinkingLevel: 'LOW' }, ['reasoning_effort']],
    ['gemini-4-ultra', { effort: 'xhigh' }, { thinkingLevel: 'HIGH' }, ['reasoning_effort']],
  ];
  for (const [model, reasoning, thinkingConfig, unsupported] of thinking) {
    it(`tells ${model} to think: ${JSON.stringify(reasoning)}`, () => {
      expect(configOf({ model, reasoning })).to.deep.equal({ config: { thinkingConfig }, unsupported });
    });
  }

  it('tells a model that does not think nothing, and reports it', () => {
    const model = 'gemini-2.0-flash-001';
    expect(configOf({ model, reasoning: { effort: 'low' } })).to.deep.equal({
      config: undefined,
      unsupported: ['reasoning_effort'],
    });
    expect(configOf({ model, reasoning: { mode: 'off' } })).to.deep.equal({ config: undefined, unsupported: [] });
  });
});

describe('requests to Gemini: tools', () => {
  const weather = {
    name: 'weather',
    description: 'Tells the weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  };

  it('declares functions with their schemas, or without where they take nothing', () => {
    const tools = [weather, { name: 'now' }, { name: 'never', parameters: {}, strict: true }];
    const { body, unsupported } = written({ tools });
    expect(body.tools).to.deep.equal([
      {
        functionDeclarations: [
          { name: 'weather', description: 'Tells the weather', parametersJsonSchema: weather.parameters },
          { name: 'now' },
          { name: 'never' },
        ],
      },
    ]);
    expect(unsupported).to.deep.equal(['tools[].strict']);
    expect(written({ tools: [weather], model: 'gemini-2.0-flash' }).body.tools).to.deep.equal([
      {
        functionDeclarations: [
          {
            name: 'weather',
            description: 'Tells the weather',
            parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] },
          },
        ],
      },
    ]);
  });

  it('carries the choice of a tool', () => {
    const chosen = (toolChoice: NonNullable<Parameters<typeof written>[0]>['toolChoice']) =>
      written({ tools: [weather], ...(toolChoice === undefined ? {} : { toolChoice }) }).body.toolConfig;
    expect(chosen(undefined)).to.equal(undefined);
    expect(chosen({ kind: 'auto' })).to.deep.equal({ functionCallingConfig: { mode: 'AUTO' } });
    expect(chosen({ kind: 'none' })).to.deep.equal({ functionCallingConfig: { mode: 'NONE' } });
    expect(chosen({ kind: 'required' })).to.deep.equal({ functionCallingConfig: { mode: 'ANY' } });
    expect(chosen({ kind: 'tool', name: 'weather' })).to.deep.equal({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] },
    });
    expect(chosen({ kind: 'allowed', mode: 'required', names: ['weather'] })).to.deep.equal({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] },
    });
  });

  it('declares only the tools that are allowed, where none must be called', () => {
    const toolChoice = { kind: 'allowed', mode: 'auto', names: ['now'] } as const;
    const { body } = written({ tools: [weather, { name: 'now' }], toolChoice });
    expect(body.tools).to.deep.equal([{ functionDeclarations: [{ name: 'now' }] }]);
    expect(body.toolConfig).to.deep.equal({ functionCallingConfig: { mode: 'AUTO' } });
  });

  it('carries the tools that Gemini runs itself, and reports those of others', () => {
    const builtIn = (definition: { type: string; [key: string]: unknown }) =>
      ({ name: definition.type, builtIn: { api: 'chat', definition } }) as never;
    const { body, unsupported } = written({
      tools: [
        builtIn({
          type: 'google_search',
          google_search: {
            exclude_domains: ['a.com'],
            time_range_filter: { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' },
          },
        }),
        builtIn({ type: 'enterprise_search' }),
        builtIn({ type: 'web_search_20250305', name: 'web_search', max_uses: 3, blocked_domains: ['b.com'] }),
        builtIn({ type: 'image_generation' }),
      ],
      toolChoice: { kind: 'auto' },
    });
    expect(body.tools).to.deep.equal([
      {
        googleSearch: {
          excludeDomains: ['a.com'],
          timeRangeFilter: { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' },
        },
      },
      { enterpriseWebSearch: {} },
      { googleSearch: { excludeDomains: ['b.com'] } },
    ]);
    expect(body).not.to.have.property('toolConfig');
    expect(unsupported).to.deep.equal(['tools[].web_search_20250305.max_uses', 'tools[].image_generation']);
  });
});
