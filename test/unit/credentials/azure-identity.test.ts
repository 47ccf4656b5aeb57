/** Who the control plane is on Azure: machines, apps and workloads. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { arcToken } from '../../../src/credentials/azure-arc.ts';
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import { fetchToken } from '../../../src/credentials/fetch-token.ts';
import type { Token } from '../../../src/credentials/token.ts';
import type { TokenSource } from '../../../src/ir/index.ts';
import type { GatewayError } from '../../../src/lib/errors.ts';
import { APP, ARC_PATH, ASSIGNED } from '../../fakes/tokens/index.ts';
import { tempDir } from '../../support/index.ts';
import { contextOf, type Services, sourcesOf, startServices, textOf } from './rig.ts';

describe('credentials: identities of Azure', () => {
  let services: Services;
  before(async () => {
    services = await startServices();
  });
  beforeEach(() => services.reset());
  after(() => services?.stop());

  const SYSTEM: TokenSource = { kind: 'azure-managed' };
  const ask = (one: TokenSource, env: FetchContext['env'] = {}) =>
    fetchToken(one, contextOf({ ...services.env, ...env }));
  const refusal = async (one: TokenSource, env: FetchContext['env'] = {}): Promise<string> => {
    const error = await ask(one, env).catch((caught: GatewayError) => caught);
    if (!(error instanceof Error)) throw new Error('a token was given');
    return error.message;
  };
  const app = (): FetchContext['env'] => ({
    IDENTITY_ENDPOINT: `${services.azure.fake.url}${APP.path}`,
    IDENTITY_HEADER: APP.key,
  });

  it('are told apart by the ID of their client', async () => {
    for (const env of [{}, app()]) {
      await ask(SYSTEM, env);
      expect(services.azure.fake.last.path).not.to.include('client_id');
      await ask({ kind: 'azure-managed', clientId: ASSIGNED }, env);
      expect(services.azure.fake.last.path).to.include(`client_id=${ASSIGNED}`);
      expect(await refusal({ kind: 'azure-managed', clientId: 'other' }, env)).to.match(
        /answered 400 invalid_request$/,
      );
    }
  });

  it('are asked of the app where there is one, else of the machine, and last as long as these say', async () => {
    services.azure.issued.settings.lifetimeS = 1800;
    for (const [env, path] of [
      [{}, '/metadata/identity/oauth2/token'],
      [app(), APP.path],
    ] as const) {
      const token = await ask(SYSTEM, env);
      expect(services.azure.fake.last.pathname).to.equal(path);
      expect(textOf(token)).to.equal(services.azure.issued.tokens.at(-1));
      expect(token.expiresAtMs - Date.now()).to.be.closeTo(1_800_000, 10_000);
    }
  });

  it('are not given without the header of the app, whose value is not said', async () => {
    expect(await refusal(SYSTEM, { ...app(), IDENTITY_HEADER: 'wrong' })).to.match(/\/msi\/token answered 401$/);
    expect(await refusal(SYSTEM, { ...app(), IDENTITY_ENDPOINT: 'here' })).to.equal(
      'the environment of the control plane has an IDENTITY_ENDPOINT that is no address',
    );
  });

  it('are asked for the models of the cloud that the authority is of', async () => {
    const env = { AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/' };
    expect(await refusal(SYSTEM, env)).to.match(/answered 400 invalid_resource$/);
    expect(services.azure.fake.last.path).to.include(encodeURIComponent('https://cognitiveservices.azure.us'));
  });

  it('of Azure Arc are given to who can read a file of its agent, and no other file is read', async () => {
    const folder = tempDir('arc');
    const { arc, issued, fake } = services.azure;
    const context = contextOf(services.env);
    const asked = (): Promise<Token> =>
      arcToken(`${fake.url}${ARC_PATH}`, 'https://cognitiveservices.azure.com', context, folder);
    const says = async (): Promise<string> =>
      ((await asked().catch((caught: GatewayError) => caught)) as Error).message;
    arc.path = join(folder, '1.key');
    expect(await says()).to.equal('the key file of Azure Arc cannot be read: only its group himds may');
    writeFileSync(arc.path, `${arc.key}\n`);
    expect(textOf(await asked())).to.equal(issued.tokens.at(-1));
    writeFileSync(arc.path, 'x'.repeat(5000));
    expect(await says()).to.match(/^the key file of Azure Arc cannot be read/);
    const { length } = fake.requests;
    for (const path of ['/etc/passwd', join(folder, '1.txt'), join(folder, 'deep', '1.key'), `${folder}/../1.key`]) {
      arc.path = path;
      expect(await says(), path).to.match(/asks for a file of somebody else$/);
    }
    expect(fake.requests.slice(length).filter(({ headers }) => headers.authorization)).to.eql([]);
    fake.fault = () => ({ status: 200, body: '{"access_token":"t"}' });
    expect(await says()).to.match(/does not ask as the agent of Azure Arc does$/);
  });

  it('of Azure Arc are where its agent says, and none of them is user-assigned', async () => {
    const env = { IDENTITY_ENDPOINT: `${services.azure.fake.url}${ARC_PATH}`, IMDS_ENDPOINT: 'http://localhost:40342' };
    services.azure.arc.path = '/etc/passwd';
    expect(await refusal(SYSTEM, env)).to.match(/\/arc\/identity\/oauth2\/token asks for a file of somebody else$/);
    expect(await refusal({ kind: 'azure-managed', clientId: ASSIGNED }, env)).to.equal(
      'the environment of the control plane is that of Azure Arc, where no identity is user-assigned',
    );
  });

  it('of a workload are shown to Entra ID by the token of a file, as it is then', async () => {
    const workload = sourcesOf(services)['azure-workload'] as TokenSource;
    await ask(workload);
    const form = new URLSearchParams(services.entra.fake.last.body.toString());
    expect(form.get('client_assertion')).to.equal('id-token-of-a-workload');
    const says = 'the environment of the control plane has';
    expect(await refusal(workload, { AZURE_FEDERATED_TOKEN_FILE: '' })).to.equal(
      `${says} no AZURE_FEDERATED_TOKEN_FILE`,
    );
    expect(await refusal(workload, { AZURE_FEDERATED_TOKEN_FILE: '/none' })).to.equal(
      `${says} an AZURE_FEDERATED_TOKEN_FILE that cannot be read`,
    );
  });
});
