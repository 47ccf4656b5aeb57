/** The Huffman code of HPACK (RFC 7541, appendix B). It is canonical, so the lengths of its codes say all. */

// Bits of the code of each byte.
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
];

/** Pairs of the next nodes for bit 0 and 1. Above 0: a node; below: the byte `-1 - value`; 0: no code goes there. */
const TREE = buildTree();

function buildTree(): Int16Array {
  const tree = new Int16Array(2 * 300);
  const symbols = LENGTHS.map((length, symbol) => ({ length, symbol }));
  symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  let nodes = 1;
  let code = 0;
  let bits = symbols[0]?.length ?? 0;
  for (const { length, symbol } of symbols) {
    // Not with a shift: the codes are up to 30 bits long, and a sum may need one more.
    code *= 2 ** (length - bits);
    bits = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = 2 * node + (Math.floor(code / 2 ** bit) % 2);
      if (tree[side] === 0) tree[side] = nodes++;
      node = tree[side] ?? 0;
    }
    tree[2 * node + (code % 2)] = -1 - symbol;
    code += 1;
  }
  return tree;
}

/** Decodes a text. Shape: one character a byte. Errors: undefined where it is none. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  const out: number[] = [];
  let node = 0;
  let depth = 0;
  let onlyOnes = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const next = TREE[2 * node + one] ?? 0;
      if (next < 0) {
        out.push(-1 - next);
        node = 0;
        depth = 0;
        onlyOnes = true;
      } else {
        if (next === 0) return undefined;
        node = next;
        depth += 1;
        onlyOnes = onlyOnes && one === 1;
      }
    }
  }
  // What fills the last byte: the beginning of the end-of-text code, which is ones, and less than a byte.
  if (depth > 7 || !onlyOnes) return undefined;
  return Buffer.from(out).toString('latin1');
}
