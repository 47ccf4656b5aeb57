import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAuthorization, refusalOf } from '../../../src/cli/authorization.ts';
import { checkPlaintext, type PortFlags } from '../../../src/cli/tls-options.ts';
import { watchFiles } from '../../../src/cli/watched-files.ts';
import { createLogger } from '../../../src/telemetry/index.ts';
import { peerIdentity, subjectNames } from '../../../src/xds/tls.ts';
import { tempDir, until } from '../../support/index.ts';
import { CHAT, headgate, yamlFile } from './cli.ts';

describe('cli: what is served beyond loopback', () => {
  const source = yamlFile(CHAT);
  const cases: [string, string[], RegExp][] = [
    ['xDS in plaintext', ['--xds-address', '0.0.0.0:18000'], /add --tls-cert.*--insecure-plaintext/],
    ['xDS in plaintext over IPv6', ['--xds-address', '[::]:18000'], /add --tls-cert/],
    ['xDS in plaintext under a name', ['--xds-address', 'localhost.example:18000'], /add --tls-cert/],
    ['the admin API', ['--admin-address', '10.0.0.1:18001'], /add --admin-token-file/],
    ['a certificate without its key', ['--tls-cert', 'c.pem'], /--tls-cert and --tls-key belong together/],
    ['client authorities without TLS', ['--tls-client-ca', 'ca.pem'], /--tls-client-ca needs/],
    ['rules without client certificates', ['--authorize', 'rules.yaml'], /--authorize needs --tls-client-ca/],
  ];
  for (const [what, flags, message] of cases) {
    for (const command of ['serve', 'run']) {
      it(`${command} refuses ${what}`, async () => {
        const { code, stderr } = await headgate([command, source, ...flags]);
        expect({ code }).to.deep.equal({ code: 2 });
        expect(stderr).to.match(message);
      });
    }
  }

  it('serve refuses REST xDS in plaintext', async () => {
    const { code, stderr } = await headgate(['serve', source, '--xds-rest-address', '0.0.0.0:18004']);
    expect({ code }).to.deep.equal({ code: 2 });
    expect(stderr).to.match(/--xds-rest-address 0\.0\.0\.0:18004 .*add --tls-cert/);
  });

  const services: [string[], RegExp][] = [
    [['run', 'x', '--ratelimit-address', '0.0.0.0:8081'], /--ratelimit-address .*leave that to headgate ratelimit/],
    [['processor', '--address', '0.0.0.0:18003'], /--address 0\.0\.0\.0:18003 .*prompts.*add --tls-cert/],
    [['ratelimit', '--config', 'x', '--address', '[::]:8081'], /--address \[::\]:8081 .*--insecure-plaintext/],
    [['ratelimit', '--config', 'x', '--tls-client-ca', 'ca.pem'], /--tls-client-ca needs/],
    [['processor', '--admin-address', '0.0.0.0:9'], /--admin-address 0\.0\.0\.0:9 .*add --admin-token-file/],
    [['ratelimit', '--config', 'x', '--admin-address', '[::]:9'], /--admin-address \[::\]:9 .*add --admin-token-file/],
  ];
  for (const [args, message] of services) {
    it(`headgate ${args.join(' ')} is wrong usage`, async () => {
      const { code, stderr } = await headgate(args);
      expect({ code }).to.deep.equal({ code: 2 });
      expect(stderr).to.match(message);
    });
  }

  it('is let through with TLS, where it is said, and on loopback', () => {
    const check = (host: string, flags: PortFlags): void =>
      checkPlaintext(flags, { flag: '--address', address: { host, port: 1 }, what: 'of value' });
    for (const host of ['127.0.0.1', '127.8.0.1', '::1', 'localhost']) check(host, {});
    check('10.0.0.1', { insecurePlaintext: true });
    check('10.0.0.1', { tlsCert: 'c.pem', tlsKey: 'k.pem' });
    for (const host of ['10.0.0.1', '0.0.0.0', '::', '::ffff:127.0.0.1', '127.example']) {
      expect(() => check(host, {}), host).to.throw('is beyond loopback, and of value');
    }
  });

  it('names a file that cannot be used', async () => {
    const dir = tempDir('security');
    const at = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const pem = at('x.pem', 'nonsense');
    const own = ['--xds-address', ':0', '--admin-address', ':0'];
    const tries: [string[], RegExp][] = [
      [['--tls-cert', join(dir, 'no.pem'), '--tls-key', pem], /no\.pem cannot be read/],
      [['--tls-cert', pem, '--tls-key', pem], /the TLS certificate and key cannot be used/],
      [['--admin-token-file', at('token', 'short')], /token must hold one token/],
    ];
    for (const [flags, message] of tries) {
      const { code, stderr } = await headgate(['serve', source, ...own, ...flags]);
      expect({ flags, code }).to.deep.equal({ flags, code: 1 });
      expect(stderr).to.match(message);
    }
  });
});

describe('authorization of nodes', () => {
  const rules = parseAuthorization(
    `
- {san: 'spiffe://prod/ns/infra/sa/edge', gateways: [infra/edge, infra/edge-2]}
- {san: edge.infra.svc, gateways: ['infra/*'], nodeIds: ['edge-*']}
- {san: 'spiffe://prod/ns/*/sa/any', gateways: ['*']}
- {san: limits.svc, limits: ['*']}
- {san: limits-of-infra.svc, limits: ['infra/*']}
`,
    'rules.yaml',
  );
  const refusal = (name: string, cluster: string, id = 'x'): string | undefined =>
    refusalOf(rules, { names: [name] }, { id, cluster });

  it('lets a certificate ask for what a rule gives it', () => {
    expect(refusal('spiffe://prod/ns/infra/sa/edge', 'infra/edge')).to.equal(undefined);
    expect(refusal('edge.infra.svc', 'infra/other', 'edge-1')).to.equal(undefined);
    expect(refusal('spiffe://prod/ns/a/sa/any', 'b/c')).to.equal(undefined);
  });

  it('refuses all else, and says what', () => {
    expect(refusal('spiffe://prod/ns/infra/sa/edge', 'infra/other')).to.match(/may not ask for gateway infra\/other/);
    expect(refusal('edge.infra.svc', 'infra/edge', 'other-1')).to.match(/may not be node other-1/);
    expect(refusal('edge.infra.svc', 'infrared/edge', 'edge-1')).to.match(/may not ask for gateway/);
    for (const stranger of [
      'spiffe://prod/ns/infra/sa/edge2',
      'x.edge.infra.svc',
      'spiffe://prod/ns/a/sa/anyone',
      '',
    ]) {
      expect(refusal(stranger, 'infra/edge', 'edge-1'), stranger).to.match(/no rule names this client certificate/);
    }
    expect(refusalOf(rules, { names: [] }, { id: 'edge-1', cluster: 'infra/edge' })).to.match(/no rule/);
  });

  it('gives services the limits of their gateways, and neither them nor proxies what is of the others', () => {
    const ofService = (name: string, id: string, cluster = ''): string | undefined =>
      refusalOf(rules, { names: [name] }, { id, cluster, service: 'ratelimit' });
    expect(ofService('limits.svc', 'default')).to.equal(undefined);
    expect(ofService('limits.svc', 'x', 'infra/edge')).to.equal(undefined);
    expect(ofService('limits-of-infra.svc', 'infra/edge')).to.equal(undefined);
    expect(ofService('limits-of-infra.svc', 'default')).to.match(/may not ask for the limits of gateway \*/);
    expect(ofService('limits-of-infra.svc', 'other/edge')).to.match(/may not ask for the limits of gateway other/);
    expect(ofService('spiffe://prod/ns/a/sa/any', 'default')).to.match(/may not ask for the limits/);
    expect(refusal('limits.svc', 'infra/edge')).to.match(/may not ask for gateway/);
  });

  it('says which rule is wrong', () => {
    const cases: [string, RegExp][] = [
      ['{san: a}', /a list of rules is expected/],
      ['- {san: a, gateways: [b], nodeIDs: [c]}', /rule 1: nodeIDs is not known/],
      ['- {san: a, gateways: [b]}\n- {gateways: [b]}', /rule 2: san must be/],
      ['- {san: a, gateways: []}', /gateways must be/],
      ['- {san: a}', /gateways or limits must say/],
      ['- {san: a, limits: all}', /limits must be a list/],
      ['- {san: a, gateways: [b], nodeIds: 7}', /nodeIds must be/],
      ['- [', /f\.yaml/],
    ];
    for (const [text, message] of cases) expect(() => parseAuthorization(text, 'f.yaml'), text).to.throw(message);
  });

  it('gives a TLS client without a certificate no name, which no rule fits, rather than none to ask about', () => {
    const peer = peerIdentity(Object.assign(new Socket(), { encrypted: true, authorized: false }));
    expect(peer).to.deep.equal({ names: [] });
    expect(peer && refusalOf(rules, peer, { id: 'edge-1', cluster: 'infra/edge' })).to.match(/no rule/);
    expect(peerIdentity(new Socket())).to.equal(undefined);
  });

  it('reads names of certificates, and is not led astray by what they hold', () => {
    expect(subjectNames('DNS:Edge.Infra, URI:spiffe://Prod/a, IP Address:10.0.0.1')).to.deep.equal([
      'edge.infra',
      'spiffe://Prod/a',
      '10.0.0.1',
    ]);
    expect(subjectNames('DNS:"a, URI:spiffe://prod/b", URI:spiffe://c')).to.deep.equal([
      'a, uri:spiffe://prod/b',
      'spiffe://c',
    ]);
    expect(subjectNames('')).to.deep.equal([]);
  });
});

describe('watched files', () => {
  it('hold the last good contents, and follow what can be used', async () => {
    const dir = tempDir('watched');
    const [a, b] = [join(dir, 'a'), join(dir, 'b')];
    writeFileSync(a, '1');
    writeFileSync(b, '1');
    const lines: string[] = [];
    const files = await watchFiles({
      paths: [a, b],
      // Like certificate and key: they must fit.
      parse: ([x, y]) => {
        if (String(x) !== String(y)) throw new Error(`${x} and ${y} do not fit`);
        return String(x);
      },
      logger: createLogger({ level: 'info', format: 'text', write: (line) => lines.push(line) }),
      pollMs: 10,
    });
    const seen: string[] = [];
    files.onChange((value) => seen.push(value));
    try {
      writeFileSync(a, '2');
      await until(() => lines.some((line) => line.includes('cannot be used')), { what: 'a warning' });
      expect(files.current).to.equal('1');
      writeFileSync(b, '2');
      await until(() => files.current === '2', { what: 'the new contents' });
      expect(seen).to.deep.equal(['2']);
      expect(lines.filter((line) => line.includes('cannot be used'))).to.have.length(1);
    } finally {
      files.close();
    }
  });

  it('are named when they cannot be read', async () => {
    const path = join(tempDir('watched'), 'gone');
    const logger = createLogger({ level: 'silent', format: 'text', write: () => undefined });
    const error = await watchFiles({ paths: [path], parse: String, logger }).catch((caught: unknown) => caught);
    expect(error).to.be.an('error').with.property('message').that.contains(`${path} cannot be read`);
  });
});
