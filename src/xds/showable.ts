/** What of resources, and of what proxies say of them, may be shown. Found out once a resource, when somebody asks. */
import { decodeMessage, encodeMessage, holdsSecrets, maskSecrets } from '../envoy/schema/index.ts';
import { redactText } from '../telemetry/logger.ts';
import type { TypeSnapshot } from './snapshot.ts';

interface Showable {
  /** An Any. */
  readonly any: Uint8Array;
  /** The texts that are masked in it. */
  readonly secrets: readonly string[];
}

const ANY = 'google.protobuf.Any';
const known = new WeakMap<Uint8Array, Showable>();

/** An Any without what is secret in it; the same bytes when nothing is. */
export function showable(any: Uint8Array): Uint8Array {
  return examine(any).any;
}

/** The texts that are secret in resources of a type. */
export function secretsOf({ resources }: TypeSnapshot, names: Iterable<string>): string[] {
  return [...names].flatMap((name) => {
    const resource = resources.get(name);
    return resource === undefined ? [] : examine(resource.any).secrets;
  });
}

function examine(any: Uint8Array): Showable {
  const found = known.get(any) ?? mask(any);
  known.set(any, found);
  return found;
}

function mask(any: Uint8Array): Showable {
  const secrets: string[] = [];
  try {
    if (!holdsSecrets(ANY, any)) return { any, secrets };
    const json = decodeMessage(ANY, any);
    const masked = maskSecrets(ANY, json, (text) => secrets.push(text));
    return { any: masked === json ? any : encodeMessage(ANY, masked), secrets };
  } catch {
    // What cannot be read cannot be masked: nothing of it is shown.
    return { any: new Uint8Array(), secrets: [''] };
  }
}

const MAX_MESSAGE = 2000;
/** Shorter ones are in every other word. */
const MIN_SECRET = 4;
// Envoy puts a dump of the whole resource into some rejections, ended by a line that begins with a colon.
const RESOURCE_DUMP = /goo\.gle\/debug[\s\S]*?(?:\n: |$)/g;
const QUOTED = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?/g;

/**
 * What of a rejection's message may be shown: without dumps of the resource, which may hold credentials, and, of
 * resources that do hold secrets, without these and without whatever it quotes, which may be a part of one.
 */
export function showableMessage(message: string, secrets: readonly string[]): string {
  let text = message.replace(RESOURCE_DUMP, '');
  for (const part of secrets.flatMap((secret) => secret.split('\n'))) {
    if (part.length >= MIN_SECRET) text = text.replaceAll(part, '[redacted]');
  }
  text = redactText(secrets.length > 0 ? text.replace(QUOTED, '"[redacted]"') : text).trim();
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}...` : text;
}
