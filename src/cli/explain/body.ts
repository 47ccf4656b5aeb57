/** What the gateway reads of a request body: the model, or why it refuses the request. */

/** Longer names of models are refused. */
const MAX_MODEL_BYTES = 512;

export type BodyReading =
  | { readonly ok: true; readonly model: string }
  | { readonly ok: false; readonly status: 400 | 415; readonly message: string };

/** Reads the model as the data path script does (envoy/lua/gateway.lua): strictly, at the top level, once. */
export function readModel(body: string, headers: ReadonlyMap<string, string>): BodyReading {
  const encoding = headers.get('content-encoding')?.toLowerCase();
  if (encoding !== undefined && encoding !== 'identity') {
    return { ok: false, status: 415, message: 'A compressed request body is not supported.' };
  }
  const contentType = headers.get('content-type') ?? '';
  const isForm = /^\s*multipart\/form-data/i.test(contentType);
  const model = isForm ? modelOfForm(body, contentType) : modelOfJson(body);
  if (typeof model !== 'string') return model;
  if (model === '') return refusal('The request names no model.');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
  if (/[\u0000-\u001f\u007f]/.test(model) || Buffer.byteLength(model) > MAX_MODEL_BYTES) {
    return refusal('The name of the model is not valid.');
  }
  return { ok: true, model };
}

function refusal(message: string): BodyReading & { ok: false } {
  return { ok: false, status: 400, message };
}

function modelOfJson(body: string): string | (BodyReading & { ok: false }) {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    const why = body.trim() === '' ? 'the body is empty' : 'the JSON text has an error';
    return refusal(`The request body is not valid JSON: ${why}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refusal('The request body is not valid JSON: expected a JSON object.');
  }
  const twice = repeatedKey(body);
  if (twice !== undefined) return refusal(`The request body has the key ${JSON.stringify(twice)} twice.`);
  const { model = '' } = value as { model?: unknown };
  return typeof model === 'string' ? model : refusal('The value of "model" must be a string.');
}

/** A key that the top level of a (valid) JSON object has twice: providers disagree about which one counts. */
function repeatedKey(body: string): string | undefined {
  const keys = new Set<string>();
  let depth = 0;
  let last = '';
  for (let at = 0; at < body.length; at++) {
    const c = body[at];
    if (c === '"') {
      const start = at;
      for (at++; body[at] !== '"'; at++) if (body[at] === '\\') at++;
      if (depth === 1) last = body.slice(start, at + 1);
    } else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') depth--;
    else if (c === ':' && depth === 1) {
      const key = JSON.parse(last) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function modelOfForm(body: string, contentType: string): string | (BodyReading & { ok: false }) {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) return refusal('The content-type has no boundary.');
  const parts = `\r\n${body}`.split(`\r\n--${mark}`);
  if (!parts.at(-1)?.startsWith('--')) return refusal('The multipart form is not complete.');
  const models = parts.slice(1, -1).flatMap((part) => {
    const [head = '', ...rest] = part.split('\r\n\r\n');
    return /^content-disposition:.*;\s*name="?model"?\s*(;|$)/im.test(head) ? [rest.join('\r\n\r\n')] : [];
  });
  return models.length > 1 ? refusal('The form has the field "model" twice.') : (models[0] ?? '');
}
