import { expect } from 'chai';
import { createLogger, type LoggerOptions, redactText } from '../../../src/telemetry/index.ts';

function record(options: Pick<LoggerOptions, 'level' | 'format'>) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ ...options, write: (line) => lines.push(line) }) };
}

describe('telemetry: the logger', () => {
  it('writes one JSON object a line, level as a word, time in ISO 8601', () => {
    const { lines, logger } = record({ level: 'info', format: 'json' });
    logger.child({ component: 'xds' }).warn({ node: 'n1' }, 'rejected');
    logger.debug({}, 'not written');
    expect(lines).to.have.length(1);
    expect(lines[0]?.endsWith('\n')).to.equal(true);
    const { time, ...line } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).to.deep.equal({ level: 'warn', component: 'xds', node: 'n1', msg: 'rejected' });
    expect(String(time)).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('writes text for people', () => {
    const { lines, logger } = record({ level: 'debug', format: 'text' });
    logger.child({ component: 'xds' }).info({ node: 'n 1', count: 2, key: 'default/gw' }, 'proxy connected');
    expect(lines[0]).to.match(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}xds: proxy connected node="n 1" count=2 key=default\/gw\n$/,
    );
  });

  for (const format of ['json', 'text'] as const) {
    it(`takes out secrets by the name of the field and by their form, ${format}`, () => {
      const { lines, logger } = record({ level: 'info', format });
      logger.info(
        { apiKey: 'hunter2', headers: { authorization: 'hunter3' }, a: { b: { token: 'hunter4' } } },
        'got Authorization: Bearer hunter5-hunter5 and sk-hunter6hunter6',
      );
      expect(lines.join('')).to.not.contain('hunter');
      expect(lines.join('')).to.contain('[redacted]');
    });
  }

  it('keeps what is no secret', () => {
    for (const text of ['risk-management-team', 'the bearer of news', 'Basic auth', 'AKIA']) {
      expect(redactText(text)).to.equal(text);
    }
  });
});
