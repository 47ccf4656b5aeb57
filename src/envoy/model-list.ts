import type { EndpointPrefixes, ModelIr } from '../ir/index.ts';
import { directAnswer } from './answers.ts';
import { routeAction } from './inference-route.ts';
import { hasHeader, headerInput } from './match-predicates.ts';
import { PATH_HEADER } from './names.ts';
import type { XdsTypeMatcherV3MatcherOnMatch } from './schema/index.ts';

/** Size of the longest body that `models` leads to, in bytes. */
export function modelListBytes(models: readonly ModelIr[]): number {
  return Math.max(Buffer.byteLength(openaiList(models)), Buffer.byteLength(anthropicList(models)));
}

/**
 * `GET /v1/models`, answered by Envoy, in the shapes of OpenAI and Anthropic: by path; no other path finds anything here.
 * On OpenAI's path, a client that sends `anthropic-version` gets Anthropic's.
 */
export function emitModelList(models: readonly ModelIr[], prefixes: EndpointPrefixes): XdsTypeMatcherV3MatcherOnMatch {
  const openai = routeAction(directAnswer('headgate/models/openai', 200, openaiList(models)));
  const anthropic = routeAction(directAnswer('headgate/models/anthropic', 200, anthropicList(models)));
  const both: XdsTypeMatcherV3MatcherOnMatch = {
    matcher: {
      matcher_list: { matchers: [{ predicate: hasHeader('anthropic-version'), on_match: anthropic }] },
      on_no_match: openai,
    },
  };
  const map = { [`${prefixes.anthropic}/v1/models`]: anthropic, [`${prefixes.openai}/v1/models`]: both };
  return { matcher: { matcher_tree: { input: headerInput(PATH_HEADER), exact_match_map: { map } } } };
}

function openaiList(models: readonly ModelIr[]): string {
  return JSON.stringify({
    object: 'list',
    data: models.map(({ id, created, ownedBy }) => ({ id, object: 'model', created, owned_by: ownedBy })),
  });
}

function anthropicList(models: readonly ModelIr[]): string {
  return JSON.stringify({
    data: models.map(({ id, created }) => ({
      id,
      type: 'model',
      display_name: id,
      created_at: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
    })),
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
    has_more: false,
  });
}
