/** Golden inputs of the compiler: from YAML to the text of golden files, and to what an Envoy is asked to accept. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { configDump } from '../../src/envoy/config-dump.ts';
import {
  type CompileOptions,
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
  type EnvoyResource,
  NEWEST_ENVOY,
  type ResourceType,
} from '../../src/envoy/index.ts';
import type { Ir, SecretValue, SecretValues } from '../../src/ir/index.ts';
import { canonicalJson } from '../../src/lib/hash.ts';
import { type Finding, formatFinding } from '../../src/lib/findings.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../src/policy/index.ts';
import type { ObjectSet } from '../../src/resources/index.ts';
import { objectsFromEnvironment, readSources } from '../../src/sources/index.ts';

export const GOLDEN_FOLDER = 'test/golden/envoy';
const IN = '.in.yaml';

/** The variables that golden inputs may name. */
export const GOLDEN_ENV = {
  OPENAI_API_KEY: 'sk-golden-openai',
  OPENAI_BASE_URL: 'https://llm.example.com/openai/v1',
  OPENAI_ORG_ID: 'org-golden',
  ANTHROPIC_API_KEY: 'sk-golden-anthropic',
};

/** What the environment alone gives: the input of the golden `environment`, which a test holds to it. */
export function environmentInput(): string {
  const yaml = objectsFromEnvironment(GOLDEN_ENV);
  if (yaml === undefined) throw new Error('no provider in the environment');
  return yaml;
}

/** Inputs that are compiled for older Envoys too; all are for the newest. */
const OLDER_ENVOYS: Readonly<Record<string, readonly string[]>> = {
  quickstart: ['1.36.4', '1.38.3'],
  failover: ['1.36.4', '1.38.3'],
  'http-route': ['1.38.3'],
  'plain-and-ai': ['1.38.3'],
  'needs-translation': ['1.36.4', '1.39.3'],
  mutations: ['1.38.3'],
  'credential-override': ['1.36.4'],
  'key-pool': ['1.36.4'],
  mirror: ['1.36.4'],
  limits: ['1.36.4', '1.38.3'],
};

export function versionsOf(name: string): string[] {
  return [NEWEST_ENVOY, ...(OLDER_ENVOYS[name] ?? [])];
}

/** Names of the golden inputs of a folder. */
export function goldenNames(folder = GOLDEN_FOLDER): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(IN));
  return files.map((file) => file.slice(0, -IN.length)).sort();
}

export interface GoldenInput {
  readonly ir: Ir;
  readonly secrets: SecretValues;
}

/** As if all tokens had been fetched. */
export async function readGolden(name: string, folder = GOLDEN_FOLDER): Promise<GoldenInput> {
  const { ir, secrets, tokenSources } = translate(await readGoldenObjects(name, folder), DEFAULT_POLICY_OPTIONS);
  const tokens = [...tokenSources].map(([secret, { kind }]): [string, SecretValue] =>
    kind.startsWith('aws')
      ? [secret, { kind: 'aws', accessKeyId: 'ASIAGOLDEN', secretAccessKey: 'golden', sessionToken: 'golden' }]
      : [secret, { kind: 'generic', value: 'golden-token' }],
  );
  return { ir, secrets: new Map([...secrets, ...tokens]) };
}

/** Errors: throws with the findings of an input that is refused. */
export async function readGoldenObjects(name: string, folder = GOLDEN_FOLDER): Promise<ObjectSet> {
  const path = `${folder}/${name}${IN}`;
  if (!existsSync(path)) throw new Error(`no golden input ${path}`);
  const read = await readSources([path], { env: GOLDEN_ENV });
  if (!read.ok) throw new Error(`${path} is refused: ${read.findings.map(formatFinding).join('\n')}`);
  return read.set;
}

export interface CompiledGolden {
  readonly gateway: string;
  readonly resources: readonly EnvoyResource[];
  readonly findings: readonly Finding[];
}

/** With a rate limit service, so that limits are enforced. */
export const GOLDEN_OPTIONS: CompileOptions = {
  ...DEFAULT_COMPILE_OPTIONS,
  rateLimit: { host: '127.0.0.1', port: 8081 },
};

/** Compiles each gateway of an input for one version of Envoy. */
export function compileGolden(
  input: GoldenInput,
  version: string,
  options: CompileOptions = GOLDEN_OPTIONS,
): CompiledGolden[] {
  return input.ir.gateways.map((gateway) => ({
    gateway: gateway.key,
    ...compileGateway(gateway, input.secrets, capabilitiesOf(version), options),
  }));
}

const KINDS: Readonly<Record<string, ResourceType>> = {
  listeners: 'listener',
  routes: 'route',
  clusters: 'cluster',
  endpoints: 'endpoints',
  secrets: 'secret',
  extensions: 'extension',
};

/** Golden files by name; a kind of which there is none has no file. Findings open the file of the routes. */
export async function renderGolden(name: string): Promise<Map<string, string>> {
  const input = await readGolden(name);
  const files = new Map<string, string>();
  for (const version of versionsOf(name)) {
    const gateways = compileGolden(input, version);
    for (const [kind, type] of Object.entries(KINDS)) {
      const shown = gateways.map(({ gateway, resources }) => [gateway, shownResources(resources, type)] as const);
      if (shown.every(([, list]) => list.length === 0)) continue;
      const notes = kind === 'routes' ? gateways.flatMap(({ findings }) => findings).map(formatFinding) : [];
      const text = stringify(JSON.parse(canonicalJson(Object.fromEntries(shown))), {
        aliasDuplicateObjects: false,
        lineWidth: 0,
      });
      files.set(`${name}.${version}.${kind}.yaml`, notes.map((note) => `# ${note}\n`).join('') + text);
    }
  }
  return files;
}

/** The script is long and has tests of its own. */
const SCRIPT = readFileSync('src/envoy/lua/gateway.lua', 'utf8');
const OWN_KEYS_SCRIPT = readFileSync('src/envoy/lua/sign.lua', 'utf8');

function shownResources(resources: readonly EnvoyResource[], type: ResourceType): unknown[] {
  if (type === 'secret') return masked(resources, 'secret', 'dynamic_active_secrets', 'secret');
  if (type === 'extension') return masked(resources, 'extension', 'ecds_filters', 'ecds_filter');
  const messages = resources.filter((resource) => resource.type === type).map(({ message }) => message);
  return JSON.parse(canonicalJson(messages), legible) as unknown[];
}

function legible(key: string, value: unknown): unknown {
  if (value === SCRIPT) return '<gateway.lua>';
  if (value === OWN_KEYS_SCRIPT) return '<sign.lua>';
  if (typeof value === 'string' && value.startsWith(SCRIPT)) return olderScriptName(value);
  // Facts travel as text.
  return key === 'facts' && typeof value === 'string' ? JSON.parse(value) : value;
}

function olderScriptName(text: string): string {
  const role = ['listener', 'attempt', 'translated', 'mirror'].find((one) => text.endsWith(readFileSync(`src/envoy/older/${one}.lua`, 'utf8')));
  return role === undefined ? text : `<gateway.lua and older/${role}.lua>`;
}

/** As the admin API shows them. */
function masked(resources: readonly EnvoyResource[], type: ResourceType, list: string, field: string): unknown[] {
  const [section] = configDump(resources, { types: [type] }).configs;
  const entries = (section?.[list] ?? []) as readonly Readonly<Record<string, unknown>>[];
  return entries.map((entry) => entry[field]);
}
