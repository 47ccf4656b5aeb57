import { expect } from 'chai';
import {
  decodeEvents,
  encodeEvent,
  exceptionEvent,
  jsonEvent,
  unmodelledErrorEvent,
} from '../../fakes/event-stream.ts';

describe('AWS event streams', () => {
  it('writes the bytes of the published example', () => {
    // Source: the test vectors of aws-c-event-stream: an empty message, and one with a payload alone.
    expect(encodeEvent({ headers: {}, payload: Buffer.alloc(0) }).toString('hex')).to.equal(
      '000000100000000005c248eb7d98c8ff',
    );
    expect(encodeEvent({ headers: {}, payload: Buffer.from("{'foo':'bar'}") }).toString('hex')).to.equal(
      '0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936',
    );
  });

  it('reads what it wrote', () => {
    const bytes = Buffer.concat([
      jsonEvent('messageStart', { role: 'assistant' }),
      exceptionEvent('throttlingException', { message: 'slow down' }),
      unmodelledErrorEvent('InternalFailure', 'ü'),
    ]);
    const [event, exception, error] = decodeEvents(bytes);
    expect(event?.headers).to.include({ ':message-type': 'event', ':event-type': 'messageStart' });
    expect(JSON.parse(String(event?.payload))).to.deep.equal({ role: 'assistant' });
    expect(exception?.headers).to.include({ ':message-type': 'exception', ':exception-type': 'throttlingException' });
    expect(error?.headers).to.include({ ':message-type': 'error', ':error-message': 'ü' });
  });

  it('refuses streams that are cut or changed at any byte', () => {
    const bytes = jsonEvent('contentBlockDelta', { delta: { text: 'hello' } });
    for (let at = 1; at < bytes.length; at++) {
      expect(() => decodeEvents(bytes.subarray(0, at)), `cut at ${at}`).to.throw('cut');
    }
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => decodeEvents(changed), `changed at ${at}`).to.throw();
    }
  });
});
