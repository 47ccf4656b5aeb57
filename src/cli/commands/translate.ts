import { type Command, InvalidArgumentError } from 'commander';
import type { EnvoyResource, ResourceType } from '../../envoy/index.ts';
import { sortFindings } from '../../lib/findings.ts';
import type { CliIo } from '../io.ts';
import { formatTable, type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import {
  addPolicyOptions,
  addSourceOptions,
  type PolicyFlags,
  type SourceFlags,
  sourcePaths,
} from '../source-options.ts';
import { parseEnvoyVersion } from './validate.ts';

interface TranslateFlags extends SourceFlags, PolicyFlags {
  readonly output: OutputFormat;
  readonly envoyVersion?: string;
  readonly gateway?: string;
  readonly type?: readonly ResourceType[];
  readonly showSecrets?: boolean;
}

const TYPES = {
  cluster: 'cluster',
  listener: 'listener',
  route: 'route',
  secret: 'secret',
  extension: 'extension',
  endpoint: 'endpoints',
} as const satisfies Record<string, ResourceType>;

const EXAMPLES = `
Prints one document for each Gateway, in the shape of Envoy's own /config_dump (which gateway: the node of its bootstrap
section). Objects with errors are isolated as the server would do it: their findings go to standard error, and the
command exits 1 after printing. Input that the server would refuse gives {"error": ...} instead.

Examples:
  headgate translate config/ | jq '.configs[] | .dynamic_active_clusters[]?.cluster.name'
  headgate translate config/ --gateway default/ai -t route -o yaml
  headgate translate config/ -o table`;

export function registerTranslate(program: Command, io: CliIo): void {
  const command = program.command('translate').description('Print the compiled configuration (xDS) of every Gateway');
  addPolicyOptions(addSourceOptions(command))
    .addOption(outputOption(['table', 'json', 'yaml'], 'json'))
    .option('-t, --type <type>', `only resources of this type: ${Object.keys(TYPES).join(', ')}; repeatable`, parseType)
    .option('--gateway <namespace/name>', 'only this Gateway')
    .option('--envoy-version <version>', 'Envoy to compile for (default: the newest known)', parseEnvoyVersion)
    .option('--show-secrets', 'print credentials and private keys instead of [redacted]')
    .addHelpText('after', EXAMPLES)
    .action((sources: string[], _flags: unknown, self: Command) =>
      runTranslate(sources, self.optsWithGlobals<TranslateFlags>(), io),
    );
}

function parseType(text: string, previous: readonly ResourceType[] | undefined): ResourceType[] {
  const type = new Map<string, ResourceType>(Object.entries(TYPES)).get(text);
  if (type === undefined) throw new InvalidArgumentError(`Allowed are ${Object.keys(TYPES).join(', ')}.`);
  return [...(previous ?? []), type];
}

async function runTranslate(sources: readonly string[], flags: TranslateFlags, io: CliIo): Promise<void> {
  const paths = sourcePaths(sources, flags, io);
  const { chooseGateways, compileFor, loadRevision, printFindings, refuse } = await import('../pipeline.ts');
  const loaded = await loadRevision(paths, flags, io);
  if (!loaded.ok) return refuse(io, flags.output, loaded.findings);
  const { NEWEST_ENVOY } = await import('../../envoy/index.ts');
  const { withPlaces } = await import('../finding-places.ts');
  const compiled = chooseGateways(loaded.revision, flags.gateway).map((gateway) => ({
    gateway: gateway.key,
    ...compileFor(loaded.revision, gateway, flags.envoyVersion ?? NEWEST_ENVOY),
  }));
  const all = [...loaded.revision.findings, ...compiled.flatMap(({ findings }) => findings)];
  const findings = sortFindings(withPlaces(all, loaded.set.objects));
  printFindings(io, findings);
  const { configDump } = await import('../../envoy/config-dump.ts');
  const dumps = compiled.map(({ gateway, resources }) =>
    configDump(resources, {
      gateway,
      showSecrets: flags.showSecrets === true,
      ...(flags.type && { types: flags.type }),
    }),
  );
  if (flags.output === 'table') io.stdout.write(resourceTable(compiled, flags.type));
  else await writeDocuments(io, flags.output, dumps);
  if (findings.some(({ level }) => level === 'error')) io.setExitCode(1);
}

function resourceTable(
  compiled: readonly { readonly gateway: string; readonly resources: readonly EnvoyResource[] }[],
  types: readonly ResourceType[] | undefined,
): string {
  const rows = compiled.flatMap(({ gateway, resources }) =>
    resources.filter(({ type }) => types?.includes(type) ?? true).map(({ type, name }) => [gateway, type, name]),
  );
  return formatTable(['GATEWAY', 'TYPE', 'NAME'], rows);
}
