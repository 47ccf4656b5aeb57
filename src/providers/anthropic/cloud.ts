/**
 * Claude on the clouds of others: the Messages API with the model in the path, the version in the body, and without what
 * only Anthropic itself offers. Source: Amazon Bedrock user guide, Anthropic Claude Messages API; Anthropic, Claude on
 * Vertex AI.
 */
import type { JsonObject, JsonValue } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { numberOf } from '../json.ts';

/** What a cloud wants in the body. */
export interface Cloud {
  readonly version: string;
  /** The body says whether a stream is asked for, beside the path. */
  readonly saysStream: boolean;
  /** Betas that the body may name; undefined where a header does, as with Anthropic. */
  readonly betas?: ReadonlySet<string>;
  /** Betas by the names they have elsewhere. */
  readonly betaNames?: ReadonlyMap<string, string>;
}

/** What only Anthropic's own API takes. */
const ANTHROPIC_ALONE: ReadonlySet<string> = new Set([
  ...['service_tier', 'mcp_servers', 'container', 'inference_geo', 'speed', 'user_profile_id'],
]);

/** A request of the Messages API as a cloud takes it: fields that nobody here knows stay as they are. */
export function writeCloudBody(
  body: JsonObject,
  cloud: Cloud,
  betas: readonly string[],
  unsupported: Unsupported,
): JsonObject {
  const written: { [key: string]: JsonValue } = { anthropic_version: cloud.version };
  for (const key in body) {
    const value = body[key];
    if (value === undefined || key === 'model' || key === 'anthropic_version') continue;
    if (key === 'stream' && !cloud.saysStream) continue;
    if (!ANTHROPIC_ALONE.has(key)) written[key] = value;
    // What asks for nothing is not worth a word.
    else if (value !== null && value !== 'auto') unsupported.add(key);
  }
  return cloud.betas === undefined ? written : withBetas(written, cloud.betas, betas, cloud.betaNames, unsupported);
}

function withBetas(
  body: JsonObject,
  known: ReadonlySet<string>,
  fromHeader: readonly string[],
  names: Cloud['betaNames'],
  unsupported: Unsupported,
): JsonObject {
  const { anthropic_beta: given, ...rest } = body;
  const asked = [...(Array.isArray(given) ? given : []), ...fromHeader];
  const taken = takenBetas(asked, known, names, unsupported);
  return taken.length === 0 ? rest : { ...rest, anthropic_beta: taken };
}

/** Betas that a cloud takes, each once; the others are reported, since one of them would fail the request. */
export function takenBetas(
  asked: readonly JsonValue[],
  known: ReadonlySet<string>,
  names: Cloud['betaNames'],
  unsupported: Unsupported,
): string[] {
  const taken = new Set<string>();
  for (const beta of asked) {
    const name = typeof beta === 'string' ? (names?.get(beta) ?? beta) : '';
    if (known.has(name)) taken.add(name);
    else unsupported.add(`anthropic-beta: ${String(numberOf(beta) ?? beta)}`);
  }
  return [...taken];
}
