/** Every kind of secret through the whole control plane: nothing that can be asked of it shows one. */
import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type RunningServer, startServer } from '../../src/cli/server.ts';
import { configDump } from '../../src/envoy/config-dump.ts';
import { decodeMessage } from '../../src/envoy/schema/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../src/policy/index.ts';
import { createStaticSource, readSources } from '../../src/sources/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { type Clouds, startClouds } from '../envoy/credentials/clouds-rig.ts';
import { gatewayYaml, object } from '../envoy/support/objects.ts';
import { testCa } from '../fakes/index.ts';
import { freePort, request } from '../support/index.ts';
import { headgate } from '../unit/cli/cli.ts';
import { connect, type RawClient, type Received } from './client.ts';
import { TYPE } from './fixture.ts';

/** As an Envoy that can do everything. */
const NODE = {
  id: 'n',
  cluster: 'default/gw',
  user_agent_name: 'envoy',
  user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
  extensions: [
    ...['lua', 'credential_injector', 'aws_request_signing', 'ext_proc', 'router', 'ratelimit'].map(
      (name) => `envoy.filters.http.${name}`,
    ),
    'envoy.router.cluster_specifier_plugin.priority_group',
    'envoy.bootstrap.internal_listener',
    'envoy.network.dns_resolver.getaddrinfo',
    'envoy.transport_sockets.http_11_proxy',
  ].map((name) => ({ name })),
};

const CSDS = '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus';
const Generic = makeGenericClientConstructor({}, 'csds');
const pass = (bytes: Buffer): Buffer => bytes;

/** What every client may be told, in any spelling that a JSON text has for it. */
const spelled = (secret: string): string => JSON.stringify(secret).slice(1, -1);

describe('secrets, asked for at every address of the control plane', function () {
  this.timeout(60_000);
  const lines: string[] = [];
  const env = { ...process.env };
  let clouds: Clouds;
  let server: RunningServer;
  let client: RawClient;
  /** Of each kind, by what it is. */
  let secrets: Record<string, string>;

  before(async () => {
    clouds = await startClouds();
    Object.assign(process.env, clouds.env);
    const site = await (await testCa()).issue('site.test');
    const names = Object.keys(clouds.backends);
    const yaml = gatewayYaml({
      port: await freePort(),
      backends: clouds.backends,
      models: Object.fromEntries(names.map((name) => [name, { refs: [name] }])),
      extra: [
        ...clouds.secrets,
        object('v1', 'Secret', 'site', {
          type: 'kubernetes.io/tls',
          stringData: { 'tls.crt': site.cert, 'tls.key': site.key },
        }),
      ],
    });
    const https = {
      name: 'https',
      protocol: 'HTTPS',
      port: await freePort(),
      tls: { certificateRefs: [{ name: 'site' }] },
    };
    const withTls = yaml.replace('"listeners":[', `"listeners":[${JSON.stringify(https)},`);
    const result = await readSources(['-'], { env: clouds.env, stdin: async () => withTls });
    if (!result.ok) throw new Error(JSON.stringify(result.findings));
    server = await startServer({
      source: createStaticSource(result.set),
      logger: createLogger({ level: 'debug', format: 'json', write: (line) => lines.push(line) }),
      xdsAddress: { host: '127.0.0.1', port: 0 },
      adminAddress: { host: '127.0.0.1', port: 0 },
      policy: DEFAULT_POLICY_OPTIONS,
      sentinelPort: await freePort(),
      allowMassRemoval: false,
      strict: false,
      security: { close: () => undefined },
    });
    client = connect({ port: server.xds.port, variant: 'delta', node: NODE });
    const { sts, entra, google } = clouds.services;
    secrets = {
      'API key': 'sk-openai',
      'API key of Azure': 'azure-key',
      'token of Azure': entra.issued.tokens[0] ?? '',
      'token of Google': google.issued.tokens[0] ?? '',
      'AWS secret key': 'file/secret+example',
      'AWS secret key of a role': sts.sessions[0]?.secretAccessKey ?? '',
      'AWS session token': sts.sessions[0]?.sessionToken ?? '',
      'TLS key': site.key.split('\n')[3] ?? '',
    };
  });
  after(async () => {
    client?.close();
    await server?.close(0);
    await clouds?.stop();
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, env);
  });

  /** Answers in the way of a proxy that rejects what holds secrets, and says them back, until that has come to rest. */
  async function refuseSecrets(): Promise<void> {
    const names = (type: string): string[] =>
      (server.controlPlane.view('default/gw')?.resources ?? [])
        .filter((resource) => resource.type === type)
        .map(({ name }) => name);
    client.ask({ typeUrl: TYPE.secret, subscribe: names('secret') });
    client.ask({ typeUrl: TYPE.extension, subscribe: names('extension') });
    client.ask({ typeUrl: TYPE.cluster });
    client.ask({ typeUrl: TYPE.listener });
    for (;;) {
      const answer: Received | undefined = await client.next(300).catch(() => undefined);
      if (answer === undefined) {
        if (server.controlPlane.status().withheld.length > 0) return;
        continue;
      }
      const holds = answer.typeUrl === TYPE.secret || answer.typeUrl === TYPE.extension;
      const all = Object.values(secrets).filter((secret) => answer.raw.includes(secret));
      if (holds)
        client.nack(answer, `${answer.resources[0]?.[0]}: cannot use ${all.map((one) => `"${one}", ${one}`)} here`);
      else client.ack(answer);
    }
  }

  async function csds(): Promise<string> {
    const status = new Generic(`127.0.0.1:${server.xds.port}`, credentials.createInsecure());
    try {
      const bytes = await new Promise<Buffer>((resolve, reject) => {
        const done = (error: ServiceError | null, value?: Buffer) => (value ? resolve(value) : reject(error));
        status.makeUnaryRequest(CSDS, pass, pass, Buffer.alloc(0), done);
      });
      return JSON.stringify(decodeMessage('envoy.service.status.v3.ClientStatusResponse', bytes));
    } finally {
      status.close();
    }
  }

  it('are shown nowhere, and the refusals that quote them are', async () => {
    const view = server.controlPlane.view('default/gw');
    const unmasked = JSON.stringify(configDump(view?.resources ?? [], { showSecrets: true }));
    for (const [kind, secret] of Object.entries(secrets)) {
      expect(unmasked, `${kind} is served`)
        .to.include(spelled(secret))
        .and.satisfy(() => secret.length > 4);
    }
    await refuseSecrets();
    const ask = async (path: string): Promise<string> => {
      const { status, text } = await request({ port: server.admin.port, path });
      expect(status, path).to.equal(200);
      return text;
    };
    const address = `127.0.0.1:${server.admin.port}`;
    const shown: Record<string, string> = { CSDS: await csds(), 'the log': lines.join('') };
    for (const path of [
      '/config_dump?node=n&include_eds',
      '/config_dump?node=n&resource=dynamic_active_secrets',
      '/config_dump?node=n&resource=dynamic_active_secrets&mask=secret,error_state',
      '/config_dump?node=n&mask=ecds_filters',
      '/config_dump?gateway=default/gw&include_eds',
      '/api/status',
      '/metrics',
      '/readyz?verbose',
    ]) {
      shown[path] = await ask(path);
    }
    for (const args of [
      ['dump', '--node', 'n'],
      ['dump', '--gateway', 'default/gw', '-o', 'yaml'],
      ['status', '-o', 'table'],
      ['status', '-o', 'json'],
    ]) {
      const { code, stdout, stderr } = await headgate([...args, '--server', address]);
      expect(code, stderr).to.equal(0);
      shown[args.join(' ')] = stdout + stderr;
    }
    for (const [where, text] of Object.entries(shown)) {
      expect(text, where).to.not.equal('');
      for (const [kind, secret] of Object.entries(secrets)) {
        const bytes = Buffer.from(secret).toString('base64').slice(0, 12);
        expect(text.includes(spelled(secret)) || text.includes(bytes), `${kind} in ${where}`).to.equal(false);
      }
    }
    for (const where of ['CSDS', 'the log', '/config_dump?node=n&include_eds', '/api/status']) {
      expect(shown[where], where).to.include('cannot use');
    }
    expect(shown['/config_dump?node=n&include_eds']).to.include('failed_configuration').and.include('[redacted]');
  });
});
