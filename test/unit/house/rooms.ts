import type { Import } from './source-files.ts';

const SERVICE = ['lib', 'ir', 'providers', 'envoy/schema', 'telemetry'];

/**
 * Which rooms a room may import, beside itself. `admin` shows what the others made and `cli` puts all of them together:
 * both may import anything, and nothing imports them, but `cli` `admin`.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  ir: ['lib'],
  resources: ['lib'],
  providers: ['lib', 'ir'],
  credentials: ['lib', 'ir', 'providers', 'telemetry'],
  sources: ['lib', 'resources'],
  policy: ['lib', 'resources', 'ir', 'providers'],
  'envoy/schema': ['lib'],
  envoy: ['lib', 'ir', 'providers', 'envoy/schema'],
  xds: ['lib', 'envoy/schema', 'telemetry'],
  telemetry: ['lib', 'envoy/schema'],
  processor: SERVICE,
  ratelimit: SERVICE,
  picker: SERVICE,
  mcp: SERVICE,
  local: ['lib', 'telemetry'],
};

/** Packages that are large or need not be there: imported when they are needed, each in one file. */
const LAZY_PACKAGES = [
  /^@kubernetes\//,
  /^(io)?redis$/,
  /^google-auth-library$/,
  /^@aws-sdk\//,
  /^@azure\//,
  /tiktoken/,
];

/** The room of a file of src: `lib`, `envoy/schema`. */
export function roomOf(path: string): string {
  const [, room = '', second] = path.split('/');
  return room === 'envoy' && second === 'schema' ? 'envoy/schema' : room;
}

/** Why an import is not allowed; `undefined` when it is. */
export function objectionTo({ from, target, isLocal, isLazy }: Import): string | undefined {
  if (!isLocal) {
    const isHeavy = LAZY_PACKAGES.some((pattern) => pattern.test(target));
    return isHeavy && !isLazy ? `${from} imports ${target} before it is needed` : undefined;
  }
  if (!target.startsWith('src/')) return `${from} imports ${target}, which is outside src`;
  const [own, other] = [roomOf(from), roomOf(target)];
  if (own === other) return undefined;
  if (other === 'cli' || (other === 'admin' && own !== 'cli')) return `${from} imports ${target}: nothing may`;
  if (other === 'providers' && /\/translate-[^/]*$/.test(target) && own !== 'processor') {
    return `${from} imports ${target}, which is for the processor alone`;
  }
  if (own === 'cli' || own === 'admin') return undefined;
  const allowed = ALLOWED[own];
  if (allowed === undefined) return `${from} is in a room that rooms.ts does not know`;
  return allowed.includes(other) ? undefined : `${from} imports ${target}: ${own} may not import ${other}`;
}
