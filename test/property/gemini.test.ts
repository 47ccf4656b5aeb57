import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '../../src/lib/errors.ts';
import type { AnswerEvent, JsonObject, JsonValue } from '../../src/providers/conversation.ts';
import { gemini } from '../../src/providers/vertex/gemini.ts';
import { toVertexSchema } from '../../src/providers/vertex/schema.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });

const part: fc.Arbitrary<JsonObject> = fc.oneof(
  text.map((t) => ({ text: t })),
  text.map((t) => ({ text: t, thought: true })),
  text.map((t) => ({ text: t, thoughtSignature: 'c2ln' })),
  fc.constant({ text: '', thoughtSignature: 'c2ln' }),
  text.map((city) => ({ functionCall: { name: 'weather', args: { city } } })),
  fc.constant({ inlineData: { mimeType: 'image/png', data: 'AAAA' } }),
);

/** Pieces of streams as Gemini sends them: the last one says why each candidate stopped. */
const stream: fc.Arbitrary<JsonObject[]> = fc
  .array(fc.array(part, { maxLength: 3 }), { minLength: 1, maxLength: 6 })
  .map((pieces) =>
    pieces.map((parts, i) => ({
      candidates: [{ content: { parts }, ...(i === pieces.length - 1 ? { finishReason: 'STOP' } : {}) }],
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount: i },
      responseId: 'r',
    })),
  );

function readCut(bytes: Uint8Array, cuts: readonly number[]): AnswerEvent[] {
  const reader = gemini.createStreamReader(new Map());
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const events: AnswerEvent[] = [];
  let from = 0;
  for (const to of [...at, bytes.length]) {
    events.push(...reader.push(bytes.subarray(from, to)));
    from = to;
  }
  return [...events, ...reader.end()];
}

/** The content of a stream, without the borders between its pieces. */
function contentOf(events: readonly AnswerEvent[]): string {
  return events
    .flatMap((event) => {
      if (event.kind !== 'part_delta') return event.kind === 'part_start' ? [`<${event.start.kind}>`] : [];
      return event.delta.kind === 'text' || event.delta.kind === 'arguments' ? [event.delta.text] : [];
    })
    .join('');
}

/** Parts open once, in order, and close; nothing follows an error. */
function expectWellFormed(events: readonly AnswerEvent[]): void {
  const open = new Map<number, number>();
  const next = new Map<number, number>();
  for (const [i, event] of events.entries()) {
    if (event.kind === 'error') expect(i).to.equal(events.length - 1);
    if (event.kind === 'part_start') {
      expect(open.has(event.candidate)).to.equal(false);
      expect(event.part).to.equal(next.get(event.candidate) ?? 0);
      open.set(event.candidate, event.part);
      next.set(event.candidate, event.part + 1);
    } else if (event.kind === 'part_delta') {
      expect(open.get(event.candidate)).to.equal(event.part);
    } else if (event.kind === 'part_end') {
      expect(open.get(event.candidate)).to.equal(event.part);
      open.delete(event.candidate);
    } else if (event.kind === 'finish') {
      expect(open.has(event.candidate)).to.equal(false);
    }
  }
}

const encode = (pieces: readonly JsonValue[]) =>
  Buffer.from(pieces.map((piece) => `data: ${JSON.stringify(piece)}\r\n\r\n`).join(''));

describe('streams of Gemini, any', () => {
  it('say the same wherever they are cut, and what the whole answer would', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (pieces, cuts) => {
        const bytes = encode(pieces);
        const whole = readCut(bytes, []);
        expect(readCut(bytes, cuts)).to.deep.equal(whole);
        expectWellFormed(whole);
        const parts = pieces.flatMap(
          (piece) => (piece.candidates as { content: { parts: JsonObject[] } }[])[0]?.content.parts ?? [],
        );
        const [candidate] = gemini.readAnswer(
          { candidates: [{ content: { parts } }], responseId: 'r' },
          new Map(),
        ).candidates;
        const said = (candidate?.parts ?? []).map((one) =>
          one.kind === 'tool_call' ? `<tool_call>${one.arguments}` : `<${one.kind}>${'text' in one ? one.text : ''}`,
        );
        expect(contentOf(whole)).to.equal(said.join(''));
      }),
    );
  });

  it('that break off say so, once', () => {
    fc.assert(
      fc.property(stream, fc.nat(), (pieces, cut) => {
        const bytes = encode(pieces);
        const events = readCut(bytes.subarray(0, cut % bytes.length), []);
        expectWellFormed(events);
        const finished = events.some(({ kind }) => kind === 'finish');
        expect(events.filter(({ kind }) => kind === 'error').length).to.equal(finished ? 0 : 1);
      }),
    );
  });

  it('of any JSON or bytes end in events, never in an exception', () => {
    const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
    const shaped = fc.record(
      {
        candidates: fc.array(
          fc.record({ index: json, content: json, finishReason: json, logprobsResult: json }, { requiredKeys: [] }),
        ),
        promptFeedback: json,
        usageMetadata: json,
        error: json,
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(fc.array(fc.oneof(json, shaped), { maxLength: 5 }), (pieces) =>
        expectWellFormed(readCut(encode(pieces), [])),
      ),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => expectWellFormed(readCut(bytes, []))));
  });
});

describe('answers of Gemini, any', () => {
  const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;
  const parts = fc.array(
    fc.record(
      { text: json, functionCall: json, thought: json, inlineData: json, thoughtSignature: json },
      { requiredKeys: [] },
    ),
  );
  const body = fc.record(
    {
      candidates: fc.oneof(
        json,
        fc.array(fc.record({ content: fc.record({ parts }), finishReason: json, logprobsResult: json })),
      ),
      usageMetadata: json,
      promptFeedback: json,
      responseId: json,
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JsonObject>;

  it("are read, or refused as the provider's fault", () => {
    fc.assert(
      fc.property(body, (answer) => {
        try {
          expect(gemini.readAnswer(answer, new Map()).candidates.length).to.be.greaterThan(0);
        } catch (error) {
          expect(error).to.be.instanceOf(GatewayError).with.property('code', 'provider_failed');
        }
      }),
    );
  });

  it('that are failures have a message', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.record({ error: json }) as fc.Arbitrary<JsonObject>), (answer) => {
        const error = gemini.readError(500, new Map(), answer);
        expect(error.status).to.equal(500);
        expect(error.message).to.be.a('string').and.not.equal('');
      }),
    );
  });
});

describe('schemas for Vertex, any', () => {
  it('are converted, whatever they are', () => {
    const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => ({
      schema: fc.record(
        {
          type: fc.oneof(fc.constantFrom('object', 'string', 'null'), fc.jsonValue()),
          properties: fc.oneof(fc.dictionary(fc.string(), tie('schema'), { maxKeys: 2 }), fc.jsonValue()),
          anyOf: fc.oneof(fc.array(tie('schema'), { maxLength: 2 }), fc.jsonValue()),
          enum: fc.jsonValue(),
          items: fc.jsonValue(),
          $ref: fc.constantFrom('#/$defs/a', '#/$defs/b', 'x'),
          $defs: fc.dictionary(fc.constantFrom('a', 'b'), tie('schema'), { maxKeys: 2 }),
        },
        { requiredKeys: [] },
      ) as fc.Arbitrary<JsonObject>,
    }));
    fc.assert(
      fc.property(schema, (given) => {
        const converted = JSON.stringify(toVertexSchema(given, () => undefined));
        expect(converted).not.to.include('$ref');
      }),
      { numRuns: 200 },
    );
  });
});
