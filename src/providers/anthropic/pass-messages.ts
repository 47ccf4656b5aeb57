import { InvariantError } from '../../lib/errors.ts';
import type { JsonObject } from '../conversation.ts';
import type { ProviderDialect } from '../dialect.ts';
import { collectUnsupported, encodeJson, errorResponse, passJson, readBody, refuseUnsupported } from '../exchange.ts';
import { booleanField, required, stringField } from '../request-fields.ts';
import type { Attempt, TranslatedResponse, Translation } from '../translation.ts';
import { type Cloud, writeCloudBody } from './cloud.ts';
import { withoutForeignThoughts } from './foreign-thoughts.ts';
import { writeMessagesError } from './messages-errors.ts';

/** A cloud, and how its answers become those of Anthropic. */
export interface CloudPassage {
  readonly cloud: Cloud;
  readonly readError: ProviderDialect['readError'];
  readonly passStream: (status: number) => TranslatedResponse;
}

/** Messages to Claude on a cloud: the request is changed where it has to be, answers keep their bytes. */
export function passMessages(attempt: Attempt, { cloud, readError, passStream }: CloudPassage): Translation {
  let isStream: boolean | undefined;
  return {
    request(bytes) {
      const body: JsonObject = readBody(bytes);
      required(stringField(body, 'model', ''), 'model', '');
      isStream = booleanField(body, 'stream', '') ?? false;
      const unsupported = collectUnsupported();
      const written = writeCloudBody(
        withoutForeignThoughts(body, unsupported),
        cloud,
        attempt.betas ?? [],
        unsupported,
      );
      const fields = unsupported.fields();
      refuseUnsupported(attempt, fields);
      return { body: encodeJson(written), headers: [], unsupported: fields, stream: isStream };
    },
    response(status, headers) {
      if (isStream === undefined) throw new InvariantError('an answer before its request');
      if (status < 200 || status > 299) return errorResponse(status, headers, readError, writeMessagesError);
      return isStream ? passStream(status) : passJson(status, writeMessagesError);
    },
  };
}
