import type { Command } from 'commander';
import type { CliIo } from '../io.ts';
import { type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import { VERSION } from '../version.ts';

interface VersionFlags {
  readonly output?: OutputFormat;
}

export function registerVersion(program: Command, io: CliIo): void {
  program
    .command('version')
    .description('Print the versions of Headgate, of the Envoy API it speaks, and of Node')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action((flags: VersionFlags) => runVersion(flags, io));
}

async function runVersion({ output = 'table' }: VersionFlags, io: CliIo): Promise<void> {
  // Not from the rooms' index files: they load the protobuf codec.
  const { NEWEST_ENVOY } = await import('../../envoy/capabilities.ts');
  const { API_VERSION, DESCRIPTOR_HASH } = await import('../../envoy/schema/version.gen.ts');
  const versions = {
    headgate: VERSION,
    envoyApi: API_VERSION,
    envoyApiDescriptors: DESCRIPTOR_HASH,
    newestEnvoy: NEWEST_ENVOY,
    node: process.version,
  };
  if (output !== 'table') return writeDocuments(io, output, [versions]);
  io.stdout.write(
    `headgate ${versions.headgate}\nEnvoy API ${versions.envoyApi}, Envoys up to ${versions.newestEnvoy}\nNode ${versions.node}\n`,
  );
}
