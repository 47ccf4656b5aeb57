/**
 * Durations and quantities in the spellings users write: Gateway API and Go durations (`1h30m`, `250ms`, `1.5s`) and
 * Kubernetes quantities (`64Mi`, `1k`). Numbers are milliseconds and bytes.
 */

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000001,
};

/** Shape: Go duration text in, milliseconds out. Errors: `undefined` when the text is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  const pattern = /(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)/gy;
  let total = 0;
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    total += Number(match[1]) * (DURATION_UNITS_MS[match[2] ?? ''] ?? 0);
    end = pattern.lastIndex;
  }
  return end === text.length && end > 0 ? total : undefined;
}

/** Shape: milliseconds in, protobuf JSON duration out (`1.5s`). */
export function protoDuration(ms: number): `${number}s` {
  const text = (ms / 1000).toFixed(9).replace(/\.?0+$/, '');
  return `${text}s` as `${number}s`;
}

const QUANTITY_SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  m: 1e-3,
};

/** Shape: Kubernetes quantity (text or number) in, number out. Errors: `undefined` when it is not a quantity. */
export function parseQuantity(value: string | number): number | undefined {
  if (typeof value === 'number') return value;
  const match = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti|m)?$/.exec(value);
  if (!match) return undefined;
  return Number(match[1]) * (QUANTITY_SUFFIXES[match[2] ?? ''] ?? 1);
}
