/** A part of a form: a text field, or a file. */
export type FormField =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly filename: string; readonly data: Buffer; readonly contentType?: string };

/** A `multipart/form-data` body and the headers that go with it. */
export function multipartForm(
  fields: readonly FormField[],
  boundary = 'form-boundary-7d9a',
): { readonly headers: Record<string, string>; readonly body: Buffer } {
  const pieces: Buffer[] = [];
  for (const field of fields) {
    const isFile = 'filename' in field;
    const file = isFile ? `; filename="${field.filename}"\r\ncontent-type: ${field.contentType ?? 'audio/mpeg'}` : '';
    pieces.push(Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${field.name}"${file}\r\n\r\n`));
    pieces.push(isFile ? field.data : Buffer.from(field.value), Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body: Buffer.concat(pieces) };
}
