/** Which Go modules carry the descriptors, and how they are fetched: `go mod download` alone, nothing is built. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A downloaded Go module. `sum` is the checksum that the Go checksum database vouches for. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  readonly sum: string;
  readonly dir: string;
}

const ENVOY = 'github.com/envoyproxy/go-control-plane/envoy';
/** Not required by the envoy module: the configuration the rate limit service takes over xDS. */
const RATELIMIT = {
  path: 'github.com/envoyproxy/go-control-plane/ratelimit',
  version: 'v0.1.1-0.20250812085011-4cf7e8485428',
};
/** Modules whose messages the Envoy API imports; their versions are those the envoy module itself requires. */
const IMPORTED = [
  'cel.dev/expr',
  'github.com/cncf/xds/go',
  'github.com/envoyproxy/protoc-gen-validate',
  'github.com/prometheus/client_model',
  'go.opentelemetry.io/proto/otlp',
  'google.golang.org/genproto/googleapis/api',
  'google.golang.org/genproto/googleapis/rpc',
  'google.golang.org/grpc',
  'google.golang.org/protobuf',
];

interface Download {
  readonly Path: string;
  readonly Version: string;
  readonly Sum: string;
  readonly Dir: string;
  readonly GoMod: string;
}

/** Downloads the modules of one release of the Envoy API; the first is the API itself. */
export function downloadModules(apiVersion: string): GoModule[] {
  const [api] = download([`${ENVOY}@${apiVersion}`]);
  if (api === undefined) throw new Error(`no module ${ENVOY}@${apiVersion}`);
  const required = readRequirements(api.GoMod);
  const wanted = IMPORTED.map((path) => {
    const version = required.get(path);
    if (version === undefined) throw new Error(`${ENVOY} does not require ${path}`);
    return `${path}@${version}`;
  });
  const others = download([...wanted, `${RATELIMIT.path}@${RATELIMIT.version}`]);
  return [api, ...others].map((m) => ({ path: m.Path, version: m.Version, sum: m.Sum, dir: m.Dir }));
}

function download(specs: readonly string[]): Download[] {
  const text = execFileSync('go', ['mod', 'download', '-json', ...specs], { encoding: 'utf8', cwd: '/' });
  // The output is one JSON object after another, each ending in a line that holds only the brace.
  const objects = text.split(/^\}$/m).filter((part) => part.trim() !== '');
  return objects.map((part) => JSON.parse(`${part}}`) as Download);
}

function readRequirements(goMod: string): Map<string, string> {
  const lines = readFileSync(goMod, 'utf8').matchAll(/^\s*(?:require\s+)?(\S+)\s+(v\S+)(?:\s+\/\/ indirect)?$/gm);
  return new Map([...lines].map((m) => [m[1] ?? '', m[2] ?? '']));
}
