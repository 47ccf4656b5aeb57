/** Images on Vertex AI: Imagen by `predict`, Gemini's by `generateContent`. Source: Vertex AI reference, Imagen API. */
import type { ProviderIr } from '../../ir/index.ts';
import type { JsonObject } from '../conversation.ts';
import type { WholeConversion } from '../dialect.ts';
import { isJsonObject, listOf, objectOf, present, textOf } from '../json.ts';
import {
  filtered,
  type ImageRequest,
  type MadeImage,
  nearestRatio,
  readImageRequest,
  reportImageExtra,
  wantsHighQuality,
  writeImages,
} from '../openai/images.ts';
import { usageOf } from './answer-parts.ts';
import { readGoogleError } from './google-error.ts';
import { methodPath } from './index.ts';
import { isImagen } from './models.ts';

/** The conversion for a model. */
export function vertexImages(model: string): WholeConversion {
  return isImagen(model) ? imagen : geminiImages;
}

/** Imagen's own parameters that clients may give, by the names there. */
const PARAMETERS: Readonly<Record<string, string>> = {
  negative_prompt: 'negativePrompt',
  seed: 'seed',
  add_watermark: 'addWatermark',
  enhance_prompt: 'enhancePrompt',
  person_generation: 'personGeneration',
  safety_setting: 'safetySetting',
  language: 'language',
};

const IMAGEN_RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9'];
/** Sides above this want the larger of Imagen's two sizes. */
const LARGE_SIDE = 1536;

const imagen: WholeConversion = {
  writeRequest(body, { unsupported }) {
    const request = readImageRequest(body);
    const { prompt, count, size, extra } = request;
    reportImageExtra(request, Object.keys(PARAMETERS), unsupported);
    if (request.quality !== undefined) unsupported.add('quality');
    const own = Object.entries(PARAMETERS).map(([name, target]) => [target, extra[name]] as const);
    const isLarge = size !== undefined && Math.max(size.width, size.height) > LARGE_SIDE;
    return {
      instances: [{ prompt }],
      parameters: present({
        // Left out, Imagen makes four.
        sampleCount: count ?? 1,
        aspectRatio: nearestRatio(request, IMAGEN_RATIOS, unsupported),
        sampleImageSize: isLarge ? '2K' : undefined,
        outputOptions: outputOptions(request, () => unsupported.add('output_format')),
        ...Object.fromEntries(own),
        // Imagen takes a seed only of pictures without a watermark.
        addWatermark: extra.add_watermark ?? (extra.seed === undefined ? undefined : false),
      }),
    };
  },
  readAnswer(answer, context) {
    const predictions = listOf(answer.predictions).map(objectOf);
    const images = predictions.flatMap((one): MadeImage[] => {
      const data = textOf(one.bytesBase64Encoded);
      const prompt = textOf(one.prompt);
      const mediaType = textOf(one.mimeType) ?? 'image/png';
      return data === undefined ? [] : [{ data, mediaType, ...(prompt !== undefined && { prompt }) }];
    });
    // What its filter takes away is not there, with a reason only where one is asked for.
    if (images.length === 0) throw filtered(textOf(predictions[0]?.raiFilteredReason));
    return writeImages(images, undefined, context);
  },
  readError: readGoogleError,
};

function outputOptions({ format }: ImageRequest, leaveOut: () => void): JsonObject | undefined {
  if (format === undefined) return undefined;
  if (format === 'png' || format === 'jpeg') return { mimeType: `image/${format}` };
  leaveOut();
  return undefined;
}

const GEMINI_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'];

const geminiImages: WholeConversion = {
  path: (model: string, provider: ProviderIr) => methodPath(model, 'generateContent', provider),
  writeRequest(body, { unsupported }) {
    const request = readImageRequest(body);
    reportImageExtra(request, [], unsupported);
    if (request.count !== undefined && request.count !== 1) unsupported.add('n');
    if (request.format !== undefined && request.format !== 'png') unsupported.add('output_format');
    if (wantsHighQuality(request) !== undefined) unsupported.add('quality');
    const aspectRatio = nearestRatio(request, GEMINI_RATIOS, unsupported);
    return {
      contents: [{ role: 'user', parts: [{ text: request.prompt }] }],
      generationConfig: present({
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: aspectRatio === undefined ? undefined : { aspectRatio },
      }),
    };
  },
  readAnswer(answer, context) {
    const candidates = listOf(answer.candidates).map(objectOf);
    const parts = candidates.flatMap(({ content }) => listOf(objectOf(content).parts)).map(objectOf);
    const images = parts.flatMap(({ inlineData, thought }): MadeImage[] => {
      const data = isJsonObject(inlineData) ? textOf(inlineData.data) : undefined;
      // Drafts are thoughts.
      if (data === undefined || thought === true) return [];
      return [{ data, mediaType: textOf(objectOf(inlineData).mimeType) ?? 'image/png' }];
    });
    const reason = textOf(candidates[0]?.finishReason) ?? textOf(objectOf(answer.promptFeedback).blockReason);
    if (images.length === 0) throw filtered(reason);
    return writeImages(images, usageOf(answer.usageMetadata), context);
  },
  readError: readGoogleError,
};
