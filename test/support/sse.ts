/** One server-sent event. */
export interface SseEvent {
  readonly event: string | undefined;
  readonly data: string;
  /** `data` parsed; undefined when it is no JSON, such as `[DONE]`. */
  readonly json: unknown;
}

/** Splits an event stream; comments and empty events are left out. */
export function parseSse(text: string): SseEvent[] {
  const events: SseEvent[] = [];
  for (const block of text.replace(/\r\n?/g, '\n').split('\n\n')) {
    let event: string | undefined;
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const match = /^(event|data): ?(.*)$/.exec(line);
      if (match?.[1] === 'event') event = match[2];
      if (match?.[1] === 'data') data.push(match[2] ?? '');
    }
    if (data.length > 0) events.push({ event, data: data.join('\n'), json: jsonOrUndefined(data.join('\n')) });
  }
  return events;
}

/** Parses JSON; undefined when the text is none. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
