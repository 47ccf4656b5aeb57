/**
 * REST xDS: a proxy asks over HTTP, again and again, and is told what it shall have when that is not what it has.
 * Source: the google.api.http options of the discovery services; JSON with proto field names.
 */
import { decodeAny, encodeMessage, SchemaError } from '../envoy/schema/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { Caller } from '../lib/http2/streams.ts';
import { createLru } from '../lib/lru.ts';
import type { NodeInfo } from './node.ts';
import { pollingOf, restClusterOf } from './rest-source.ts';
import type { EncodedResource } from './snapshot.ts';
import { TYPE } from './types.ts';
import { anyValue, decodeSotwRequest, type SotwRequest } from './wire.ts';

/** What a client that polls gets: nothing new, or all that it asks for. */
export type PollAnswer =
  | { readonly current: true }
  | { readonly current: false; readonly version: string; readonly resources: readonly EncodedResource[] };

/** Errors: GatewayError `permission_denied`, and `not_found` while there is nothing for the node. */
export type Poll = (request: SotwRequest & { readonly node: NodeInfo }, caller: Caller) => PollAnswer;

const PATHS: ReadonlyMap<string, string> = new Map([
  ['/v3/discovery:clusters', TYPE.cluster],
  ['/v3/discovery:endpoints', TYPE.endpoints],
  ['/v3/discovery:listeners', TYPE.listener],
  ['/v3/discovery:routes', TYPE.route],
  ['/v3/discovery:scoped-routes', TYPE.scopedRoute],
  ['/v3/discovery:secrets', TYPE.secret],
  ['/v3/discovery:runtime', TYPE.runtime],
  ['/v3/discovery:extension_configs', TYPE.extension],
]);

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_KEPT_CHARACTERS = 16 * 1024 * 1024;

/** Creates the handler. Shape of failures: `{"code", "message"}` with 400, 403, 404, 405, 413 or 500. */
export function createRestHandler(
  poll: Poll,
  onFailure: (error: unknown) => void,
): (request: Request, caller: Caller) => Promise<Response> {
  const bodies = createLru<string>(MAX_KEPT_CHARACTERS, (text) => text.length);
  return async (request, caller) => {
    try {
      const typeUrl = PATHS.get(new URL(request.url).pathname);
      if (typeUrl === undefined) throw new GatewayError('not_found', 'there is no such discovery service');
      if (request.method !== 'POST') return Response.json(problem('usage', 'POST only'), { status: 405 });
      const asked = parseRequest(await readBody(request), typeUrl);
      const answer = poll(asked, caller);
      if (answer.current) return new Response(null, { status: 304 });
      const { version, resources } = answer;
      const cluster = restClusterOf(asked.node);
      const key = JSON.stringify([typeUrl, version, asked.names.key, cluster]);
      const body = bodies.take(key, () => printResponse(typeUrl, version, resources, cluster));
      return new Response(body, { headers: { 'content-type': 'application/json' } });
    } catch (caught) {
      if (caught instanceof GatewayError) {
        return Response.json(problem(caught.code, caught.message), { status: caught.httpStatus });
      }
      onFailure(caught);
      return Response.json(problem('unavailable', 'internal error'), { status: 500 });
    }
  };
}

function problem(code: string, message: string): object {
  return { code, message };
}

async function readBody(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > MAX_BODY_BYTES)
      throw new GatewayError('limit_exceeded', `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

type Json = Readonly<Record<string, unknown>>;

/** The fields that mean something here, by both of their JSON names. */
const FIELDS = ['version_info', 'resource_names', 'type_url'] as const;
const NODE_FIELDS = [
  'id',
  'cluster',
  'metadata',
  'user_agent_name',
  'user_agent_version',
  'user_agent_build_version',
  'extensions',
  'client_features',
] as const;

function parseRequest(text: string, typeUrl: string): SotwRequest & { readonly node: NodeInfo } {
  const json = parseJson(text);
  const { node } = json;
  if (!isObject(node)) throw new GatewayError('invalid_input', 'the request needs a node');
  const picked = { ...pick(json, FIELDS), node: pick(node, NODE_FIELDS) };
  const request = decodeSotwRequest(encodeRequest(picked), true);
  if (request.node === undefined || request.node.id === '') {
    throw new GatewayError('invalid_input', 'the request needs a node with an id');
  }
  if (request.typeUrl !== '' && request.typeUrl !== typeUrl) {
    throw new GatewayError('invalid_input', `this path has resources of type ${typeUrl} only`);
  }
  return { ...request, typeUrl, node: request.node };
}

function parseJson(text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new GatewayError('invalid_input', 'the body is not JSON');
  }
  if (!isObject(json)) throw new GatewayError('invalid_input', 'the body is not a JSON object');
  return json;
}

function encodeRequest(json: Json): Buffer {
  try {
    return Buffer.from(encodeMessage('envoy.service.discovery.v3.DiscoveryRequest', json));
  } catch (caught) {
    if (caught instanceof SchemaError) throw GatewayError.from(caught, 'invalid_input', 'not a DiscoveryRequest');
    throw caught;
  }
}

function pick(json: Json, fields: readonly string[]): Json {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const camel = field.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
      const value = json[field] ?? json[camel];
      return value === undefined || value === null ? [] : [[field, value]];
    }),
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function printResponse(
  typeUrl: string,
  version: string,
  resources: readonly EncodedResource[],
  cluster: string | undefined,
): string {
  const response = {
    version_info: version,
    resources: resources.map(({ any }) => decodeAny(typeUrl, anyValue(any))),
    type_url: typeUrl,
  };
  return JSON.stringify(response, cluster === undefined ? undefined : pollingOf(cluster));
}
