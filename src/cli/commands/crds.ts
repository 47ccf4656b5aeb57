import type { Command } from 'commander';
import type { CliIo } from '../io.ts';
import { type OutputFormat, outputOption, writeDocuments } from '../output.ts';

const EXAMPLES = `
Those of Gateway API and Envoy Gateway come with these projects.

Example:
  headgate crds | kubectl apply --server-side -f -`;

export function registerCrds(program: Command, io: CliIo): void {
  program
    .command('crds')
    .description('Print the CustomResourceDefinitions of the kinds that Headgate owns')
    .addOption(outputOption(['yaml', 'json'], 'yaml'))
    .addHelpText('after', EXAMPLES)
    .action((flags: { readonly output: OutputFormat }) => runCrds(flags.output, io));
}

async function runCrds(output: OutputFormat, io: CliIo): Promise<void> {
  const { emitCrds } = await import('../../resources/crds.ts');
  await writeDocuments(io, output === 'json' ? 'json' : 'yaml', emitCrds());
}
