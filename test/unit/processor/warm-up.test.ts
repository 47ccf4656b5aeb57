import { expect } from 'chai';
import type { Receiver } from '../../../src/lib/http2/streams.ts';
import { openExchange } from '../../../src/processor/exchange.ts';
import { createSamples } from '../../../src/processor/samples.ts';
import { createStatistics } from '../../../src/processor/statistics.ts';
import { warmUp } from '../../../src/processor/warm-up.ts';
import { createTranslation } from '../../../src/providers/translations.ts';
import { until } from '../../support/index.ts';

describe('warm-up of the processor', () => {
  const fail = (caught: unknown): void => {
    throw caught;
  };

  it('translates each of its samples to the end', () => {
    for (const sample of createSamples()) {
      const statistics = createStatistics();
      const sent: Buffer[] = [];
      const answers = { send: (message: Buffer) => void sent.push(message), end: () => undefined };
      const options = { createTranslation, maxExchanges: 1, maxBodyBytes: 1000, statistics, onBug: fail };
      const exchange = openExchange(answers, options);
      for (const message of sample) exchange.message(message);
      expect(sent).to.have.length(sample.length);
      expect(statistics).to.include({ requests: 1, answers: 1, refusals: 0, failures: 0, open: 0 });
    }
  });

  it('goes through a whole connection, and ends once real work has come', async () => {
    let calls = 0;
    let messages = 0;
    let ends = 0;
    const receiver: Receiver = {
      message() {
        messages += 1;
      },
      end() {
        ends += 1;
      },
      gone: () => undefined,
    };
    const open = (): Receiver => {
      calls += 1;
      return receiver;
    };
    const stop = warmUp({ path: '/a/b', method: { kind: 'duplex', open }, isIdle: () => calls < 100, onBug: fail });
    await until(() => calls >= 100, { what: 'calls' });
    const seen = calls;
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop();
    expect(calls).to.equal(seen);
    expect(ends).to.equal(seen);
    expect(messages).to.be.greaterThan(2 * seen);
  });
});
