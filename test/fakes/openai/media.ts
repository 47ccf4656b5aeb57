/** Images and audio. Source: OpenAI API reference. */
import { type Answer, bytesAnswer, jsonAnswer, sseEvent, streamAnswer } from '../answer.ts';
import type { FormPart } from '../multipart.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';
import type { FakeSettings } from '../settings.ts';
import { promptText, replyPieces, usageOf } from '../usage.ts';
import { CREATED } from './chat.ts';
import { refuse, requireFields, requireJson, requireModel } from './errors.ts';

const IMAGE_FIELDS = {
  ...{
    prompt: 'string!',
    model: 'string',
    background: 'string',
    moderation: 'string',
    n: 'integer',
    quality: 'string',
  },
  ...{ output_compression: 'integer', output_format: 'string', partial_images: 'integer', response_format: 'string' },
  ...{ size: 'string', stream: 'boolean', style: 'string', user: 'string' },
};

/** Answers an image generation; a stream has one partial image. Errors: throws `Refusal`. */
export function images(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const body = requireJson(request);
  requireFields(body, IMAGE_FIELDS, settings);
  requireModel(pathModel ?? body.model ?? 'dall-e-2', settings);
  const usage = usageOf(request, settings, promptText(body.prompt));
  const counts = {
    ...{ input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output },
    input_tokens_details: { text_tokens: usage.input, image_tokens: 0 },
  };
  const image = Buffer.from(`image ${request.n}`).toString('base64');
  if (body.stream === true) {
    const step = (type: string, more: Record<string, unknown>): string =>
      sseEvent(settings, { type, b64_json: image, created_at: CREATED, ...more }, type);
    const partial = step('image_generation.partial_image', { partial_image_index: 0 });
    return streamAnswer([partial, step('image_generation.completed', { usage: counts })], usage);
  }
  const count = typeof body.n === 'number' ? body.n : 1;
  const data = Array.from({ length: count }, () => ({ b64_json: image }));
  return jsonAnswer(200, { created: CREATED, data, usage: counts }, usage);
}

const SPEECH_FIELDS = {
  ...{ model: 'string!', input: 'string!', voice: 'string|object!', instructions: 'string', response_format: 'string' },
  ...{ speed: 'number', stream_format: 'string' },
};

/** Answers text to speech: bytes, or events when `stream_format` is `sse`. Errors: throws `Refusal`. */
export function speech(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const body = requireJson(request);
  requireFields(body, pathModel === undefined ? SPEECH_FIELDS : { ...SPEECH_FIELDS, model: 'string' }, settings);
  requireModel(pathModel ?? body.model, settings);
  const usage = usageOf(request, settings, promptText(body.input));
  const pieces = replyPieces(request, settings);
  if (body.stream_format !== 'sse') return bytesAnswer('audio/mpeg', Buffer.from(`ID3 ${pieces.join('')}`), usage);
  const counts = { input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output };
  const events = [
    ...pieces.map((piece) => ({ type: 'speech.audio.delta', audio: Buffer.from(piece).toString('base64') })),
    { type: 'speech.audio.done', usage: counts },
  ];
  return streamAnswer(
    events.map((event) => sseEvent(settings, event)),
    usage,
  );
}

const TRANSCRIPTION_PARTS = new Set([
  ...['file', 'model', 'chunking_strategy', 'include[]', 'language', 'prompt', 'response_format', 'stream'],
  ...['temperature', 'timestamp_granularities[]', 'known_speaker_names[]', 'known_speaker_references[]'],
]);
const TRANSLATION_PARTS = new Set(['file', 'model', 'prompt', 'response_format', 'temperature']);

/** Answers a transcription of an uploaded file. Errors: throws `Refusal`. */
export function transcription(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const form = requireForm(request, TRANSCRIPTION_PARTS, settings, pathModel);
  const usage = usageOf(request, settings, String(fieldOf(form, 'file')?.data.length));
  const pieces = replyPieces(request, settings);
  const counts = {
    ...{ type: 'tokens', input_tokens: usage.input, output_tokens: usage.output },
    ...{ total_tokens: usage.input + usage.output, input_token_details: { text_tokens: 0, audio_tokens: usage.input } },
  };
  if (textOf(form, 'stream') === 'true') {
    const events = [
      ...pieces.map((delta) => ({ type: 'transcript.text.delta', delta })),
      { type: 'transcript.text.done', text: pieces.join(''), usage: counts },
    ];
    return streamAnswer(
      events.map((event) => sseEvent(settings, event)),
      usage,
    );
  }
  if (textOf(form, 'response_format') === 'text')
    return bytesAnswer('text/plain', Buffer.from(`${pieces.join('')}\n`), usage);
  return jsonAnswer(200, { text: pieces.join(''), usage: counts }, usage);
}

/** Answers a translation of an uploaded file; this API tells no usage. Errors: throws `Refusal`. */
export function translation(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const form = requireForm(request, TRANSLATION_PARTS, settings, pathModel);
  const text = replyPieces(request, settings).join('');
  if (textOf(form, 'response_format') === 'text') return bytesAnswer('text/plain', Buffer.from(`${text}\n`));
  return jsonAnswer(200, { text });
}

function requireForm(
  request: RecordedRequest,
  known: ReadonlySet<string>,
  settings: FakeSettings,
  pathModel: string | undefined,
): readonly FormPart[] {
  if (mediaType(request) !== 'multipart/form-data') {
    throw refuse(415, `Unsupported content type: '${mediaType(request)}'.`, 'unsupported_content_type');
  }
  const form = request.form;
  if (form === undefined) throw refuse(400, 'Could not parse multipart form');
  const unknown = form.find((part) => !known.has(part.name));
  if (unknown !== undefined && settings.refuseUnknownFields) {
    throw refuse(400, `Unrecognized request argument supplied: ${unknown.name}`, 'unknown_parameter', unknown.name);
  }
  const file = fieldOf(form, 'file');
  if (file?.filename === undefined || file.data.length === 0) {
    throw refuse(400, "Missing required parameter: 'file'.", 'missing_required_parameter', 'file');
  }
  requireModel(pathModel ?? textOf(form, 'model') ?? '', settings);
  return form;
}

function fieldOf(form: readonly FormPart[], name: string): FormPart | undefined {
  return form.find((part) => part.name === name);
}

function textOf(form: readonly FormPart[], name: string): string | undefined {
  return fieldOf(form, name)?.data.toString('utf8');
}
