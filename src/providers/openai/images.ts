/** Images as clients of OpenAI's API ask for them and get them. Source: OpenAI API reference, create image. */
import { GatewayError } from '../../lib/errors.ts';
import type { JsonObject, Usage } from '../conversation.ts';
import type { Unsupported, WholeAnswerContext } from '../dialect.ts';
import { booleanField, invalidField, numberField, required, stringField } from '../request-fields.ts';
import { dataUri } from './data-uri.ts';
import { writeResponsesUsage } from './responses-usage.ts';

export interface ImageRequest {
  readonly prompt: string;
  readonly count?: number;
  /** Pixels. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly quality?: string;
  /** `png`, `jpeg` or `webp`. */
  readonly format?: string;
  /** Fields that the API does not have, and those that providers seldom have a word for. */
  readonly extra: JsonObject;
}

/** An image that a provider made. Base64. */
export interface MadeImage {
  readonly data: string;
  readonly mediaType: string;
  readonly prompt?: string;
}

const KNOWN = new Set(['model', 'prompt', 'n', 'size', 'quality', 'output_format', 'response_format', 'stream']);
/** Values that ask for nothing. */
const NEUTRAL: ReadonlyMap<string, string> = new Map([
  ['background', 'auto'],
  ['moderation', 'auto'],
]);

/** Reads a request. Errors: GatewayError `invalid_input`. */
export function readImageRequest(body: JsonObject): ImageRequest {
  if (booleanField(body, 'stream', '') === true) {
    throw invalidField('stream', 'must be false: the provider of this model gives images as a whole');
  }
  const wanted = stringField(body, 'response_format', '');
  if (wanted !== undefined && wanted !== 'url' && wanted !== 'b64_json') {
    throw invalidField('response_format', 'must be one of url, b64_json');
  }
  const count = numberField(body, 'n', '');
  const size = sizeOf(stringField(body, 'size', ''));
  const quality = stringField(body, 'quality', '');
  const format = stringField(body, 'output_format', '');
  const extra = Object.entries(body).filter(
    ([key, value]) => !KNOWN.has(key) && value !== null && NEUTRAL.get(key) !== value,
  );
  return {
    prompt: required(stringField(body, 'prompt', ''), 'prompt', ''),
    ...(count !== undefined && { count }),
    ...(size !== undefined && { size }),
    ...(quality !== undefined && quality !== 'auto' && { quality }),
    ...(format !== undefined && { format }),
    extra: Object.fromEntries(extra),
  };
}

function sizeOf(size: string | undefined): ImageRequest['size'] {
  if (size === undefined || size === 'auto') return undefined;
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
  if (width === undefined || height === undefined || Number(width) === 0 || Number(height) === 0) {
    throw invalidField('size', 'must be a width and a height such as 1024x1024, or auto');
  }
  return { width: Number(width), height: Number(height) };
}

/** Farther apart than this, two ratios are told apart. */
const SAME_RATIO = 0.03;

/** The nearest ratio that a model has, such as `16:9`; reported where the picture is another one than was asked for. */
export function nearestRatio(
  { size }: ImageRequest,
  ratios: readonly string[],
  unsupported: Unsupported,
): string | undefined {
  if (size === undefined) return undefined;
  const wanted = Math.log(size.width / size.height);
  const distance = (ratio: string): number => {
    const [width = 1, height = 1] = ratio.split(':').map(Number);
    return Math.abs(Math.log(width / height) - wanted);
  };
  const nearest = [...ratios].sort((a, b) => distance(a) - distance(b))[0];
  if (nearest !== undefined && distance(nearest) > SAME_RATIO) unsupported.add('size');
  return nearest;
}

/** Reports fields of a request that a model has no word for, but for those of `known`. */
export function reportImageExtra({ extra }: ImageRequest, known: readonly string[], unsupported: Unsupported): void {
  for (const key in extra) if (!known.includes(key)) unsupported.add(key);
}

/** OpenAI's words for quality, old and new, as more or less. */
export function wantsHighQuality({ quality }: ImageRequest): boolean | undefined {
  return quality === undefined ? undefined : quality === 'hd' || quality === 'high';
}

/** The answer. Addresses, where a client wants them, hold the image itself: the gateway keeps none. */
export function writeImages(
  images: readonly MadeImage[],
  usage: Usage | undefined,
  context: WholeAnswerContext,
): JsonObject {
  if (images.length === 0) throw new GatewayError('provider_failed', 'the provider made no image');
  const wantsUrl = context.request.response_format === 'url';
  return {
    created: context.nowSeconds,
    data: images.map(({ data, mediaType, prompt }) => ({
      ...(wantsUrl ? { url: dataUri(mediaType, data) } : { b64_json: data }),
      ...(prompt !== undefined && { revised_prompt: prompt }),
    })),
    ...(usage !== undefined && { usage: writeResponsesUsage(usage) }),
  };
}

/** Errors: GatewayError `provider_failed`: the provider's filter left nothing. */
export function filtered(reason: string | undefined): GatewayError {
  return new GatewayError(
    'provider_failed',
    `the provider filtered the image${reason === undefined ? '' : `: ${reason}`}`,
  );
}
