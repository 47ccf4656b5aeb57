/** From the bytes of a request to its effect on a stream: what both variants ask of it, and what it may not exceed. */
import { GatewayError } from '../lib/errors.ts';
import type { NodeInfo } from './node.ts';
import type { XdsMethod } from './services.ts';
import type { XdsStream } from './stream.ts';
import { applyDeltaRequest } from './stream-delta.ts';
import { applySotwRequest } from './stream-sotw.ts';
import type { TypeState } from './type-state.ts';
import { isOfLimits } from './types.ts';
import { decodeDeltaRequest, decodeSotwRequest } from './wire.ts';

export interface IntakeLimits {
  readonly maxTypesPerStream: number;
  readonly maxNames: number;
}

/** A stream that requests arrive on. */
export interface Intake {
  readonly stream: XdsStream;
  readonly method: XdsMethod;
  readonly limits: IntakeLimits;
  /** Present until the node is known: gets the one of the first request. */
  readonly identify: ((node: NodeInfo | undefined) => void) | undefined;
}

/** Applies a request. Errors: GatewayError `invalid_input`, `limit_exceeded`, and those of `identify`. */
export function takeRequest(bytes: Buffer, intake: Intake): void {
  const { stream, method, limits, identify } = intake;
  const withNode = identify !== undefined;
  let state: TypeState;
  if (method.variant === 'sotw') {
    const request = decodeSotwRequest(bytes, withNode);
    limitNames(request.names.count, limits);
    state = admit(intake, request);
    applySotwRequest(stream, state, request);
  } else {
    const request = decodeDeltaRequest(bytes, withNode);
    limitNames(request.subscribe.count, limits);
    limitNames(request.unsubscribe.count, limits);
    limitNames(request.initialVersions.count, limits);
    state = admit(intake, request);
    applyDeltaRequest(stream, state, request);
  }
  limitNames(state.subscription?.names.size ?? 0, limits);
}

function limitNames(count: number, { maxNames }: IntakeLimits): void {
  if (count > maxNames) throw new GatewayError('limit_exceeded', `more than ${maxNames} names of a type`);
}

/** Checks what a request says of itself, and returns the state of its type. */
function admit({ stream, method, limits, identify }: Intake, request: { node?: NodeInfo; typeUrl: string }): TypeState {
  const typeUrl = request.typeUrl === '' ? method.typeUrl : request.typeUrl;
  if (typeUrl === undefined) throw new GatewayError('invalid_input', 'type_url is required on the aggregated service');
  if (method.typeUrl !== undefined && typeUrl !== method.typeUrl) {
    throw new GatewayError('invalid_input', `this service has resources of type ${method.typeUrl} only`);
  }
  identify?.(request.node && isOfLimits(typeUrl) ? { ...request.node, service: 'ratelimit' } : request.node);
  const state = stream.state(typeUrl);
  if (stream.typeCount > limits.maxTypesPerStream) {
    throw new GatewayError('limit_exceeded', `more than ${limits.maxTypesPerStream} types on a stream`);
  }
  return state;
}
