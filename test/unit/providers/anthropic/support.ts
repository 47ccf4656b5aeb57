import type { ConversationRequest } from '../../../../src/providers/conversation.ts';
import type { DialectContext } from '../../../../src/providers/dialect.ts';

/** A request that says hello, and what a test adds. */
export function conversation(more: Partial<ConversationRequest> = {}): ConversationRequest {
  return {
    model: 'claude-sonnet-4-5',
    stream: false,
    includeUsage: false,
    system: [],
    messages: [{ role: 'user', parts: [{ kind: 'text', text: 'hello' }] }],
    tools: [],
    extra: {},
    ...more,
  };
}

/** A context that collects what is reported as unsupported. */
export function recording(model = 'claude-sonnet-4-5'): { context: DialectContext; fields: string[] } {
  const fields: string[] = [];
  const context = {
    provider: { schema: 'Anthropic' },
    model,
    unsupported: { add: (name: string) => fields.push(name) },
  };
  return { context: context as DialectContext, fields };
}
