/** The node that a proxy presents on the first request of a stream. */
import { createLru } from '../lib/lru.ts';
import { RepeatedField } from './names.ts';
import { readString, visitFields } from './protobuf.ts';

/** An extension that is linked into the proxy. */
export interface NodeExtension {
  readonly name: string;
  readonly category?: string;
  readonly typeUrls: readonly string[];
  readonly disabled?: boolean;
}

/** Source: envoy.config.core.v3.Node. `userAgentVersion` is the plain version, such as `1.40.0`. */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  readonly userAgentName?: string;
  readonly userAgentVersion?: string;
  readonly extensions: readonly NodeExtension[];
  readonly clientFeatures: readonly string[];
  readonly metadata?: unknown;
  /** Present: no proxy. Known by the type that its first request asks for. */
  readonly service?: 'ratelimit';
}

const TTL_IN_SOTW = ['xds.config.resource-in-sotw', 'xds.config.supports-resource-in-sotw'];
const TTL_IN_DELTA = [...TTL_IN_SOTW, 'xds.config.supports-resource-ttl'];

/** Whether a node knows what a time to live is, which in SotW comes in a wrapper. Envoy does, and does not say so. */
export function supportsTtl({ userAgentName, clientFeatures }: NodeInfo, variant: 'sotw' | 'delta'): boolean {
  const features = variant === 'sotw' ? TTL_IN_SOTW : TTL_IN_DELTA;
  return userAgentName === 'envoy' || clientFeatures.some((feature) => features.includes(feature));
}

/** Whether a node asks for no clusters on an aggregated stream while one of those that it has is warming. */
export function pausesClusters({ userAgentName }: NodeInfo): boolean {
  return userAgentName === 'envoy';
}

/** Decodes a Node message. Errors: GatewayError `invalid_input`. */
export function decodeNode(bytes: Buffer, start: number, end: number): NodeInfo {
  const texts = { id: '', cluster: '', agent: '', agentVersion: '' };
  const clientFeatures: string[] = [];
  const extensions = new RepeatedField(bytes);
  let metadata: unknown;
  visitFields(bytes, start, end, (field, from, to, _value, tagStart) => {
    if (field === 1) texts.id = readString(bytes, from, to);
    else if (field === 2) texts.cluster = readString(bytes, from, to);
    else if (field === 3) metadata = decodeStruct(bytes, from, to);
    else if (field === 6) texts.agent = readString(bytes, from, to);
    else if (field === 7) texts.agentVersion = readString(bytes, from, to);
    else if (field === 8) texts.agentVersion = decodeBuildVersion(bytes, from, to);
    else if (field === 9) extensions.add(tagStart, to);
    else if (field === 10) clientFeatures.push(readString(bytes, from, to));
  });
  return {
    id: texts.id,
    cluster: texts.cluster,
    ...(texts.agent === '' ? {} : { userAgentName: texts.agent }),
    ...(texts.agentVersion === '' ? {} : { userAgentVersion: texts.agentVersion }),
    extensions: decodeExtensions(extensions),
    clientFeatures,
    ...(metadata === undefined ? {} : { metadata }),
  };
}

// A proxy sends about a thousand extensions; all proxies of one build send the same ones and share one list here.
const knownExtensions = createLru<readonly NodeExtension[]>(64);

function decodeExtensions(field: RepeatedField): readonly NodeExtension[] {
  if (field.count === 0) return [];
  return knownExtensions.take(field.key, () => {
    const extensions: NodeExtension[] = [];
    field.visit((bytes, start, end) => extensions.push(decodeExtension(bytes, start, end)));
    return extensions;
  });
}

function decodeExtension(bytes: Buffer, start: number, end: number): NodeExtension {
  let name = '';
  let category: string | undefined;
  let disabled = false;
  const typeUrls: string[] = [];
  visitFields(bytes, start, end, (field, from, to, value) => {
    if (field === 1) name = readString(bytes, from, to);
    else if (field === 2) category = readString(bytes, from, to);
    else if (field === 5) disabled = value !== 0;
    else if (field === 6) typeUrls.push(readString(bytes, from, to));
  });
  return { name, ...(category === undefined ? {} : { category }), typeUrls, ...(disabled ? { disabled } : {}) };
}

/** Source: envoy.config.core.v3.BuildVersion, whose field 1 is envoy.type.v3.SemanticVersion. */
function decodeBuildVersion(bytes: Buffer, start: number, end: number): string {
  const numbers = [0, 0, 0];
  visitFields(bytes, start, end, (field, from, to) => {
    if (field !== 1) return;
    visitFields(bytes, from, to, (part, _start, _end, value) => {
      if (part >= 1 && part <= 3) numbers[part - 1] = value;
    });
  });
  return numbers.join('.');
}

// google.protobuf.Struct nests as deep as the sender likes.
const MAX_DEPTH = 32;

function decodeStruct(bytes: Buffer, start: number, end: number, depth = 0): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  visitFields(bytes, start, end, (field, from, to) => {
    if (field !== 1) return;
    let key = '';
    let value: unknown = null;
    visitFields(bytes, from, to, (part, partStart, partEnd) => {
      if (part === 1) key = readString(bytes, partStart, partEnd);
      else if (part === 2) value = decodeValue(bytes, partStart, partEnd, depth + 1);
    });
    entries.push([key, value]);
  });
  // fromEntries defines own properties: a key `__proto__` is a key like any other.
  return Object.fromEntries(entries);
}

function decodeValue(bytes: Buffer, start: number, end: number, depth: number): unknown {
  if (depth > MAX_DEPTH) return null;
  let decoded: unknown = null;
  visitFields(bytes, start, end, (field, from, to, value) => {
    if (field === 2) decoded = to - from === 8 ? bytes.readDoubleLE(from) : null;
    else if (field === 3) decoded = readString(bytes, from, to);
    else if (field === 4) decoded = value !== 0;
    else if (field === 5) decoded = decodeStruct(bytes, from, to, depth + 1);
    else if (field === 6) {
      const list: unknown[] = [];
      visitFields(bytes, from, to, (part, partStart, partEnd) => {
        if (part === 1) list.push(decodeValue(bytes, partStart, partEnd, depth + 1));
      });
      decoded = list;
    }
  });
  return decoded;
}
