import { InvariantError } from '../lib/errors.ts';
import type { JsonObject, ProviderError } from './conversation.ts';
import type { WholeConversion } from './dialect.ts';
import {
  collectUnsupported,
  encodeJson,
  errorResponse,
  jsonResponse,
  readBody,
  refuseUnsupported,
} from './exchange.ts';
import { required, stringField } from './request-fields.ts';
import { tellingName } from './said-of-models.ts';
import type { Attempt, Translation } from './translation.ts';

/** A translation of one whole body each way. Shape: `conversionOf` may depend on the model that is asked for. */
export function translateWhole(
  attempt: Attempt,
  conversionOf: (model: string) => WholeConversion,
  writeError: (error: ProviderError) => JsonObject,
): Translation {
  let asked: { readonly conversion: WholeConversion; readonly body: JsonObject; readonly model: string } | undefined;
  return {
    request(bytes) {
      const body = readBody(bytes);
      const model = required(stringField(body, 'model', ''), 'model', '');
      const conversion = conversionOf(tellingName(model, attempt.provider));
      const unsupported = collectUnsupported();
      const betas = attempt.betas ?? [];
      const written = conversion.writeRequest(body, { provider: attempt.provider, model, unsupported, betas });
      const fields = unsupported.fields();
      refuseUnsupported(attempt, fields);
      asked = { conversion, body, model };
      const path = conversion.path?.(model, attempt.provider);
      return { body: encodeJson(written), ...(path !== undefined && { path }), unsupported: fields, stream: false };
    },
    response(status, headers) {
      if (asked === undefined) throw new InvariantError('an answer before its request');
      const { conversion, body, model } = asked;
      if (status < 200 || status > 299) return errorResponse(status, headers, conversion.readError, writeError);
      const { requestId, nowSeconds } = attempt;
      const context = { model, request: body, headers, requestId, nowSeconds };
      return jsonResponse(status, (answer) => conversion.readAnswer(answer, context), writeError);
    },
  };
}
