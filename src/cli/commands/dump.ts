import type { Command } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import { type AdminFlags, addAdminOptions } from '../admin-options.ts';
import type { CliIo } from '../io.ts';
import { outputOption, writeDocuments } from '../output.ts';

interface DumpFlags extends AdminFlags {
  readonly node?: string;
  readonly gateway?: string;
  readonly resource?: string;
  readonly mask?: string;
  readonly nameRegex?: string;
  readonly output: 'json' | 'yaml';
}

const EXAMPLES = `
The answer has the shape of Envoy's own /config_dump, so what reads one reads the other. Secrets are masked. Of a proxy
it is what that accepted; what is on its way is warming, and what it or others like it rejected stands in error_state.

Examples:
  headgate dump --gateway default/ai
  headgate dump --node envoy-7 --resource dynamic_active_clusters --mask cluster.name,error_state
  headgate dump --node envoy-7 | jq '.configs[].dynamic_active_clusters[]?.cluster.name'`;

export function registerDump(program: Command, io: CliIo): void {
  addAdminOptions(program.command('dump'))
    .description('Print the configuration that a running server has for a proxy or a Gateway')
    .option('--node <id>', 'what this connected proxy has')
    .option(
      '--gateway <namespace/name>',
      'what proxies of this Gateway shall have; with --node: the one of that ID here',
    )
    .option('--resource <list>', 'only the items of this list, such as dynamic_listeners')
    .option('--mask <fields>', 'only these fields of the items, or of the sections, with commas between')
    .option('--name-regex <regex>', 'only resources of which the whole name matches')
    .addOption(outputOption(['json', 'yaml'], 'json'))
    .addHelpText('after', EXAMPLES)
    .action((flags: DumpFlags) => runDump(flags, io));
}

async function runDump(flags: DumpFlags, io: CliIo): Promise<void> {
  const { node, gateway, resource, mask, nameRegex } = flags;
  if (node === undefined && gateway === undefined) {
    throw new GatewayError('usage', 'name what to dump: --node ID or --gateway NAMESPACE/NAME');
  }
  const query = new URLSearchParams({
    ...(node !== undefined && { node }),
    ...(gateway !== undefined && { gateway }),
    ...(resource !== undefined && { resource }),
    ...(mask !== undefined && { mask }),
    ...(nameRegex !== undefined && { name_regex: nameRegex }),
    include_eds: '',
  });
  const { askAdmin } = await import('../admin-client.ts');
  await writeDocuments(io, flags.output, [await askAdmin(flags, `/config_dump?${query}`)]);
}
