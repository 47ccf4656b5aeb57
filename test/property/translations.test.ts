import { expect } from 'chai';
import fc from 'fast-check';
import type { EndpointName, ProviderIr, ProviderSchema } from '../../src/ir/index.ts';
import { GatewayError } from '../../src/lib/errors.ts';
import { errorBody } from '../../src/providers/client-errors.ts';
import type { Attempt, TranslatedResponse } from '../../src/providers/translation.ts';
import { createTranslation } from '../../src/providers/translations.ts';
import { carryPayload, startTargets, targetsOf, translateSources } from '../golden/translate-golden.ts';
import type { Carried, Json, Target } from '../unit/providers/carry.ts';

/** A request of the goldens and the answer that a fake gave to it. */
interface Recorded {
  readonly label: string;
  readonly endpoint: EndpointName;
  readonly provider: ProviderIr;
  readonly body: Json;
  readonly carried: Carried;
  readonly answer: NonNullable<Carried['answer']>;
}

function attempt(endpoint: EndpointName, provider: ProviderIr): Attempt {
  return { endpoint, provider, requestId: 'r1', nowSeconds: 1_700_000_000, unsupported: 'report' };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Every endpoint's failures have one object that tells them. */
function expectFailure(text: string, label: string): void {
  const { error, message } = JSON.parse(text) as { error?: { message?: unknown }; message?: unknown };
  expect(error?.message ?? message, `${label}: ${text}`).to.be.a('string').that.is.not.empty;
}

type Path = (string | number)[];

/** Ways to all values inside of one. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

/** A value with one thing in it that is another, wherever it is. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  const other = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(
      '',
      ' ',
      -1,
      1e300,
      null,
      [],
      {},
      [null],
      [[]],
      [{}],
      { type: 'x' },
      true,
      '{',
      'data:,',
      '__proto__',
    ),
  );
  return fc.tuple(fc.constantFrom(...pathsOf(value)), other).map(([path, by]) => replaced(value, path, by));
}

function drain(response: TranslatedResponse, bytes: Buffer, cuts: readonly number[]): string {
  const out: Uint8Array[] = [];
  let from = 0;
  for (const at of [...cuts, bytes.length]) {
    out.push(response.push(bytes.subarray(from, at)));
    from = at;
  }
  out.push(response.end());
  return Buffer.concat(out).toString();
}

describe('translations of anything', () => {
  const recorded: Recorded[] = [];
  before(async () => {
    const targets: ReadonlyMap<ProviderSchema, Target> = await startTargets();
    for (const [endpoint, names] of translateSources()) {
      for (const schema of targetsOf(endpoint)) {
        const target = targets.get(schema) as Target;
        for (const name of names) {
          const { body, carried } = await carryPayload(endpoint, name, target);
          const { answer } = carried;
          if (answer === undefined) continue;
          const label = `${endpoint}/${name} at ${schema}`;
          recorded.push({ label, endpoint, provider: target.provider, body, carried, answer });
        }
      }
    }
    for (const { fake } of targets.values()) await fake.close();
  });

  /** The answer to a recorded request, whatever it is. */
  function answerTo(
    one: Recorded,
    status: number,
    bytes: Buffer,
    cuts: readonly number[] = [],
  ): { status: number; text: string } {
    const translation = createTranslation(attempt(one.endpoint, one.provider));
    translation.request(bytesOf(one.body));
    const response = translation.response(status, one.answer.headers);
    const text = drain(response, bytes, cuts);
    return { status: response.status(), text };
  }

  it('give the same stream wherever its bytes are cut', () => {
    const streams = recorded.filter(({ body }) => body.stream === true);
    expect(streams).to.not.deep.equal([]);
    for (const one of streams) {
      const { bytes, status } = one.answer;
      for (const size of [1, 2, 3, 17]) {
        const cuts = Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, i) => (i + 1) * size);
        expect(answerTo(one, status, bytes, cuts).text, `${one.label} by ${size}`).to.equal(one.carried.text);
      }
      const cutsOf = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 20 }).map((cuts) => cuts.sort((a, b) => a - b));
      fc.assert(
        fc.property(cutsOf, (cuts) => {
          expect(answerTo(one, status, bytes, cuts).text, one.label).to.equal(one.carried.text);
        }),
        { numRuns: 20 },
      );
    }
  });

  it('tell the client of a stream that ends anywhere, and end it once', () => {
    for (const one of recorded.filter(({ body }) => body.stream === true)) {
      const { bytes, status } = one.answer;
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), (end) => {
          const { text } = answerTo(one, status, bytes.subarray(0, end));
          const isTold = /"type":"error"|"error":\{|"response\.failed"/.test(text);
          const isEnded = /"message_stop"|"response\.(completed|incomplete)"|\[DONE\]/.test(text);
          expect({ isTold, isEnded }, `${one.label} until ${end}: ${text}`).to.deep.equal({
            isTold: !isEnded,
            isEnded: !isTold,
          });
        }),
        { numRuns: 20 },
      );
    }
  });

  it('refuse a request with anything in the wrong place, or carry it', () => {
    for (const { label, endpoint, provider, body } of recorded) {
      fc.assert(
        fc.property(mutated(body), (changed) => {
          try {
            createTranslation(attempt(endpoint, provider)).request(bytesOf(changed));
          } catch (caught) {
            expect(caught, `${label}: ${JSON.stringify(changed)}`).to.be.instanceOf(GatewayError);
            const { httpStatus: status, message, code } = caught as GatewayError;
            expect(status).to.equal(400);
            expectFailure(errorBody(endpoint, { status, message, code }).toString(), label);
          }
        }),
        { numRuns: 25 },
      );
    }
  });

  it('tell the client of an answer with anything in the wrong place, or carry it', () => {
    for (const one of recorded.filter(({ body }) => body.stream !== true)) {
      const said = JSON.parse(one.answer.bytes.toString()) as unknown;
      fc.assert(
        fc.property(mutated(said), (changed) => {
          const { status, text } = answerTo(one, 200, bytesOf(changed));
          expect([200, 502], one.label).to.include(status);
          if (status === 502) expectFailure(text, one.label);
          else JSON.parse(text);
        }),
        { numRuns: 25 },
      );
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from('<html>'),
        one.answer.bytes.subarray(0, -1),
        Buffer.from([0xff]),
      ]) {
        const { status, text } = answerTo(one, 200, bytes);
        expect(status, `${one.label}: ${bytes.toString()}`).to.equal(502);
        expectFailure(text, one.label);
      }
    }
  });

  it("tell failures in the client's words, whatever the provider's are", () => {
    for (const one of recorded) {
      const bodies = fc.oneof(
        fc.jsonValue().map((value) => bytesOf(value)),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.record({ error: fc.jsonValue(), message: fc.jsonValue() }).map((value) => bytesOf(value)),
      );
      fc.assert(
        fc.property(fc.constantFrom(301, 400, 401, 403, 404, 413, 429, 500, 503, 529), bodies, (status, bytes) => {
          const told = answerTo(one, status, bytes);
          expect(told.status, one.label).to.be.at.least(400).and.at.most(599);
          expectFailure(told.text, one.label);
        }),
        { numRuns: 10 },
      );
    }
  });

  it('do not throw at events with anything in the wrong place', () => {
    for (const one of recorded.filter(({ body, answer }) => body.stream === true && isSse(answer))) {
      const events = one.answer.bytes
        .toString()
        .split('\n\n')
        .filter((event) => event.includes('data: {'));
      const changes = fc.nat(events.length - 1).chain((index) => {
        const [head = '', data = ''] = (events[index] ?? '').split('data: ');
        return mutated(JSON.parse(data)).map((value) => events.with(index, `${head}data: ${JSON.stringify(value)}`));
      });
      fc.assert(
        fc.property(changes, (changed) => {
          answerTo(one, 200, Buffer.from(`${changed.join('\n\n')}\n\n`));
        }),
        { numRuns: 25 },
      );
    }
  });
});

function isSse({ headers }: NonNullable<Carried['answer']>): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true;
}
