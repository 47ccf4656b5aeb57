import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { checkConstraints, encodeMessage } from '../../../src/envoy/schema/index.ts';
import { tempDir } from '../../support/index.ts';
import { CHAT, headgate, SECRET, yamlFile } from './cli.ts';

const BOOTSTRAP = 'envoy.config.bootstrap.v3.Bootstrap';
const SECRET_TYPE = 'envoy.extensions.transport_sockets.tls.v3.Secret';

describe('cli: bootstrap', () => {
  async function bootstrap(...args: string[]) {
    const { code, stdout, stderr } = await headgate(['bootstrap', '--gateway', 'infra/edge', ...args]);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const value = parse(stdout);
    encodeMessage(BOOTSTRAP, value);
    expect(checkConstraints(BOOTSTRAP, value)).to.deep.equal([]);
    return value;
  }

  it('belongs to its Gateway and gets all else over delta ADS', async () => {
    const { node, dynamic_resources, static_resources, admin } = await bootstrap();
    expect(node).to.deep.equal({
      id: 'infra.edge',
      cluster: 'infra/edge',
      metadata: { 'headgate.dev/runtime': 'static' },
    });
    expect(dynamic_resources.ads_config).to.include({
      api_type: 'DELTA_GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
    });
    expect(dynamic_resources.cds_config).to.deep.equal({ ads: {}, resource_api_version: 'V3' });
    const [cluster] = static_resources.clusters;
    expect(dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name).to.equal(cluster.name);
    expect(cluster.type).to.equal('STATIC');
    expect(cluster).to.not.have.property('transport_socket');
    expect(admin).to.equal(undefined);
  });

  it('follows its flags', async () => {
    const args = ['--sotw', '--xds', 'cp.infra:18443', '--node-id', 'edge-1', '--admin-port', '9901', '-o', 'json'];
    const tls = ['--tls-ca', '/ca.pem', '--tls-cert', '/c.pem', '--tls-key', '/k.pem'];
    const { node, dynamic_resources, static_resources, admin } = await bootstrap(...args, ...tls);
    expect(node.id).to.equal('edge-1');
    expect(dynamic_resources.ads_config.api_type).to.equal('GRPC');
    expect(admin.address.socket_address).to.deep.equal({ address: '127.0.0.1', port_value: 9901 });
    const [cluster] = static_resources.clusters;
    expect(cluster.type).to.equal('STRICT_DNS');
    expect(cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address).to.deep.equal({
      address: 'cp.infra',
      port_value: 18443,
    });
    const { sni, common_tls_context } = cluster.transport_socket.typed_config;
    expect(sni).to.equal('cp.infra');
    expect(common_tls_context.validation_context.trusted_ca).to.deep.equal({ filename: '/ca.pem' });
    expect(common_tls_context.validation_context.match_typed_subject_alt_names[0].matcher).to.deep.equal({
      exact: 'cp.infra',
    });
    expect(common_tls_context.tls_certificates[0].private_key).to.deep.equal({ filename: '/k.pem' });
  });

  it('reaches files of TLS by secrets where it is to take new ones over, and writes these', async () => {
    const folder = join(tempDir('bootstrap'), 'secrets');
    const tls = ['--tls-ca', '/ca.pem', '--tls-cert', '/c.pem', '--tls-key', '/k.pem', '--tls-secrets', folder];
    const { static_resources } = await bootstrap(...tls);
    const { common_tls_context: context } = static_resources.clusters[0].transport_socket.typed_config;
    const [certificate] = context.tls_certificate_sds_secret_configs;
    const authorities = context.combined_validation_context.validation_context_sds_secret_config;
    const written = [certificate, authorities].map(({ name, sds_config }) => {
      const { resources } = JSON.parse(readFileSync(sds_config.path_config_source.path, 'utf8'));
      const { '@type': type, ...secret } = resources[0];
      expect([type, secret.name, resources.length]).to.deep.equal([`type.googleapis.com/${SECRET_TYPE}`, name, 1]);
      encodeMessage(SECRET_TYPE, secret);
      return secret;
    });
    expect(written[0].tls_certificate.private_key).to.deep.equal({ filename: '/k.pem' });
    expect(written[1].validation_context.trusted_ca).to.deep.equal({ filename: '/ca.pem' });
    const unwritable = ['bootstrap', '--gateway', 'a/b', '--tls-ca', '/ca.pem', '--tls-secrets', '/dev/null/x'];
    expect(await headgate(unwritable)).to.include({ code: 1 });
  });

  it('refuses flags that do not fit', async () => {
    const wrong = [
      [],
      ['--gateway', 'a/b', '--tls-secrets', '/run/x'],
      ['--gateway', 'edge'],
      ['--gateway', 'a/b', '--sotw', '--delta'],
      ['--gateway', 'a/b', '--tls-cert', '/c.pem'],
      ['--gateway', 'a/b', '--tls-cert', '/c.pem', '--tls-key', '/k.pem'],
      ['--gateway', 'a/b', '--xds', 'nonsense'],
      ['--gateway', 'a/b', '--admin-port', '99999'],
    ];
    for (const args of wrong) {
      const { code, stdout } = await headgate(['bootstrap', ...args]);
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 2, stdout: '' });
    }
  });
});

describe('cli: crds and version', () => {
  it('prints the kinds that are ours', async () => {
    const { code, stdout } = await headgate(['crds']);
    expect(code).to.equal(0);
    const names = parseAllDocuments(stdout).map((document) => document.toJS().metadata.name);
    expect(names).to.include('aigatewayroutes.aigateway.envoyproxy.io');
    expect(new Set(names).size).to.equal(names.length);
  });

  it('prints versions', async () => {
    const { stdout } = await headgate(['version', '-o', 'json']);
    const versions = JSON.parse(stdout);
    expect(versions).to.include({ node: process.version, newestEnvoy: '1.40.0' });
    expect((await headgate(['version'])).stdout).to.contain(`headgate ${versions.headgate}\n`);
    expect((await headgate(['--version'])).stdout).to.equal(`${versions.headgate}\n`);
  });
});

describe('cli: all commands', () => {
  it('exit 2 with a hint on wrong usage', async () => {
    for (const args of [['nonsense'], ['validate'], ['validate', '--nonsense'], ['translate', '-o', 'xml', 'x'], []]) {
      const { code, stdout, stderr } = await headgate(args);
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(/--help|Usage/);
    }
    expect((await headgate(['validat', 'x'])).stderr).to.contain('Did you mean validate?');
  });

  it('print help with examples to standard output', async () => {
    for (const name of ['validate', 'translate', 'diff', 'explain', 'bootstrap', 'crds', 'run', 'serve']) {
      const { code, stdout } = await headgate([name, '--help']);
      expect(code).to.equal(0);
      expect(stdout).to.match(new RegExp(`Examples?:\\n  .*headgate ${name}`));
    }
  });

  it('take paths from the working directory of the caller', async () => {
    const path = yamlFile(CHAT);
    const [, folder = '', name = ''] = /^(.*)\/(.*)$/.exec(path) ?? [];
    const { code } = await headgate(['validate', name], { cwd: folder });
    expect(code).to.equal(0);
  });

  it('say which variable of a source is not set', async () => {
    const file = yamlFile(CHAT.replace(SECRET, '"${OPENAI_KEY}"'));
    expect((await headgate(['validate', file])).stdout).to.match(/:\d+:\d+: error\[HG0104\].*OPENAI_KEY/);
    expect((await headgate(['validate', file], { env: { OPENAI_KEY: SECRET } })).code).to.equal(0);
  });

  it('never print a secret', async () => {
    const file = yamlFile(CHAT);
    const broken = yamlFile(CHAT.replace('type: APIKey', 'type: Nonsense').replace('name: claude}]', 'name: claud}]'));
    const client = 'sk-client-77aa55cc33ee1199';
    const request = ['-H', `authorization: Bearer ${client}`, '--model', 'gpt', '/v1/chat/completions'];
    for (const source of [file, broken]) {
      for (const output of ['table', 'json', 'yaml']) {
        for (const args of [
          ['validate', '-o', output, source],
          ['translate', '-o', output, source],
          ['diff', '-o', output, broken, source],
          ['explain', '-o', output, source, ...request],
        ]) {
          const { code, stdout, stderr } = await headgate(['--log-level', 'debug', ...args]);
          expect(code, stderr).to.be.lessThan(3);
          expect(`${stdout}${stderr}`, args.join(' ')).to.not.contain(SECRET).and.not.contain(client);
        }
      }
    }
  });
});
