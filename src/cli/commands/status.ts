import type { Command } from 'commander';
import type { Finding } from '../../lib/findings.ts';
import type { Budgets } from '../../ratelimit/index.ts';
import type { NodeStatus, RolloutStatus, TypeStatus, Withheld } from '../../xds/index.ts';
import { type AdminFlags, addAdminOptions } from '../admin-options.ts';
import { budgetsText } from '../budgets-text.ts';
import type { ControlPlaneStatus } from '../control-plane.ts';
import type { CliIo } from '../io.ts';
import { formatTable, isMachineFormat, type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import { tokenText } from '../token-text.ts';

interface StatusFlags extends AdminFlags {
  readonly output?: OutputFormat;
  readonly budgets?: boolean;
}

const EXAMPLES = `
Versions are hashes of what is served: equal on every replica, and the same after a restart. The revision, and the commit
where the source is a Git work tree, say which input that was.

SYNCED    the proxy runs what it shall run
STALE     a newer version is on its way, or the proxy has not answered
REJECTED  the proxy refused the newer version and keeps what it had; the finding names the object
WAITING   the proxy names no known Gateway: it is answered as soon as that exists

Examples:
  headgate status
  headgate status --budgets
  headgate status --budgets --server http://ratelimit.infra:8080   # a rate limit service of its own
  headgate status --server http://headgate.infra:18001 -o json | jq '.nodes[] | select(.synced | not)'`;

export function registerStatus(program: Command, io: CliIo): void {
  addAdminOptions(program.command('status'))
    .description('Show what a running server serves, and which proxies have it')
    .option('--budgets', 'show buckets of limits and quotas instead, those with the least left first')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .addHelpText('after', EXAMPLES)
    .action((flags: StatusFlags) => runStatus(flags, io));
}

async function runStatus(flags: StatusFlags, io: CliIo): Promise<void> {
  const { askAdmin } = await import('../admin-client.ts');
  if (flags.budgets) {
    const budgets = (await askAdmin(flags, '/api/budgets?max=1000')) as Budgets;
    const output = flags.output ?? (io.isTTY ? 'table' : 'json');
    if (isMachineFormat(output)) await writeDocuments(io, output, [budgets]);
    else io.stdout.write(budgetsText(budgets));
    return;
  }
  const status = await askAdmin(flags, '/api/status');
  const output = flags.output ?? (io.isTTY ? 'table' : 'json');
  if (isMachineFormat(output)) await writeDocuments(io, output, [status]);
  else io.stdout.write(statusText(status as ControlPlaneStatus));
}

function statusText(status: ControlPlaneStatus): string {
  const { staleSince, inPart, gateways, nodes, findings, tokens, withheld, rollouts } = status;
  const lines = [
    revisionLine(status),
    ...(staleSince === undefined ? [] : [`Stale     a newer one is not served, since ${staleSince}`]),
    ...(inPart ? ['Part      only what could be read of the source is served'] : []),
    `Gateways  ${gateways.join(', ') || 'none'}`,
    `Findings  ${countFindings(findings)}`,
    // A server of an earlier version tells of none.
    ...(tokens ?? []).map((token) => `Token     ${token.object}: ${tokenText(token)} (${token.source})`),
    ...withheld.map(withheldLine),
    ...rollouts.map(rolloutLine),
  ];
  const rows = nodes.flatMap(nodeRows);
  const table = rows.length === 0 ? 'No proxy is connected.\n' : formatTable(HEAD, rows);
  return `${lines.join('\n')}\n\n${table}`;
}

function revisionLine({ served, saved }: ControlPlaneStatus): string {
  const shown = served ?? saved;
  if (shown === undefined) return 'Revision  none is served yet';
  const revision = `Revision  ${shown.hash}${shown.commit === undefined ? '' : ` (commit ${shown.commit})`}`;
  if (served) return `${revision}, served since ${served.since}`;
  return `${revision}, from disk as of ${saved?.savedAt}: the source cannot be used`;
}

function rolloutLine({ key, phase, nodes, of }: RolloutStatus): string {
  const where = `${key.replace(/@.*/, '')}: ${nodes} of ${of} proxies have the newer revision`;
  if (phase === 'stopped') return `Rollout   ${where}, one of them rejected it: stopped until the source changes`;
  return `Rollout   ${where}${phase === 'pausing' ? ', all of them accepted it; the rest follow after the pause' : ''}`;
}

function withheldLine({ key, typeUrl, name, instead }: Withheld): string {
  const what = `${typeUrl.replace(/^.*\./, '')} ${name} of ${key.replace(/@.*/, '')}`;
  const outcome = instead === 'accepted' ? 'proxies get the form that was accepted last' : 'proxies go without';
  return `Withheld  ${what}: rejected, ${outcome}`;
}

const HEAD = ['NODE', 'GATEWAY', 'TYPE', 'WANTED', 'ACKED', 'STATE'];

function nodeRows(status: NodeStatus): string[][] {
  const { node, types, waiting } = status;
  if (waiting || types.length === 0) return [[node.id, node.cluster, '-', '-', '-', waiting ? 'WAITING' : 'STALE']];
  return types.map((type) => [
    node.id,
    node.cluster,
    type.typeUrl.replace(/^.*\./, ''),
    type.wanted ?? '-',
    type.acked ?? '-',
    stateOf(type),
  ]);
}

function stateOf({ rejection, synced }: TypeStatus): string {
  if (rejection?.standing) return 'REJECTED';
  return synced ? 'SYNCED' : 'STALE';
}

function countFindings(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return `${count('error')} errors, ${count('warning')} warnings${findings.length > 0 ? ' (-o json shows them)' : ''}`;
}
