import type { MediaPart } from '../conversation.ts';
import { invalidField } from '../request-fields.ts';

/** A URL of a request as a source: inline data where it is a `data:` URI. Errors: GatewayError `invalid_input`. */
export function mediaSource(url: string, path: string, mediaType?: string): MediaPart['source'] {
  if (!url.startsWith('data:')) return { kind: 'url', url, ...(mediaType !== undefined && { mediaType }) };
  const comma = url.indexOf(',');
  if (comma === -1) throw invalidField(path, 'is not a valid data URI');
  const [type = '', ...parameters] = url.slice(5, comma).split(';');
  const data = url.slice(comma + 1);
  const isBase64 = parameters.at(-1)?.trim() === 'base64';
  return {
    kind: 'base64',
    mediaType: type.trim().toLowerCase() || mediaType || 'text/plain',
    data: isBase64 ? data : encodePercent(data, path),
  };
}

function encodePercent(data: string, path: string): string {
  try {
    return Buffer.from(decodeURIComponent(data)).toString('base64');
  } catch {
    throw invalidField(path, 'is not a valid data URI');
  }
}

/** Inline data as a `data:` URI. */
export function dataUri(mediaType: string, data: string): string {
  return `data:${mediaType};base64,${data}`;
}
