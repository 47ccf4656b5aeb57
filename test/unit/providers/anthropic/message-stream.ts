/** What a client makes of the stream of a message. Source: Anthropic API reference, Streaming Messages. */
import { expect } from 'chai';
import { eventsOf, type Json } from '../carry.ts';

type Block = Record<string, unknown>;

/** The message that a stream tells, as an SDK puts it together. Errors: throws where the stream keeps no order. */
export function messageOf(text: string): Json {
  const names = text.split('\n').flatMap((line) => (line.startsWith('event: ') ? [line.slice(7)] : []));
  const events = eventsOf(text);
  expect(events.map(({ type }) => type)).to.deep.equal(names);
  const [start, ...rest] = events;
  expect(start?.type).to.equal('message_start');
  expect(names.at(-1)).to.equal('message_stop');
  let message = start?.message as Json;
  expect(message.content).to.deep.equal([]);
  const content: Block[] = [];
  let json: string | undefined;
  let isOpen = false;
  for (const event of rest) {
    switch (event.type) {
      case 'content_block_start':
        expect([isOpen, event.index]).to.deep.equal([false, content.length]);
        content.push({ ...(event.content_block as Block) });
        json = '';
        isOpen = true;
        break;
      case 'content_block_delta':
        expect([isOpen, event.index]).to.deep.equal([true, content.length - 1]);
        json = `${json}${apply(content.at(-1) as Block, event.delta as Block)}`;
        break;
      case 'content_block_stop': {
        expect([isOpen, event.index]).to.deep.equal([true, content.length - 1]);
        const block = content.at(-1) as Block;
        if (block.type === 'tool_use') block.input = JSON.parse(json || '{}');
        isOpen = false;
        break;
      }
      case 'message_delta':
        expect(isOpen).to.equal(false);
        message = {
          ...message,
          ...(event.delta as Json),
          usage: { ...(message.usage as Json), ...(event.usage as Json) },
        };
        break;
      case 'message_stop':
      case 'ping':
        break;
      default:
        throw new Error(`${String(event.type)} is no event of a message that is whole`);
    }
  }
  return { ...message, content };
}

/** Gives the pieces of arguments. */
function apply(block: Block, delta: Block): string {
  switch (delta.type) {
    case 'text_delta':
      block.text = `${String(block.text)}${String(delta.text)}`;
      return '';
    case 'thinking_delta':
      block.thinking = `${String(block.thinking)}${String(delta.thinking)}`;
      return '';
    case 'signature_delta':
      block.signature = delta.signature;
      return '';
    case 'citations_delta':
      block.citations = [...((block.citations as unknown[] | undefined) ?? []), delta.citation];
      return '';
    case 'input_json_delta':
      expect(block.type).to.equal('tool_use');
      return String(delta.partial_json);
    default:
      throw new Error(`unknown delta ${String(delta.type)}`);
  }
}
