import { GatewayError } from '../../lib/errors.ts';
import { plainId } from '../anthropic/tool-ids.ts';
import type {
  AssistantPart,
  CacheMark,
  JsonObject,
  MediaPart,
  TextPart,
  ToolResultPart,
  UserPart,
} from '../conversation.ts';
import { parseJsonObject, present } from '../json.ts';
import type { Turn } from '../turns.ts';

/** Writes a cache mark as the block that Converse puts behind what is to be cached; undefined for models without. */
export type CachePoints = (cache: CacheMark | undefined) => readonly JsonObject[];

/** Turns as Converse's `messages`. Errors: GatewayError `invalid_input` for content that Bedrock cannot be given. */
export function writeTurns(turns: readonly Turn[], cachePoints: CachePoints): JsonObject[] {
  const documents = createDocumentNames();
  return turns.map(({ role, parts }) => ({
    role,
    content: [
      ...parts.flatMap((part) => [
        writePart(part, documents),
        ...cachePoints('cache' in part ? part.cache : undefined),
      ]),
      ...wordsForDocuments(parts),
    ],
  }));
}

/** Bedrock takes no document without a text beside it. */
function wordsForDocuments(parts: Turn['parts']): JsonObject[] {
  const needsText = parts.some(({ kind }) => kind === 'document') && parts.every(({ kind }) => kind !== 'text');
  return needsText ? [{ text: 'See the document.' }] : [];
}

/** Texts as Converse's `system`. */
export function writeSystem(system: readonly TextPart[], cachePoints: CachePoints): JsonObject[] {
  const kept = system.filter(({ text }) => text.trim() !== '');
  return kept.flatMap(({ text, cache }) => [{ text }, ...cachePoints(cache)]);
}

type DocumentNames = (name: string | undefined) => string;

function writePart(part: UserPart | AssistantPart, documents: DocumentNames): JsonObject {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { text: part.text };
    case 'tool_result':
      return { toolResult: writeToolResult(part, documents) };
    case 'tool_call': {
      const input = parseJsonObject(part.arguments.trim() === '' ? '{}' : part.arguments);
      if (input === undefined) throw refuse(`the arguments of the call ${part.id} are not a JSON object`);
      return { toolUse: { toolUseId: plainId(part.id), name: part.name, input } };
    }
    case 'reasoning':
      return { reasoningContent: { reasoningText: present({ text: part.text, signature: part.signature }) } };
    case 'redacted_reasoning':
      return { reasoningContent: { redactedContent: part.data } };
    default:
      return writeMedia(part, documents);
  }
}

function writeToolResult(part: ToolResultPart, documents: DocumentNames): JsonObject {
  const content = part.content
    .filter((item) => item.kind !== 'text' || item.text.trim() !== '')
    .map((item) => (item.kind === 'text' ? { text: item.text } : writeMedia(item, documents)));
  return present({ toolUseId: plainId(part.id), content, status: part.isError ? 'error' : undefined });
}

/** Formats of Converse by media type. Those of documents are not told by the second half of the type. */
const FORMATS: Readonly<Record<MediaPart['kind'], Readonly<Record<string, string>>>> = {
  image: { 'image/png': 'png', 'image/jpeg': 'jpeg', 'image/jpg': 'jpeg', 'image/gif': 'gif', 'image/webp': 'webp' },
  document: {
    'application/pdf': 'pdf',
    'text/csv': 'csv',
    'application/msword': 'doc',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
    'application/vnd.ms-excel': 'xls',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
    'text/html': 'html',
    'text/plain': 'txt',
    'text/markdown': 'md',
  },
  audio: {
    'audio/wav': 'wav',
    'audio/x-wav': 'wav',
    'audio/mp3': 'mp3',
    'audio/mpeg': 'mp3',
    'audio/flac': 'flac',
    'audio/aac': 'aac',
    'audio/opus': 'opus',
    'audio/ogg': 'ogg',
    'audio/mp4': 'mp4',
    'audio/m4a': 'm4a',
  },
  video: {
    'video/mp4': 'mp4',
    'video/quicktime': 'mov',
    'video/x-matroska': 'mkv',
    'video/webm': 'webm',
    'video/x-flv': 'flv',
    'video/mpeg': 'mpeg',
    'video/x-ms-wmv': 'wmv',
    'video/3gpp': 'three_gp',
  },
};

function writeMedia(part: MediaPart, documents: DocumentNames): JsonObject {
  const { kind, source } = part;
  if (source.kind === 'text') {
    if (kind !== 'document') throw refuse(`${kind} cannot be text`);
    return { document: { format: 'txt', name: documents(part.name), source: { text: source.text } } };
  }
  if (source.kind === 'file') throw refuse(`the file ${source.id} is not on Bedrock: send its content`);
  // What is written stays whole: a link that AWS does not read would leave the model without what it is asked about.
  if (source.kind === 'url' && !source.url.startsWith('s3://')) {
    throw refuse(`Bedrock takes ${kind} content as data or from S3, not by a link`);
  }
  const format = FORMATS[kind][source.mediaType?.toLowerCase() ?? typeOfName(kind, source)];
  if (format === undefined) throw refuse(`Bedrock takes no ${kind} of type ${source.mediaType ?? 'unknown'}`);
  const from = source.kind === 'base64' ? { bytes: source.data } : { s3Location: { uri: source.url } };
  if (kind !== 'document') return { [kind]: { format, source: from } };
  return { document: { format, name: documents(part.name), source: from } };
}

/** The media type that the end of an address tells. */
function typeOfName(kind: MediaPart['kind'], source: MediaPart['source']): string {
  const extension = source.kind === 'url' ? (/\.([a-z0-9]+)$/i.exec(source.url)?.[1] ?? '').toLowerCase() : '';
  const format = extension === 'jpg' ? 'jpeg' : extension;
  return Object.entries(FORMATS[kind]).find(([, known]) => known === format)?.[0] ?? '';
}

const MAX_NAME_CHARS = 200;

/** Names that Bedrock accepts: letters, digits, single blanks, hyphens and brackets; each once in a request. */
function createDocumentNames(): DocumentNames {
  const used = new Set<string>();
  return (given) => {
    const cleaned = (given ?? '')
      .replace(/[^a-zA-Z0-9\-()[\]]+/g, ' ')
      .trim()
      .slice(0, MAX_NAME_CHARS);
    const name = cleaned === '' ? 'document' : cleaned;
    let unique = name;
    for (let n = 2; used.has(unique); n++) unique = `${name.slice(0, MAX_NAME_CHARS - 8)} ${n}`;
    used.add(unique);
    return unique;
  };
}

function refuse(message: string): GatewayError {
  return new GatewayError('invalid_input', `messages: ${message}`);
}
