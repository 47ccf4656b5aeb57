import type { Command } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import type { Explanation, ListenerExplanation } from '../explain/explanation.ts';
import type { RequestFlags } from '../explain/request.ts';
import type { CliIo } from '../io.ts';
import { colorsFor, type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import {
  addPolicyOptions,
  addSourceFlags,
  collect,
  type PolicyFlags,
  type SourceFlags,
  sourcePaths,
} from '../source-options.ts';
import { parseEnvoyVersion } from './validate.ts';

interface ExplainFlags extends SourceFlags, PolicyFlags, RequestFlags {
  readonly output: OutputFormat;
  readonly gateway?: string;
  readonly envoyVersion?: string;
  readonly color?: string;
}

const EXAMPLES = `
Says what a request would meet: listener, host, route, backends in the order they are tried, credentials by name, limits
and costs, and why other routes do not match. Nothing is sent. The last argument is a path, or a URL that says host and
port too. Values of the request's headers and of secrets are never printed. Where two backends share a priority, the
order between them is drawn for each request.

Examples:
  headgate explain config/ --model gpt-4o-mini /v1/chat/completions
  headgate explain config/ -X POST -H 'Host: api.example.com' --body request.json /v1/chat/completions
  headgate explain config/ https://api.example.com/v1/models`;

export function registerExplain(program: Command, io: CliIo): void {
  const command = program
    .command('explain')
    .usage('[options] <source...> <path>')
    .argument('<source-and-path...>', 'sources as for validate, then the path or URL of the request')
    .description('Say which route and backends a request would meet, and why not others');
  addPolicyOptions(addSourceFlags(command))
    .option('-X, --request <method>', 'method (default: POST with a body, GET without)')
    .option('-H, --header <line>', "header of the request, 'NAME: VALUE'; repeatable", collect)
    .option('--body <file>', 'body of the request, - for standard input')
    .option('--model <name>', 'a body that holds the name of a model and nothing else')
    .option('--gateway <namespace/name>', 'only this Gateway')
    .option('--envoy-version <version>', 'Envoy to compile for (default: the newest known)', parseEnvoyVersion)
    .addOption(outputOption(['table', 'json', 'yaml'], 'table'))
    .addHelpText('after', EXAMPLES)
    .action((args: string[], _flags: unknown, self: Command) =>
      runExplain(args, self.optsWithGlobals<ExplainFlags>(), io),
    );
}

async function runExplain(args: readonly string[], flags: ExplainFlags, io: CliIo): Promise<void> {
  const target = args.at(-1) ?? '';
  const sources = args.slice(0, -1);
  if ([...sources, ...(flags.filename ?? [])].includes('-') && flags.body === '-') {
    throw new GatewayError('usage', 'standard input can be the source or the body, not both');
  }
  const { readRequest } = await import('../explain/request.ts');
  const request = await readRequest(target, flags, io);
  const paths = sourcePaths(sources, flags, io);
  const { chooseGateways, compileFor, loadRevision, refuse } = await import('../pipeline.ts');
  const loaded = await loadRevision(paths, flags, io);
  if (!loaded.ok) return refuse(io, flags.output, loaded.findings);
  const { NEWEST_ENVOY } = await import('../../envoy/index.ts');
  const { explainGateway } = await import('../explain/explain.ts');
  const { createPlaceFinder } = await import('../finding-places.ts');
  const findPlace = createPlaceFinder(loaded.set.objects);
  const gateways = chooseGateways(loaded.revision, flags.gateway);
  const results = gateways.map((gateway) => {
    const { findings } = compileFor(loaded.revision, gateway, flags.envoyVersion ?? NEWEST_ENVOY);
    return explainGateway({ gateway, findings }, request);
  });
  const listeners = results.flatMap(({ listeners }) => listeners).map((one) => withPlace(one));
  if (listeners.length === 0) {
    const where = request.port === undefined ? '' : ` on port ${request.port}`;
    throw new GatewayError('invalid_input', `no listener takes this request${where}`);
  }
  const read = results.find(({ endpoint }) => endpoint !== undefined);
  const explanation: Explanation = {
    request: {
      method: request.method,
      ...(request.host !== '' && { host: request.host }),
      path: request.path,
      ...(read?.endpoint !== undefined && { endpoint: read.endpoint }),
      ...(read?.model !== undefined && { model: read.model }),
    },
    listeners,
  };
  if (flags.output !== 'table') return writeDocuments(io, flags.output, [explanation]);
  const { formatExplanation } = await import('../explain/text.ts');
  io.stdout.write(formatExplanation(explanation, colorsFor(io, flags.color, io.isTTY)));

  function withPlace(one: ListenerExplanation): ListenerExplanation {
    if (one.route === undefined) return one;
    const place = findPlace(one.route.object, one.route.field);
    return place ? { ...one, route: { ...one.route, place: `${place.file}:${place.line}:${place.column}` } } : one;
  }
}
