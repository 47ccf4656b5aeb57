import { expect } from 'chai';
import { parseEnvoyLogLine, parseTakenAddress } from '../../../src/local/envoy-log.ts';

describe('local: what Envoy logs', () => {
  it('is read with level, component and the message as it was before it was escaped', () => {
    const line = String.raw`critical|main|error \`cannot bind \'[::1]:80\': Address already in use\`\n\tat "a|b" \\n`;
    const text = line.replaceAll('\\`', '`');
    expect(parseEnvoyLogLine(text)).to.deep.equal({
      level: 'fatal',
      component: 'main',
      message: 'error `cannot bind \'[::1]:80\': Address already in use`\n\tat "a|b" \\n',
    });
    expect(parseEnvoyLogLine('warning|upstream|').level).to.equal('warn');
  });

  it('is an error where it is not of the logger', () => {
    for (const line of ['Caught Segmentation fault|x|y', 'note|main|x', '', 'terminate called']) {
      expect(parseEnvoyLogLine(line)).to.deep.equal({ level: 'error', component: '', message: line });
    }
  });

  it('names an address that is taken, and only then', () => {
    const rejected = "listener 'a' failed: cannot bind '127.0.0.1:80': Address already in use";
    expect(parseTakenAddress(rejected)).to.equal('127.0.0.1:80');
    expect(parseTakenAddress("cannot bind '127.0.0.1:80': Permission denied")).to.equal(undefined);
  });
});
