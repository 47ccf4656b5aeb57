/** Images on Bedrock, by InvokeModel. Source: Amazon Bedrock user guide, Titan and Stability models; Amazon Nova user guide. */
import { GatewayError } from '../../lib/errors.ts';
import type { WholeConversion } from '../dialect.ts';
import { listOf, objectOf, present, textOf } from '../json.ts';
import {
  filtered,
  nearestRatio,
  readImageRequest,
  reportImageExtra,
  wantsHighQuality,
  writeImages,
} from '../openai/images.ts';
import { tellingName } from '../said-of-models.ts';
import { readAwsError } from './converse-answer.ts';

/** The conversion for a model. Errors: GatewayError `invalid_input` for one whose images are not known. */
export function bedrockImages(model: string): WholeConversion {
  if (/titan-image|nova-canvas/.test(model)) return amazonImages;
  if (/stability\./.test(model)) return stabilityImages;
  throw new GatewayError('invalid_input', `images of '${model}' are not known to the gateway`);
}

/** Amazon's own fields that clients may give, by their places. */
const AMAZON_FIELDS = ['negative_prompt', 'style', 'seed', 'cfg_scale'];

const amazonImages: WholeConversion = {
  writeRequest(body, { model, provider, unsupported }) {
    const request = readImageRequest(body);
    reportImageExtra(request, AMAZON_FIELDS, unsupported);
    if (request.format !== undefined && request.format !== 'png') unsupported.add('output_format');
    const { extra, size, count } = request;
    const isNova = tellingName(model, provider).includes('nova-canvas');
    const style = textOf(extra.style);
    // OpenAI's styles say something else than Nova's.
    const ownStyle = isNova && style !== undefined && style === style.toUpperCase() ? style : undefined;
    if (style !== undefined && ownStyle === undefined) unsupported.add('style');
    const high = wantsHighQuality(request);
    return {
      taskType: 'TEXT_IMAGE',
      textToImageParams: present({ text: request.prompt, negativeText: extra.negative_prompt, style: ownStyle }),
      imageGenerationConfig: present({
        numberOfImages: count,
        quality: high === undefined ? undefined : high ? 'premium' : 'standard',
        width: size?.width,
        height: size?.height,
        cfgScale: extra.cfg_scale,
        seed: extra.seed,
      }),
    };
  },
  readAnswer(answer, context) {
    const images = listOf(answer.images).flatMap((image) => textOf(image) ?? []);
    const error = textOf(answer.error);
    if (images.length === 0 && error !== undefined) throw filtered(error);
    return writeImages(
      images.map((data) => ({ data, mediaType: 'image/png' })),
      undefined,
      context,
    );
  },
  readError: readAwsError,
};

const STABILITY_RATIOS = ['16:9', '1:1', '21:9', '2:3', '3:2', '4:5', '5:4', '9:16', '9:21'];
const STABILITY_FIELDS = ['negative_prompt', 'seed'];

const stabilityImages: WholeConversion = {
  writeRequest(body, { model, provider, unsupported }) {
    const request = readImageRequest(body);
    reportImageExtra(request, STABILITY_FIELDS, unsupported);
    const { prompt, count, format, quality, extra } = request;
    if (count !== undefined && count !== 1) unsupported.add('n');
    if (quality !== undefined) unsupported.add('quality');
    const isKnown = format === undefined || format === 'png' || format === 'jpeg';
    if (!isKnown) unsupported.add('output_format');
    return present({
      prompt,
      negative_prompt: extra.negative_prompt,
      mode: /sd3/.test(tellingName(model, provider)) ? 'text-to-image' : undefined,
      aspect_ratio: nearestRatio(request, STABILITY_RATIOS, unsupported),
      output_format: isKnown ? format : undefined,
      seed: extra.seed,
    });
  },
  readAnswer(answer, context) {
    const reasons = listOf(answer.finish_reasons);
    const mediaType = context.request.output_format === 'jpeg' ? 'image/jpeg' : 'image/png';
    const images = listOf(answer.images).flatMap((image, index) => {
      const data = textOf(image);
      return data === undefined || data === '' || textOf(reasons[index]) !== undefined ? [] : [{ data, mediaType }];
    });
    const reason = reasons.map((one) => textOf(one)).find((one) => one !== undefined);
    if (images.length === 0 && reason !== undefined) throw filtered(reason);
    return writeImages(images, undefined, context);
  },
  readError: (status, headers, body) => readAwsError(status, headers, typeof body === 'string' ? body : objectOf(body)),
};
