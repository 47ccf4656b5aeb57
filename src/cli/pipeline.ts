/** What the offline commands share: from paths to what each gateway's Envoys would get. */
import {
  type CompiledGateway,
  type CompileOptions,
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
} from '../envoy/index.ts';
import type { GatewayIr } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { type Finding, formatFinding } from '../lib/findings.ts';
import { suggestWord } from '../lib/suggest.ts';
import { DEFAULT_POLICY_OPTIONS } from '../policy/index.ts';
import { type ReadResult, readSources } from '../sources/index.ts';
import { type CliIo, readStdin } from './io.ts';
import { isMachineFormat, writeErrorDocument } from './output.ts';
import { type TranslatedRevision, translateRevision, withPlaceholders } from './revisions.ts';
import { type PolicyFlags, policyOptionsOf, type SourceFlags } from './source-options.ts';

/** A revision, or the findings for which there is none. */
export type Loaded =
  | { readonly ok: true; readonly revision: TranslatedRevision; readonly set: ReadSet }
  | { readonly ok: false; readonly findings: readonly Finding[] };

type ReadSet = Extract<ReadResult, { ok: true }>['set'];

/** Reads sources and decides policy. With `--strict` an error of policy refuses the input too. */
export async function loadRevision(
  paths: readonly string[],
  flags: SourceFlags & PolicyFlags,
  io: CliIo,
): Promise<Loaded> {
  const result = await readSources(paths, {
    env: io.env,
    stdin: () => readStdin(io),
    strict: flags.strict ?? false,
    ignoreUnknown: flags.ignoreUnknown ?? false,
  });
  if (!result.ok) return result;
  const revision = translateRevision(result.set, policyOptionsOf(flags, DEFAULT_POLICY_OPTIONS));
  const isRefused = flags.strict === true && revision.findings.some((finding) => finding.level === 'error');
  return isRefused ? { ok: false, findings: revision.findings } : { ok: true, revision, set: result.set };
}

/** Compiles one gateway for one version of Envoy. */
export function compileFor(
  revision: TranslatedRevision,
  gateway: GatewayIr,
  envoyVersion: string,
  options: CompileOptions = DEFAULT_COMPILE_OPTIONS,
): CompiledGateway {
  return compileGateway(gateway, withPlaceholders(revision), capabilitiesOf(envoyVersion), options);
}

/**
 * All gateways of a revision, or the one asked for.
 * Errors: GatewayError `invalid_input` when there is no such gateway, or none at all.
 */
export function chooseGateways(revision: TranslatedRevision, key: string | undefined): readonly GatewayIr[] {
  const { gateways } = revision.ir;
  if (gateways.length === 0) throw new GatewayError('invalid_input', 'the input has no Gateway that is served');
  if (key === undefined) return gateways;
  const found = gateways.filter((gateway) => gateway.key === key);
  if (found.length > 0) return found;
  const keys = gateways.map((gateway) => gateway.key);
  const meant = suggestWord(key, keys);
  const hint = meant === undefined ? `there are ${keys.join(', ')}` : `did you mean ${meant}?`;
  throw new GatewayError('invalid_input', `no Gateway ${key} in the input (${hint})`);
}

/** Says why input is refused: findings to standard error, an error document where a program reads the result. */
export function refuse(io: CliIo, output: string | undefined, findings: readonly Finding[]): void {
  printFindings(io, findings);
  if (isMachineFormat(output)) {
    writeErrorDocument(io, output, { code: 'invalid_input', message: 'the input is refused', findings });
  }
  io.setExitCode(1);
}

/** One line a finding, to standard error. */
export function printFindings(io: CliIo, findings: readonly Finding[]): void {
  for (const finding of findings) io.stderr.write(`${formatFinding(finding)}\n`);
}
