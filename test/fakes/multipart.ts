/** One part of a `multipart/form-data` body. */
export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly data: Buffer;
}

/** Parses a form strictly: undefined when a boundary, a header or the closing line is not as RFC 7578 wants it. */
export function parseMultipart(body: Buffer, contentType: string): FormPart[] | undefined {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) return undefined;
  const delimiter = Buffer.from(`\r\n--${mark}`);
  // The first delimiter has no line before it: one is lent, so that all delimiters look alike.
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: FormPart[] = [];
  let at = text.indexOf(delimiter);
  while (at >= 0) {
    const after = at + delimiter.length;
    const tail = text.subarray(after, after + 2).toString('latin1');
    if (tail === '--') return parts;
    const next = text.indexOf(delimiter, after);
    if (tail !== '\r\n' || next < 0) return undefined;
    const part = parsePart(text.subarray(after + 2, next));
    if (part === undefined) return undefined;
    parts.push(part);
    at = next;
  }
  return undefined;
}

function parsePart(bytes: Buffer): FormPart | undefined {
  const split = bytes.indexOf('\r\n\r\n');
  if (split < 0) return undefined;
  const headers = new Map<string, string>();
  for (const line of bytes.subarray(0, split).toString('utf8').split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) return undefined;
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = headers.get('content-disposition') ?? '';
  const name = /\bname="([^"]*)"/.exec(disposition.replace(/filename\*?="[^"]*"/, ''))?.[1];
  if (!disposition.startsWith('form-data') || name === undefined) return undefined;
  return {
    name,
    filename: /\bfilename="([^"]*)"/.exec(disposition)?.[1],
    contentType: headers.get('content-type'),
    data: bytes.subarray(split + 4),
  };
}
