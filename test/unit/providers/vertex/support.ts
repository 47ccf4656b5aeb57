import type { ConversationRequest, JsonObject } from '../../../../src/providers/conversation.ts';
import { gemini } from '../../../../src/providers/vertex/gemini.ts';

/** A request that asks for nothing but an answer to `hi`. */
export function asking(over: Partial<ConversationRequest> = {}): ConversationRequest {
  return {
    model: 'gemini-2.5-flash',
    stream: false,
    includeUsage: false,
    system: [],
    messages: [{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }],
    tools: [],
    extra: {},
    ...over,
  };
}

/** What Gemini is sent, and what was reported as unsupported. */
export function written(over: Partial<ConversationRequest> = {}): { body: JsonObject; unsupported: string[] } {
  const request = asking(over);
  const unsupported: string[] = [];
  const body = gemini.writeRequest(request, {
    provider: { schema: 'GCPVertexAI' },
    model: request.model,
    unsupported: { add: (field) => void unsupported.push(field) },
  });
  return { body, unsupported };
}

/** The generation config of a request. */
export function configOf(over: Partial<ConversationRequest>): { config: unknown; unsupported: string[] } {
  const { body, unsupported } = written(over);
  return { config: body.generationConfig, unsupported };
}
