/** Events of a streamed answer. */
export const CHUNKS = 200;

/** One kind of request; `requests` are made in a round, on each side. */
export interface Case {
  readonly name: string;
  readonly requests: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly streamed: boolean;
}

const ESCAPED = 'He said: "line"\n\ttab \\ é ';

function messages(content: string): unknown {
  return [{ role: 'user', content }];
}

/** `size` bytes as one string, as one with many escapes, or as messages of some 50 bytes. */
function bodyOf(model: string, size: number, shape: 'string' | 'escaped' | 'messages', more: object): Buffer {
  const bare = Buffer.byteLength(JSON.stringify({ model, ...more, messages: messages('') }));
  const room = Math.max(0, size - bare);
  if (shape === 'string')
    return toBuffer({ model, ...more, messages: messages('word '.repeat(room / 5 + 1).slice(0, room)) });
  if (shape === 'escaped') {
    const each = Buffer.byteLength(JSON.stringify(ESCAPED)) - 2;
    return toBuffer({ model, ...more, messages: messages(ESCAPED.repeat(Math.floor(room / each))) });
  }
  const list = Array.from({ length: Math.floor(size / 50) }, (_, i) => ({
    role: 'user',
    content: `hello there ${1000 + i}`,
  }));
  return toBuffer({ model, ...more, messages: list });
}

function toBuffer(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Models of policy.yaml: one provider, and two of which one takes over. */
export type Model = 'single' | 'failover';

/** All cases for a model. Shape: `scale` multiplies the number of requests of a round. */
export function casesFor(model: Model, scale: number): Case[] {
  const unary = (name: string, size: number, shape: 'string' | 'escaped' | 'messages', requests: number): Case => ({
    ...{ name: `${model}: ${name}`, requests: Math.max(20, Math.round(requests * scale)), streamed: false },
    ...{ body: bodyOf(model, size, shape, {}), headers: {} },
  });
  const streamed = (name: string, size: number, requests: number): Case => ({
    ...{ name: `${model}: ${name}`, requests: Math.max(10, Math.round(requests * scale)), streamed: true },
    ...{ body: bodyOf(model, size, 'string', { stream: true }), headers: { 'x-stream': '1' } },
  });
  return [
    unary('280 B', 280, 'string', 2000),
    unary('20 KB one string', 20_000, 'string', 1000),
    unary('20 KB escaped string', 20_000, 'escaped', 1000),
    unary('20 KB 400 messages', 20_000, 'messages', 1000),
    unary('100 KB one string', 100_000, 'string', 300),
    unary('100 KB escaped string', 100_000, 'escaped', 300),
    unary('100 KB 2,000 messages', 100_000, 'messages', 300),
    unary('200 KB one string', 200_000, 'string', 150),
    unary('200 KB escaped string', 200_000, 'escaped', 150),
    unary('200 KB 4,000 messages', 200_000, 'messages', 150),
    streamed('280 B streamed', 280, 100),
    streamed('100 KB streamed', 100_000, 80),
  ];
}
