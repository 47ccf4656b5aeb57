import { expect } from 'chai';
import { parse } from 'yaml';
import { CHAT, headgate, yamlFile } from './cli.ts';

describe('cli: validate', () => {
  it('accepts a valid source: nothing on standard output, a summary on standard error', async () => {
    const { code, stdout, stderr } = await headgate(['validate', yamlFile(CHAT)]);
    expect({ code, stdout, stderr }).to.deep.equal({
      code: 0,
      stdout: '',
      stderr: 'valid: 0 errors, 0 warnings, 2 rules compiled\n',
    });
  });

  it('prints one line a finding, with its place, and exits 1', async () => {
    const file = yamlFile(CHAT.replace('backendRefs: [{name: claude}]', 'backendRefs: [{name: claud}]'));
    const { code, stdout } = await headgate(['validate', file]);
    expect(code).to.equal(1);
    const line = stdout.split('\n').find((one) => one.includes('HG0103'));
    expect(line).to.match(
      /config\.yaml:\d+:\d+: error\[HG0103\]: AIGatewayRoute\/default\/chat: spec\.rules\[1\]\.backendRefs\[0\]\.name: .*"claude"/,
    );
  });

  it('exits 0 on warnings alone', async () => {
    const file = yamlFile(
      CHAT.replace(/apiVersion: gateway.networking.k8s.io\/v1\nkind: GatewayClass[\s\S]*?---\n/, ''),
    );
    const { code, stdout } = await headgate(['validate', file]);
    expect(stdout).to.contain('warning[HG0203]');
    expect(code).to.equal(0);
  });

  it('reads -f, several sources and standard input', async () => {
    const documents = CHAT.split('\n---\n');
    const first = yamlFile(documents.slice(0, 5).join('\n---\n'));
    const rest = documents.slice(5).join('\n---\n');
    const { code, stderr } = await headgate(['validate', '-f', first, '-'], { stdin: rest });
    expect(stderr).to.equal('valid: 0 errors, 0 warnings, 2 rules compiled\n');
    expect(code).to.equal(0);
  });

  it('prints one JSON document, refused or not', async () => {
    const good = await headgate(['validate', '-o', 'json', yamlFile(CHAT)]);
    const verdict = JSON.parse(good.stdout);
    expect(verdict).to.include({ valid: true });
    expect(verdict.revision).to.match(/^[0-9a-f]{16}$/);
    expect(verdict.findings).to.deep.equal([]);
    expect(verdict.routes).to.have.length(2);

    const bad = await headgate(['validate', '-o', 'json', yamlFile('a: [')]);
    expect(bad.code).to.equal(1);
    expect(JSON.parse(bad.stdout)).to.include({ valid: false });
    expect(JSON.parse(bad.stdout).findings[0]).to.include({ code: 'HG0102', level: 'error' });

    const yaml = await headgate(['validate', '-o', 'yaml', yamlFile('a: [')]);
    expect(parse(yaml.stdout)).to.deep.equal({
      ...JSON.parse(bad.stdout),
      findings: parse(yaml.stdout).findings,
    });
  });

  it('says which form each rule takes on which Envoy', async () => {
    const args = ['validate', '-o', 'json', '--envoy-version', '1.35.0', '--envoy-version', 'v1.40', yamlFile(CHAT)];
    const { code, stdout } = await headgate(args);
    const { routes, findings } = JSON.parse(stdout);
    const forms = routes.map(
      (r: { rule: string; envoyVersion: string; form: string; apis: string[]; translatedApis: string[] }) => [
        r.rule.slice(-6),
        r.envoyVersion,
        r.form,
        r.apis.join(),
        r.translatedApis.map((api) => api.split('/')[0]).join(),
      ],
    );
    expect(forms).to.deep.equal([
      ['rule/0', '1.35.0', '501', '', ''],
      ['rule/1', '1.35.0', '501', '', ''],
      ['rule/0', '1.40.0', 'native', 'openai', 'anthropic'],
      ['rule/1', '1.40.0', 'native', 'anthropic', 'openai'],
    ]);
    expect(findings.map((f: { code: string; scope: string }) => `${f.code} ${f.scope}`)).to.include(
      'HG0601 Envoy 1.35.0',
    );
    expect(findings[0].place.line).to.be.greaterThan(1);
    expect(code).to.equal(1);
  });

  it('shows the forms as a table on a terminal', async () => {
    const file = yamlFile(CHAT);
    const { stdout } = await headgate(['validate', '--color', 'never', file], { isTTY: true });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).to.match(/^GATEWAY +LISTENER +HOST +RULE +ENVOY 1\.40\.0$/);
    expect(lines[1]).to.match(
      /^default\/ai +http +\* +AIGatewayRoute\/default\/chat\/rule\/0 +native: openai; translated: anthropic/,
    );
    expect((await headgate(['validate', '-o', 'table', file])).stdout).to.equal(stdout);
  });

  it('calls a rule without a usable backend 500', async () => {
    const file = yamlFile(CHAT.replace('backendRefs: [{name: claude}]', 'backendRefs: [{name: missing}]'));
    const { stdout } = await headgate(['validate', '-o', 'json', file]);
    expect(JSON.parse(stdout).routes[1]).to.include({ form: '500' });
  });

  it('follows --strict, --ignore-unknown and --color', async () => {
    const file = yamlFile(CHAT.replace('spec: {gatewayClassName', 'spec: {nonsense: 1, gatewayClassName'));
    const unknown = await headgate(['validate', file]);
    expect(unknown.code).to.equal(1);
    expect(unknown.stdout).to.contain('HG0108');
    const strict = await headgate(['validate', '-o', 'json', '--strict', file]);
    expect(JSON.parse(strict.stdout).routes).to.deep.equal([]);
    const ignored = await headgate(['validate', '--ignore-unknown', '--color', 'always', file]);
    expect(ignored.code).to.equal(0);
    expect(ignored.stdout).to.contain('\u001b[33mwarning[HG0108]\u001b[39m');
  });
});
