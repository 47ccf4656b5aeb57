import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '../../../src/lib/errors.ts';
import { framed, MessageReader } from '../../../src/lib/http2/messages.ts';

describe('gRPC messages in the bytes of a stream', () => {
  it('are the same however the bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(framed));
        const received: string[] = [];
        const reader = new MessageReader(300, (message) => received.push(message.toString('hex')));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(received).to.deep.equal(sent.map((message) => Buffer.from(message).toString('hex')));
      }),
      { numRuns: 200 },
    );
  });

  it('are refused by what their prefix says, before they are there', () => {
    const codeOf = (chunk: number[]): string => {
      const reader = new MessageReader(10, () => expect.fail('it was taken'));
      try {
        reader.push(Buffer.from(chunk));
      } catch (caught) {
        return caught instanceof GatewayError ? caught.code : String(caught);
      }
      return 'none';
    };
    expect(codeOf([0, 0, 0, 0, 11])).to.equal('limit_exceeded');
    expect(codeOf([0, 255, 255, 255, 255])).to.equal('limit_exceeded');
    expect(codeOf([1, 0, 0, 0, 1])).to.equal('invalid_input');
    expect(codeOf([0, 0, 0, 0, 10])).to.equal('none');
  });
});
