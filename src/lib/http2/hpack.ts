/** Header decompression (RFC 7541). */
import { decodeHuffman } from './huffman.ts';

const STATIC: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control',
    'content-disposition content-encoding content-language content-length content-location content-range content-type',
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since',
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after',
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate',
  ]
    .flatMap((line) => line.split(' '))
    .map((name) => [name, ''] as const),
];

const ENTRY_OVERHEAD = 32;
const MAX_CACHED_BLOCKS = 64;
const MAX_CACHED_BYTES = 512;

export type Headers = ReadonlyMap<string, string>;

/** A block that cannot be decoded: the connection is of no more use. */
export class HpackError extends Error {}

/** The decoder of one connection. */
export class HpackDecoder {
  private readonly maxTableBytes: number;
  private readonly maxListBytes: number;
  private tableBytes = 0;
  private allowedBytes: number;
  /** Newest last. */
  private table: (readonly [string, string])[] = [];
  /** Blocks that changed nothing, with the table as it is: proxies send the same one over and over. */
  private readonly blocks = new Map<string, Headers>();
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private changed = false;

  constructor(limits: { maxTableBytes: number; maxListBytes: number }) {
    this.maxTableBytes = limits.maxTableBytes;
    this.maxListBytes = limits.maxListBytes;
    this.allowedBytes = limits.maxTableBytes;
  }

  /** Shape: of a name that is there twice the last value. Errors: HpackError. */
  decode(block: Buffer): Headers {
    const identity = block.length <= MAX_CACHED_BYTES ? block.toString('latin1') : undefined;
    const known = identity === undefined ? undefined : this.blocks.get(identity);
    if (known) return known;
    this.bytes = block;
    this.at = 0;
    this.changed = false;
    const headers = this.read();
    if (this.changed) this.blocks.clear();
    else if (identity !== undefined) {
      if (this.blocks.size >= MAX_CACHED_BLOCKS) this.blocks.clear();
      this.blocks.set(identity, headers);
    }
    return headers;
  }

  private read(): Map<string, string> {
    const headers = new Map<string, string>();
    let listBytes = 0;
    while (this.at < this.bytes.length) {
      const first = this.bytes[this.at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        this.resize(this.integer(5));
        continue;
      }
      const [name, value] = this.field(first);
      listBytes += name.length + value.length + ENTRY_OVERHEAD;
      if (listBytes > this.maxListBytes) throw new HpackError('too many headers');
      headers.set(name, value);
    }
    return headers;
  }

  private field(first: number): readonly [string, string] {
    if (first & 0x80) return this.entry(this.integer(7));
    const isIndexed = (first & 0x40) !== 0;
    const index = this.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? this.text() : this.entry(index)[0];
    const field = [name, this.text()] as const;
    if (isIndexed) this.insert(field);
    return field;
  }

  private entry(index: number): readonly [string, string] {
    const entry = index <= STATIC.length ? STATIC[index - 1] : this.table[this.table.length - (index - STATIC.length)];
    if (!entry) throw new HpackError('no such header');
    return entry;
  }

  private insert(field: readonly [string, string]): void {
    this.changed = true;
    this.table.push(field);
    this.tableBytes += field[0].length + field[1].length + ENTRY_OVERHEAD;
    this.evict();
  }

  private resize(size: number): void {
    if (size > this.maxTableBytes) throw new HpackError('the table is too large');
    this.changed = true;
    this.allowedBytes = size;
    this.evict();
  }

  private evict(): void {
    let gone = 0;
    while (this.tableBytes > this.allowedBytes) {
      const [name = '', value = ''] = this.table[gone] ?? [];
      this.tableBytes -= name.length + value.length + ENTRY_OVERHEAD;
      gone += 1;
    }
    if (gone > 0) this.table = this.table.slice(gone);
  }

  private integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = (this.bytes[this.at++] ?? 0) & most;
    if (value < most) return value;
    for (let scale = 1; scale <= 2 ** 21; scale *= 128) {
      if (this.at >= this.bytes.length) throw new HpackError('a number is cut off');
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new HpackError('a number is too large');
  }

  private text(): string {
    const isCoded = ((this.bytes[this.at] ?? 0) & 0x80) !== 0;
    if (this.at >= this.bytes.length) throw new HpackError('a text is cut off');
    const length = this.integer(7);
    const from = this.at;
    const end = from + length;
    if (end > this.bytes.length) throw new HpackError('a text is cut off');
    this.at = end;
    if (!isCoded) return this.bytes.toString('latin1', from, end);
    const text = decodeHuffman(this.bytes, from, end);
    if (text === undefined) throw new HpackError('a text is not Huffman code');
    return text;
  }
}
