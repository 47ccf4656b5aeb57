import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { tempDir } from '../../support/index.ts';

/** What a command left behind. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly isTTY?: boolean;
}

/** Runs one command line inside of this process. */
export async function headgate(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  // Imported as the commands import what they need: mocha's own way would load a second copy of each module.
  const { runCli } = await import('../../../src/cli/program.ts');
  let code = 0;
  let stdout = '';
  let stderr = '';
  await runCli(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    stdin: Readable.from([options.stdin ?? '']),
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    isTTY: options.isTTY ?? false,
    isErrorTTY: false,
    setExitCode: (value) => {
      code = value;
    },
  });
  return { code, stdout, stderr };
}

/** Writes a file into a new folder and gives its path. */
export function yamlFile(text: string, name = 'config.yaml'): string {
  const path = join(tempDir('cli'), name);
  writeFileSync(path, text);
  return path;
}

/** Stands in configurations as the key of a provider, and must stand in no output. */
export const SECRET = 'sk-test-3f9c1b7d5e2a8046';

const object = (apiVersion: string, kind: string, name: string, spec: string): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: default}\n${spec}`;

const AI = 'aigateway.envoyproxy.io/v1beta1';

/** A provider: an AIServiceBackend with its Backend. */
export function provider(name: string, schema: string, endpoint: string): string {
  return [
    object(
      AI,
      'AIServiceBackend',
      name,
      `spec: {schema: {name: ${schema}}, backendRef: {name: ${name}, kind: Backend, group: gateway.envoyproxy.io}}`,
    ),
    object('gateway.envoyproxy.io/v1alpha1', 'Backend', name, `spec: {endpoints: [${endpoint}]}`),
  ].join('\n---\n');
}

export function gateway(name: string, port: number): string {
  return object(
    'gateway.networking.k8s.io/v1',
    'Gateway',
    name,
    `spec: {gatewayClassName: headgate, listeners: [{name: http, protocol: HTTP, port: ${port}}]}`,
  );
}

/** An AIGatewayRoute; `rules` is a YAML list in flow style. */
export function aiRoute(name: string, parent: string, rules: string): string {
  return object(AI, 'AIGatewayRoute', name, `spec:\n  parentRefs: [{name: ${parent}}]\n  rules: ${rules}`);
}

/** `matches` of a rule for one model. */
export function forModel(model: string): string {
  return `matches: [{headers: [{name: x-ai-eg-model, value: ${model}}]}]`;
}

const CLASS = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: headgate}
spec: {controllerName: headgate.dev/gateway-controller}`;

const CREDENTIAL = [
  object(
    AI,
    'BackendSecurityPolicy',
    'openai',
    `spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: openai}]
  type: APIKey
  apiKey: {secretRef: {name: openai-key}}`,
  ),
  object('v1', 'Secret', 'openai-key', `stringData: {apiKey: ${SECRET}}`),
].join('\n---\n');

const TLS = object(
  'gateway.networking.k8s.io/v1',
  'BackendTLSPolicy',
  'openai',
  `spec:
  targetRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: openai}]
  validation: {hostname: api.openai.test, wellKnownCACertificates: System}`,
);

/** One gateway, two models: one with failover, one at a provider that speaks another API. */
export const CHAT = [
  CLASS,
  gateway('ai', 8080),
  aiRoute(
    'chat',
    'ai',
    `
    - {${forModel('gpt')}, backendRefs: [{name: openai}, {name: backup, priority: 1, modelNameOverride: gpt-small}]}
    - {${forModel('claude')}, backendRefs: [{name: claude}]}
  llmRequestCosts: [{metadataKey: spent, type: TotalToken}]`,
  ),
  provider('openai', 'OpenAI', '{fqdn: {hostname: api.openai.test, port: 443}}'),
  provider('backup', 'OpenAI', '{ip: {address: 192.0.2.1, port: 8000}}'),
  provider('claude', 'Anthropic', '{ip: {address: 192.0.2.2, port: 8000}}'),
  CREDENTIAL,
  TLS,
].join('\n---\n');
