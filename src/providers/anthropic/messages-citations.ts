import type { JsonObject, JsonValue } from '../conversation.ts';
import { isJsonObject, listOf, numberOf, objectOf, textOf } from '../json.ts';

/** A citation in the words of this API, whoever cited. Errors: undefined for one that it has no word for. */
export function writeCitation(citation: JsonValue): JsonObject | undefined {
  if (!isJsonObject(citation)) return undefined;
  if (typeof citation.cited_text === 'string' && typeof citation.type === 'string') return citation;
  if (citation.type === 'url_citation') return chatCitation(objectOf(citation.url_citation));
  return isJsonObject(citation.location) ? converseCitation(citation, citation.location) : undefined;
}

/** OpenAI's annotation of a search on the web. */
function chatCitation({ url, title }: JsonObject): JsonObject {
  const found = { url: textOf(url) ?? '', title: textOf(title) ?? null };
  return { type: 'web_search_result_location', ...found, cited_text: '', encrypted_index: '' };
}

/** Converse's place in a document. Source: Amazon Bedrock API reference, CitationLocation. */
function converseCitation({ title, sourceContent }: JsonObject, location: JsonObject): JsonObject | undefined {
  const cited_text = listOf(sourceContent)
    .map((part) => textOf(objectOf(part).text) ?? '')
    .join('');
  const places = [
    ['documentChar', 'char_location', 'start_char_index', 'end_char_index'],
    ['documentPage', 'page_location', 'start_page_number', 'end_page_number'],
    ['documentChunk', 'content_block_location', 'start_block_index', 'end_block_index'],
  ] as const;
  for (const [name, type, from, to] of places) {
    const place = location[name];
    if (!isJsonObject(place)) continue;
    return {
      type,
      cited_text,
      document_index: numberOf(place.documentIndex) ?? 0,
      document_title: textOf(title) ?? null,
      [from]: numberOf(place.start) ?? 0,
      [to]: numberOf(place.end) ?? 0,
    };
  }
  return undefined;
}
