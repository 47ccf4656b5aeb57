import { type Command, InvalidArgumentError } from 'commander';
import { type Finding, formatFinding, hasErrors, sortFindings } from '../../lib/findings.ts';
import type { CliIo } from '../io.ts';
import { colorsFor, formatTable, type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import type { Loaded } from '../pipeline.ts';
import type { RouteForm } from '../route-forms.ts';
import {
  addPolicyOptions,
  addSourceOptions,
  type PolicyFlags,
  type SourceFlags,
  sourcePaths,
} from '../source-options.ts';

interface ValidateFlags extends SourceFlags, PolicyFlags {
  readonly output?: OutputFormat;
  readonly envoyVersion?: readonly string[];
  readonly gateway?: string;
  readonly color?: string;
}

/** What is known of the input, as `-o json` prints it. */
interface Verdict {
  readonly valid: boolean;
  readonly revision?: string;
  readonly findings: readonly Finding[];
  readonly routes: readonly RouteForm[];
}

const EXAMPLES = `
Prints one line for each finding, FILE:LINE:COLUMN: LEVEL[CODE]: OBJECT: FIELD: MESSAGE (HINT), and on a terminal (or
with -o table) which form each rule takes: native (Envoy serves it alone), 501 (needs what is not there), 500 (its
configuration is not usable). Exits 1 if any finding is an error; warnings alone exit 0.

Examples:
  headgate validate config/
  headgate validate -o json -f routes.yaml -f backends.yaml
  headgate validate config/ --envoy-version 1.38.3 --envoy-version 1.40.0
  kubectl get gateways,aigatewayroutes -A -o yaml | headgate validate -`;

export function registerValidate(program: Command, io: CliIo): void {
  const command = program
    .command('validate')
    .description(
      'Check everything that can be checked without a network: schema, rules, references, the compiled result',
    );
  addPolicyOptions(addSourceOptions(command))
    .addOption(outputOption(['table', 'json', 'yaml']))
    .option('--envoy-version <version>', 'Envoy to check for; repeatable (default: the newest known)', collectVersion)
    .option('--gateway <namespace/name>', 'compile only this Gateway')
    .addHelpText('after', EXAMPLES)
    .action((sources: string[], _flags: unknown, self: Command) =>
      runValidate(sources, self.optsWithGlobals<ValidateFlags>(), io),
    );
}

function collectVersion(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), parseEnvoyVersion(text)];
}

/** Commander's way of reading a version: `1.40.0`. */
export function parseEnvoyVersion(text: string): string {
  const version = text.replace(/^v/, '');
  if (!/^\d+\.\d+(\.\d+)?$/.test(version)) throw new InvalidArgumentError('It must be a version, such as 1.40.0.');
  return version.split('.').length === 2 ? `${version}.0` : version;
}

async function runValidate(sources: readonly string[], flags: ValidateFlags, io: CliIo): Promise<void> {
  const paths = sourcePaths(sources, flags, io);
  const { loadRevision } = await import('../pipeline.ts');
  const verdict = await judge(await loadRevision(paths, flags, io), flags);
  if (flags.output === 'json' || flags.output === 'yaml') await writeDocuments(io, flags.output, [verdict]);
  else printVerdict(verdict, flags, io);
  printSummary(verdict, io);
  if (!verdict.valid) io.setExitCode(1);
}

async function judge(loaded: Loaded, flags: ValidateFlags): Promise<Verdict> {
  if (!loaded.ok) return { valid: false, findings: loaded.findings, routes: [] };
  const { chooseGateways, compileFor } = await import('../pipeline.ts');
  const { checkResources } = await import('../../envoy/check-resources.ts');
  const { NEWEST_ENVOY } = await import('../../envoy/index.ts');
  const { routeForms } = await import('../route-forms.ts');
  const { withPlaces } = await import('../finding-places.ts');
  const { revision, set } = loaded;
  const gateways = revision.ir.gateways.length === 0 ? [] : chooseGateways(revision, flags.gateway);
  const { rateLimitConfigGaps } = await import('../../envoy/rate-limit-config.ts');
  const findings: Finding[] = [...revision.findings, ...rateLimitConfigGaps(gateways, 'info')];
  const routes: RouteForm[] = [];
  for (const version of new Set(flags.envoyVersion ?? [NEWEST_ENVOY])) {
    for (const gateway of gateways) {
      const compiled = compileFor(revision, gateway, version);
      findings.push(...compiled.findings, ...checkResources(compiled.resources));
      routes.push(...routeForms(gateway, compiled.resources, version));
    }
  }
  const all = sortFindings(withPlaces(findings, set.objects));
  return { valid: !hasErrors(all), revision: revision.revision.hash, findings: all, routes };
}

function printVerdict({ findings, routes }: Verdict, flags: ValidateFlags, io: CliIo): void {
  const colors = colorsFor(io, flags.color, io.isTTY);
  const paint = { error: colors.red, warning: colors.yellow, info: colors.cyan };
  for (const finding of findings) {
    const head = `${finding.level}[${finding.code}]`;
    io.stdout.write(`${formatFinding(finding).replace(head, () => paint[finding.level](head))}\n`);
  }
  if (routes.length === 0 || !(io.isTTY || flags.output === 'table')) return;
  if (findings.length > 0) io.stdout.write('\n');
  io.stdout.write(formsTable(routes));
}

/** One line a rule, one column an Envoy version. */
function formsTable(routes: readonly RouteForm[]): string {
  const versions = [...new Set(routes.map((route) => route.envoyVersion))];
  const rows = new Map<string, string[]>();
  for (const route of routes) {
    const place = [route.gateway, route.listener, route.host, route.rule];
    const row = rows.get(place.join('\n')) ?? place;
    row.push(formatForm(route));
    rows.set(place.join('\n'), row);
  }
  return formatTable(['GATEWAY', 'LISTENER', 'HOST', 'RULE', ...versions.map((v) => `ENVOY ${v}`)], [...rows.values()]);
}

function formatForm({ form, apis, translatedApis, refusedApis }: RouteForm): string {
  if (apis.length === 0 && translatedApis.length === 0) return form;
  const parts = [
    [form === 'older' ? 'older' : 'native', apis],
    ['translated', translatedApis],
    ['501', refusedApis],
  ] as const;
  return parts.flatMap(([name, list]) => (list.length === 0 ? [] : [`${name}: ${list.join(', ')}`])).join('; ');
}

function printSummary({ valid, findings, routes }: Verdict, io: CliIo): void {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const rules = new Set(routes.map((route) => `${route.gateway} ${route.rule}`)).size;
  const counts = `${plural(count('error'), 'error')}, ${plural(count('warning'), 'warning')}`;
  io.stderr.write(`${valid ? 'valid' : 'not valid'}: ${counts}, ${plural(rules, 'rule')} compiled\n`);
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
