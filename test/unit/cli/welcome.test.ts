import { expect } from 'chai';
import { welcome } from '../../../src/cli/welcome.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { testCa } from '../../fakes/certs.ts';
import { aiRoute, CHAT, forModel, gateway, provider, yamlFile } from './cli.ts';

const CLASS = CHAT.slice(0, CHAT.indexOf('\n---\n'));
const FAKE = '{ip: {address: 192.0.2.1, port: 8000}}';

/** What `run` prints for the gateway of some documents. */
async function printed(...documents: string[]): Promise<string> {
  const read = await readSources([yamlFile([CLASS, ...documents].join('\n---\n'))], { env: {} });
  if (!read.ok) throw new Error('the source is refused');
  const [first] = translate(read.set, DEFAULT_POLICY_OPTIONS).ir.gateways;
  if (first === undefined) throw new Error('there is no gateway');
  return welcome(first);
}

describe('cli: the request that run prints', () => {
  it('asks for a model of the first route whose API can be served', async () => {
    const rules = `[{${forModel('far')}, backendRefs: [{name: bedrock}]}, {${forModel('near')}, backendRefs: [{name: openai}]}]`;
    const text = await printed(
      gateway('gw', 8080),
      aiRoute('r', 'gw', rules),
      provider('openai', 'OpenAI', FAKE),
      provider('bedrock', 'AWSBedrock', FAKE),
    );
    expect(text).to.equal(
      [
        'Gateway default/gw serves http://127.0.0.1:8080',
        '',
        'curl http://127.0.0.1:8080/v1/chat/completions \\',
        "  -H 'content-type: application/json' \\",
        `  -d '{"model":"near","messages":[{"role":"user","content":"Hello"}]}'`,
        '',
        '',
      ].join('\n'),
    );
  });

  it('speaks the API of the provider, whatever its name', async () => {
    const only = (schema: string) =>
      printed(
        gateway('gw', 8080),
        aiRoute('r', 'gw', `[{${forModel('m')}, backendRefs: [{name: a}]}]`),
        provider('a', schema, FAKE),
      );
    expect(await only('Anthropic'))
      .to.contain('8080/anthropic/v1/messages')
      .and.contain('anthropic-version');
    expect(await only('Cohere'))
      .to.contain('8080/cohere/v2/rerank')
      .and.contain('documents');
    expect(await only('AWSBedrock')).to.equal('Gateway default/gw serves http://127.0.0.1:8080\n');
  });

  it('takes a model that a pattern matches, and none where no known one does', async () => {
    const pattern = (value: string) =>
      printed(
        gateway('gw', 8080),
        aiRoute(
          'r',
          'gw',
          `[{matches: [{headers: [{type: RegularExpression, name: x-ai-eg-model, value: '${value}'}]}], backendRefs: [{name: a}]}]`,
        ),
        provider('a', 'OpenAI', FAKE),
      );
    expect(await pattern('gpt-.*')).to.contain('"model":"gpt-4o-mini"');
    expect(await pattern('mine-.*')).to.not.contain('curl');
  });

  it('sends what the route asks for, and quotes it for the shell', async () => {
    const matches = `matches: [{headers: [{name: x-ai-eg-model, value: "it's"}, {name: x-team, value: blue}]}]`;
    const text = await printed(
      gateway('gw', 8080),
      aiRoute('r', 'gw', `[{${matches}, backendRefs: [{name: a}]}]`).replace(
        'spec:',
        'spec:\n  hostnames: ["*.example.com"]',
      ),
      provider('a', 'OpenAI', FAKE),
    );
    expect(text).to.contain("-H 'host: www.example.com'").and.contain("-H 'x-team: blue'");
    expect(text).to.contain(`{"model":"it'\\''s",`);
  });

  it('names the host in the handshake where HTTPS listeners have one', async () => {
    const { cert, key } = await (await testCa()).issue('ai.example.com');
    const listener = (name: string, port: number, hostname: string) =>
      `{name: ${name}, protocol: HTTPS, port: ${port}, ${hostname} tls: {certificateRefs: [{name: cert}]}}`;
    const listeners = `[${listener('named', 8443, 'hostname: ai.example.com,')}, ${listener('any', 9443, '')}]`;
    const text = await printed(
      gateway('gw', 1).replace(/listeners: \[.*\]/, `listeners: ${listeners}`),
      `apiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: default}\ntype: kubernetes.io/tls\nstringData: ${JSON.stringify({ 'tls.crt': cert, 'tls.key': key })}`,
      aiRoute('r', 'gw', `[{${forModel('m')}, backendRefs: [{name: a}]}]`),
      provider('a', 'OpenAI', FAKE),
    );
    expect(text).to.contain('serves https://127.0.0.1:8443 (ai.example.com)\n');
    expect(text).to.contain(
      'curl -k --resolve ai.example.com:8443:127.0.0.1 https://ai.example.com:8443/v1/chat/completions',
    );
    expect(text).to.contain('serves https://127.0.0.1:9443\n').and.contain('curl -k https://127.0.0.1:9443/v1');
  });
});
