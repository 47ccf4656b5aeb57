import { type Answer, jsonAnswer } from './answer.ts';

/** 2025-01-01: models of a demo are as old as one says. */
const CREATED_SECONDS = 1_735_689_600;
const ANY_MODEL = 'demo';

/**
 * Answers `GET /v1/models` and `GET /v1/models/NAME` in OpenAI's shape, or in Anthropic's for a client of its API;
 * `undefined` for another path, or a model that does not exist.
 */
export function answerModels(
  path: string,
  provider: { readonly name: string; readonly models?: readonly string[] },
  asAnthropic: boolean,
): Answer | undefined {
  const names = provider.models ?? [ANY_MODEL];
  const one = (id: string): unknown =>
    asAnthropic
      ? { type: 'model', id, display_name: id, created_at: new Date(CREATED_SECONDS * 1000).toISOString() }
      : { id, object: 'model', created: CREATED_SECONDS, owned_by: provider.name };
  if (path === '/v1/models') {
    const data = names.map(one);
    const ends = { has_more: false, first_id: names[0] ?? null, last_id: names.at(-1) ?? null };
    return jsonAnswer(asAnthropic ? { data, ...ends } : { object: 'list', data });
  }
  const segment = /^\/v1\/models\/(.+)$/.exec(path)?.[1];
  const name = names.find((candidate) => [candidate, encodeURIComponent(candidate)].includes(segment ?? ''));
  return name === undefined ? undefined : jsonAnswer(one(name));
}
