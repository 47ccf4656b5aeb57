import { parse } from 'yaml';
import { GatewayError } from '../lib/errors.ts';
import type { NodeInfo, PeerIdentity } from '../xds/index.ts';
import { limitsScope } from './limits-snapshots.ts';

/** Whose certificate may be which nodes of which gateways. */
export interface AuthorizationRule {
  /** A subject alternative name: a URI such as `spiffe://...`, a DNS name or an IP address. `*` stands for any text. */
  readonly san: string;
  /** What proxies may ask for: `NAMESPACE/NAME`, with `*`. */
  readonly gateways: readonly string[];
  /** Of which gateways rate limit services may have the limits; `*` for those of all. */
  readonly limits: readonly string[];
  /** Of `node.id`, with `*`. Absent: any. */
  readonly nodeIds?: readonly string[];
}

/**
 * Reads the file of `--authorize`: a YAML list of rules.
 * Errors: GatewayError `invalid_input` naming the file and the rule.
 */
export function parseAuthorization(text: string, file: string): AuthorizationRule[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', file);
  }
  if (!Array.isArray(document)) throw new GatewayError('invalid_input', `${file}: a list of rules is expected`);
  return document.map((item: unknown, i) => ruleFrom(item, `${file}: rule ${i + 1}`));
}

function ruleFrom(item: unknown, where: string): AuthorizationRule {
  const wrong = (what: string): GatewayError => new GatewayError('invalid_input', `${where}: ${what}`);
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrong('it must be a mapping');
  const { san, gateways, limits, nodeIds, ...rest } = item as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(rest);
  // A misspelled limit would let in more than was meant.
  if (unknown !== undefined) throw wrong(`${unknown} is not known (san, gateways, limits and nodeIds are)`);
  if (typeof san !== 'string' || san === '') throw wrong('san must be a name of the certificate');
  if (gateways === undefined && limits === undefined) throw wrong('gateways or limits must say what it may ask for');
  if (gateways !== undefined && !isTextList(gateways)) throw wrong('gateways must be a list of NAMESPACE/NAME');
  if (limits !== undefined && !isTextList(limits)) throw wrong('limits must be a list of NAMESPACE/NAME');
  if (nodeIds !== undefined && !isTextList(nodeIds)) throw wrong('nodeIds must be a list of patterns');
  return { san, gateways: gateways ?? [], limits: limits ?? [], ...(nodeIds !== undefined && { nodeIds }) };
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item !== '');
}

/** Why a client may not be a node; undefined where some rule lets it. */
export function refusalOf(
  rules: readonly AuthorizationRule[],
  { names }: PeerIdentity,
  node: Pick<NodeInfo, 'id' | 'cluster' | 'service'>,
): string | undefined {
  const own = rules.filter(({ san }) =>
    names.some((name) => fits(san.includes('://') ? san : san.toLowerCase(), name)),
  );
  if (own.length === 0) return 'no rule names this client certificate';
  const isService = node.service === 'ratelimit';
  const asked = isService ? limitsScope(node) : node.cluster;
  const ofGateway = own.filter(({ gateways, limits }) =>
    (isService ? limits : gateways).some((pattern) => fits(pattern, asked)),
  );
  if (ofGateway.length === 0) {
    return `this client certificate may not ask for ${isService ? 'the limits of ' : ''}gateway ${asked}`;
  }
  if (ofGateway.some(({ nodeIds = ['*'] }) => nodeIds.some((pattern) => fits(pattern, node.id)))) return undefined;
  return `this client certificate may not be node ${node.id}`;
}

/** `*` stands for any text; every other character for itself. Never slower than the product of both lengths. */
function fits(pattern: string, text: string): boolean {
  const [head = '', ...parts] = pattern.split('*');
  if (parts.length === 0) return text === head;
  if (!text.startsWith(head)) return false;
  const tail = parts.pop() ?? '';
  let at = head.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}
