import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { tempDir } from '../../support/index.ts';
import { aiRoute, CHAT, forModel, gateway, headgate, SECRET, yamlFile } from './cli.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into from the outside
type Dump = { configs: any[] };

async function translated(args: readonly string[]): Promise<Dump> {
  const { code, stdout, stderr } = await headgate(['translate', ...args]);
  expect(stderr).to.equal('');
  expect(code).to.equal(0);
  return JSON.parse(stdout);
}

function section(dump: Dump, name: string) {
  return dump.configs.find((config) => config['@type'] === `type.googleapis.com/envoy.admin.v3.${name}`);
}

describe('cli: translate', () => {
  it("has the shape of Envoy's config dump", async () => {
    const dump = await translated([yamlFile(CHAT)]);
    expect(dump.configs.map((config) => config['@type'].split('.').at(-1))).to.deep.equal([
      'BootstrapConfigDump',
      'ClustersConfigDump',
      'EcdsConfigDump',
      'EndpointsConfigDump',
      'ListenersConfigDump',
      'ScopedRoutesConfigDump',
      'RoutesConfigDump',
      'SecretsConfigDump',
    ]);
    expect(section(dump, 'BootstrapConfigDump').bootstrap.node.cluster).to.equal('default/ai');
    const clusters = section(dump, 'ClustersConfigDump').dynamic_active_clusters;
    expect(clusters.map((entry: { cluster: { name: string } }) => entry.cluster.name)).to.deep.equal([
      'AIServiceBackend/default/backup',
      'AIServiceBackend/default/claude',
      'AIServiceBackend/default/openai',
      'headgate_processor',
    ]);
    expect(clusters[0].cluster['@type']).to.equal('type.googleapis.com/envoy.config.cluster.v3.Cluster');
    expect(clusters[0].version_info).to.match(/^[0-9a-f]{16}$/);
    const [listener] = section(dump, 'ListenersConfigDump').dynamic_listeners;
    expect(listener.name).to.equal('Gateway/default/ai/port/8080');
    expect(listener.active_state.listener.address.socket_address.port_value).to.equal(8080);
    expect(section(dump, 'RoutesConfigDump').dynamic_route_configs[0].route_config.name).to.equal(listener.name);
    expect(section(dump, 'EndpointsConfigDump').dynamic_endpoint_configs).to.have.length(2);
  });

  it('masks secrets as Envoy does, unless told to show them', async () => {
    const file = yamlFile(CHAT);
    const secretOf = (dump: Dump) =>
      section(dump, 'SecretsConfigDump').dynamic_active_secrets.find(
        (entry: { name: string }) => entry.name === 'Secret/default/openai-key/apiKey',
      );
    const masked = secretOf(await translated([file]));
    expect(masked.secret.generic_secret).to.deep.equal({ secret: { inline_string: '[redacted]' } });
    const shown = secretOf(await translated(['--show-secrets', file]));
    expect(shown.secret.generic_secret).to.deep.equal({ secret: { inline_string: SECRET } });
    expect(shown.version_info).to.equal(masked.version_info);
  });

  it('gives the same bytes for any order of files and documents', async () => {
    const documents = CHAT.split('\n---\n');
    const folder = tempDir('cli');
    mkdirSync(join(folder, 'more'));
    writeFileSync(join(folder, 'b.yaml'), documents.slice(0, 4).reverse().join('\n---\n'));
    writeFileSync(join(folder, 'more', 'a.yml'), documents.slice(4).reverse().join('\n---\n'));
    const first = await headgate(['translate', yamlFile(CHAT)]);
    const second = await headgate(['translate', folder]);
    expect(second.stdout).to.equal(first.stdout);
  });

  it('prints a document for each gateway, and one of them for --gateway', async () => {
    const two = [
      CHAT,
      gateway('other', 8081),
      aiRoute('more', 'other', `[{${forModel('x')}, backendRefs: [{name: openai}]}]`),
    ];
    const file = yamlFile(two.join('\n---\n'));
    const { stdout } = await headgate(['translate', '-o', 'yaml', file]);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Dump);
    const clusters = documents.map((dump) => section(dump, 'BootstrapConfigDump').bootstrap.node.cluster);
    expect(clusters).to.deep.equal(['default/ai', 'default/other']);
    expect(await translated(['--gateway', 'default/other', file])).to.deep.equal(documents[1]);
    expect((await headgate(['translate', file])).stdout.split('\n}\n')).to.have.length(3);
  });

  it('prints the types asked for', async () => {
    const dump = await translated(['-t', 'secret', '-t', 'endpoint', yamlFile(CHAT)]);
    expect(dump.configs.slice(1).map((config) => config['@type'].split('.').at(-1))).to.deep.equal([
      'EndpointsConfigDump',
      'SecretsConfigDump',
    ]);
    const { stdout } = await headgate(['translate', '-t', 'cluster', '-o', 'table', yamlFile(CHAT)]);
    expect(stdout.split('\n')[1]).to.equal('default/ai  cluster  AIServiceBackend/default/backup');
    expect((await headgate(['translate', '-t', 'nonsense', yamlFile(CHAT)])).code).to.equal(2);
  });

  it('prints what is valid and exits 1 where an object is isolated', async () => {
    const file = yamlFile(CHAT.replace('backendRefs: [{name: claude}]', 'backendRefs: [{name: claud}]'));
    const { code, stdout, stderr } = await headgate(['translate', file]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('error[HG0103]');
    expect(section(JSON.parse(stdout), 'ListenersConfigDump').dynamic_listeners[0].name).to.contain('8080');
  });

  it('prints an error document where the input is refused', async () => {
    const strict = yamlFile(CHAT.replace('backendRefs: [{name: claude}]', 'backendRefs: [{name: claud}]'));
    for (const args of [[yamlFile('a: [')], ['--strict', strict], [yamlFile('')]]) {
      const { code, stdout, stderr } = await headgate(['translate', ...args]);
      expect(code).to.equal(1);
      expect(stderr).to.not.equal('');
      expect(JSON.parse(stdout).error.code).to.equal('invalid_input');
    }
  });

  it('follows the endpoint prefixes and the body limit', async () => {
    const args = ['--endpoint-prefixes', 'openai:/oai/,anthropic:/', '--max-request-body', '1Mi', yamlFile(CHAT)];
    const dump = await translated(args);
    expect(JSON.stringify(section(dump, 'RoutesConfigDump'))).to.contain('/oai/v1/chat/completions');
    const [host] = section(dump, 'RoutesConfigDump').dynamic_route_configs[0].route_config.virtual_hosts;
    expect(String(host.request_body_buffer_limit)).to.equal('1048576');
    for (const wrong of [
      ['--endpoint-prefixes', 'openai'],
      ['--max-request-body', '8Gi'],
    ]) {
      expect((await headgate(['translate', ...wrong, yamlFile(CHAT)])).code).to.equal(2);
    }
  });
});
