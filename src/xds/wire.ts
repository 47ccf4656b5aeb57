/**
 * The discovery messages on the wire. Requests are read by offset and keep their name lists encoded; responses are put
 * together from bytes that are already encoded, once for all streams that get the same content.
 * Source: envoy.service.discovery.v3 (DiscoveryRequest/Response, DeltaDiscoveryRequest/Response).
 */
import { type NameList, NO_NAMES, RepeatedField, RepeatedNames } from './names.ts';
import { decodeNode, type NodeInfo } from './node.ts';
import {
  encodeBytesField,
  encodeStringField,
  encodeVarintField,
  fieldSize,
  readString,
  visitFields,
  writeFieldHead,
  writeStringField,
} from './protobuf.ts';

/** `google.rpc.Status` of a rejection. */
export interface RejectionDetail {
  readonly code: number;
  readonly message: string;
}

export interface SotwRequest {
  readonly node?: NodeInfo;
  readonly typeUrl: string;
  readonly versionInfo: string;
  readonly nonce: string;
  readonly names: NameList;
  readonly error?: RejectionDetail;
}

export interface DeltaRequest {
  readonly node?: NodeInfo;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly subscribe: NameList;
  readonly unsubscribe: NameList;
  /** Name and version of what the client holds from an earlier stream. */
  readonly initialVersions: InitialVersions;
  readonly error?: RejectionDetail;
}

export interface InitialVersions {
  readonly count: number;
  readonly key: string;
  decode(): Map<string, string>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Decodes a DiscoveryRequest; its node, which some clients repeat, only on demand. Errors: GatewayError `invalid_input`. */
export function decodeSotwRequest(bytes: Buffer, withNode: boolean): SotwRequest {
  const request: Mutable<SotwRequest> = { typeUrl: '', versionInfo: '', nonce: '', names: NO_NAMES };
  let names: RepeatedNames | undefined;
  visitFields(bytes, 0, bytes.length, (field, from, to, _value, tagStart) => {
    if (field === 3) {
      names ??= new RepeatedNames(bytes);
      names.add(tagStart, to);
    } else if (field === 1) request.versionInfo = readString(bytes, from, to);
    else if (field === 2) {
      if (withNode) request.node = decodeNode(bytes, from, to);
    } else if (field === 4) request.typeUrl = readString(bytes, from, to);
    else if (field === 5) request.nonce = readString(bytes, from, to);
    else if (field === 6) request.error = decodeStatus(bytes, from, to);
  });
  if (names !== undefined) request.names = names;
  return request;
}

/** Decodes a DeltaDiscoveryRequest; its node only on demand. Errors: GatewayError `invalid_input`. */
export function decodeDeltaRequest(bytes: Buffer, withNode: boolean): DeltaRequest {
  const request: Mutable<DeltaRequest> = {
    typeUrl: '',
    nonce: '',
    subscribe: NO_NAMES,
    unsubscribe: NO_NAMES,
    initialVersions: NO_VERSIONS,
  };
  let subscribe: RepeatedNames | undefined;
  let unsubscribe: RepeatedNames | undefined;
  let versions: RepeatedVersions | undefined;
  visitFields(bytes, 0, bytes.length, (field, from, to, _value, tagStart) => {
    if (field === 3) {
      subscribe ??= new RepeatedNames(bytes);
      subscribe.add(tagStart, to);
    } else if (field === 5) {
      versions ??= new RepeatedVersions(bytes);
      versions.add(tagStart, to);
    } else if (field === 4) {
      unsubscribe ??= new RepeatedNames(bytes);
      unsubscribe.add(tagStart, to);
    } else if (field === 1) {
      if (withNode) request.node = decodeNode(bytes, from, to);
    } else if (field === 2) request.typeUrl = readString(bytes, from, to);
    else if (field === 6) request.nonce = readString(bytes, from, to);
    else if (field === 7) request.error = decodeStatus(bytes, from, to);
  });
  if (subscribe !== undefined) request.subscribe = subscribe;
  if (unsubscribe !== undefined) request.unsubscribe = unsubscribe;
  if (versions !== undefined) request.initialVersions = versions;
  return request;
}

const NO_VERSIONS: InitialVersions = { count: 0, key: '', decode: () => new Map() };

class RepeatedVersions extends RepeatedField implements InitialVersions {
  decode(): Map<string, string> {
    const versions = new Map<string, string>();
    this.visit((bytes, start, end) => {
      let name = '';
      let version = '';
      visitFields(bytes, start, end, (field, from, to) => {
        if (field === 1) name = readString(bytes, from, to);
        else if (field === 2) version = readString(bytes, from, to);
      });
      versions.set(name, version);
    });
    return versions;
  }
}

function decodeStatus(bytes: Buffer, start: number, end: number): RejectionDetail {
  let code = 0;
  let message = '';
  visitFields(bytes, start, end, (field, from, to, value) => {
    if (field === 1) code = value;
    else if (field === 2) message = readString(bytes, from, to);
  });
  return { code, message };
}

/** A `google.protobuf.Any` of an encoded message. */
export function encodeAny(typeUrl: string, value: Uint8Array): Buffer {
  const target = Buffer.allocUnsafeSlow(anyHeadSize(typeUrl, value.length) + value.length);
  let at = writeStringField(target, 0, 1, typeUrl, Buffer.byteLength(typeUrl));
  if (value.length > 0) {
    at = writeFieldHead(target, at, 2, value.length);
    target.set(value, at);
  }
  return target;
}

/** Bytes of an Any in front of its value, which is its last part. */
export function anyHeadSize(typeUrl: string, valueLength: number): number {
  return fieldSize(Buffer.byteLength(typeUrl)) + (valueLength === 0 ? 0 : fieldSize(valueLength) - valueLength);
}

/** The value of an encoded Any. */
export function anyValue(any: Uint8Array): Uint8Array {
  const bytes = Buffer.from(any.buffer, any.byteOffset, any.byteLength);
  let value: Uint8Array = new Uint8Array();
  visitFields(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 2) value = bytes.subarray(from, to);
  });
  return value;
}

/** What a response needs of a resource. */
export interface WireResource {
  readonly name: string;
  readonly version: string;
  /** Absent in a heartbeat, and in the answer to a name that nothing goes by. */
  readonly any?: Uint8Array;
  readonly aliases?: readonly string[];
  readonly ttlMs?: number;
}

const CONTROL_PLANE = encodeStringField(1, 'headgate');

/** The fields that both responses share the shape of, at their field numbers. */
function encodeTail(version: string, typeUrl: string, controlPlaneField: number): Buffer[] {
  const head = Buffer.allocUnsafe(fieldSize(CONTROL_PLANE.length) - CONTROL_PLANE.length);
  writeFieldHead(head, 0, controlPlaneField, CONTROL_PLANE.length);
  return [
    ...(version === '' ? [] : [encodeStringField(1, version)]),
    encodeStringField(4, typeUrl),
    head,
    CONTROL_PLANE,
  ];
}

const NO_BYTES = Buffer.alloc(0);
const RESOURCE_TYPE = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

/** The rare fields of envoy.service.discovery.v3.Resource: 4 aliases, 6 ttl. */
function encodeTerms({ aliases, ttlMs }: WireResource, withTtl: boolean): Buffer {
  if (aliases === undefined && (ttlMs === undefined || !withTtl)) return NO_BYTES;
  const names = (aliases ?? []).map((alias) => encodeStringField(4, alias));
  return Buffer.concat(
    ttlMs === undefined || !withTtl ? names : [...names, encodeBytesField(6, encodeDuration(ttlMs))],
  );
}

function encodeDuration(ms: number): Buffer {
  const nanos = (ms % 1000) * 1_000_000;
  return Buffer.concat([
    encodeVarintField(1, Math.floor(ms / 1000)),
    ...(nanos === 0 ? [] : [encodeVarintField(2, nanos)]),
  ]);
}

/** In SotW a time to live comes in a wrapper, whose version is that of the response. */
function sotwAny(resource: WireResource, version: string, withTtl: boolean): Uint8Array {
  const { any = NO_BYTES, ttlMs, name } = resource;
  if (!withTtl || ttlMs === undefined) return any;
  const body = any.length === 0 ? NO_BYTES : encodeBytesField(2, any);
  const terms = encodeTerms({ name, version, ttlMs }, true);
  return encodeAny(
    RESOURCE_TYPE,
    Buffer.concat([encodeStringField(1, version), body, encodeStringField(3, name), terms]),
  );
}

/** A DiscoveryResponse without its nonce, which differs by stream and is put in front of it (`encodeNonce`). */
export function encodeSotwResponse(
  typeUrl: string,
  version: string,
  resources: readonly WireResource[],
  withTtl: boolean,
): Buffer {
  const tail = Buffer.concat(encodeTail(version, typeUrl, 6));
  const anys = resources.map((resource) => sotwAny(resource, version, withTtl));
  let size = tail.length;
  for (const any of anys) size += fieldSize(any.length);
  const target = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const any of anys) {
    at = writeFieldHead(target, at, 2, any.length);
    target.set(any, at);
    at += any.length;
  }
  target.set(tail, at);
  return target;
}

/** A DeltaDiscoveryResponse without its nonce. */
export function encodeDeltaResponse(
  typeUrl: string,
  version: string,
  resources: readonly WireResource[],
  removed: readonly string[],
  withTtl: boolean,
): Buffer {
  const tail = Buffer.concat([
    ...removed.map((name) => encodeStringField(6, name)),
    ...encodeTail(version, typeUrl, 7),
  ]);
  let size = tail.length;
  const lengths = new Uint32Array(resources.length * 3);
  const terms = resources.map((resource) => encodeTerms(resource, withTtl));
  resources.forEach(({ name, version, any }, i) => {
    const nameLength = Buffer.byteLength(name);
    const versionLength = Buffer.byteLength(version);
    const anySize = any === undefined ? 0 : fieldSize(any.length);
    const inner = fieldSize(versionLength) + anySize + fieldSize(nameLength) + (terms[i]?.length ?? 0);
    lengths.set([nameLength, versionLength, inner], i * 3);
    size += fieldSize(inner);
  });
  const target = Buffer.allocUnsafeSlow(size);
  let at = 0;
  resources.forEach(({ name, version, any }, i) => {
    at = writeFieldHead(target, at, 2, lengths[i * 3 + 2] ?? 0);
    at = writeStringField(target, at, 1, version, lengths[i * 3 + 1] ?? 0);
    if (any !== undefined) {
      at = writeFieldHead(target, at, 2, any.length);
      target.set(any, at);
      at += any.length;
    }
    at = writeStringField(target, at, 3, name, lengths[i * 3] ?? 0);
    const extra = terms[i] ?? NO_BYTES;
    target.set(extra, at);
    at += extra.length;
  });
  target.set(tail, at);
  return target;
}

/** The nonce field: 5 in both responses. */
export function encodeNonce(nonce: string): Buffer {
  return encodeStringField(5, nonce);
}
