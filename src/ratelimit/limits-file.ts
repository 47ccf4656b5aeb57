/** Files of envoyproxy/ratelimit: one domain a YAML document. */
import { parseAllDocuments } from 'yaml';
import type { LimitDescriptor, LimitsConfig, LimitsDomain } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { validateLimits } from './limits-config.ts';

/** A file as it was read. */
export interface LimitsFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads configuration files into one configuration. `mergeDomains`: a domain of several files is their sum.
 * Errors: GatewayError `invalid_input` that lists what is wrong, a line each.
 */
export function parseLimitsFiles(files: readonly LimitsFile[], { mergeDomains = false } = {}): LimitsConfig {
  const domains: unknown[] = [];
  const problems: string[] = [];
  for (const { path, text } of files) {
    const read = readDocuments(text);
    problems.push(...read.problems.map((problem) => `${path}: ${problem}`));
    for (const [i, domain] of read.values.entries()) {
      const own = validateLimits({ domains: [domain] });
      const place = read.values.length === 1 ? path : `${path} (document ${i + 1})`;
      problems.push(...own.map((one) => `${place}: ${one.path.replace(/^domains\[0\]\.?/, '')}: ${one.message}`));
      if (own.length === 0) domains.push(domain);
    }
  }
  const config = { domains: mergeDomains ? merge(domains as LimitsDomain[]) : (domains as LimitsDomain[]) };
  if (problems.length === 0) problems.push(...validateLimits(config).map((one) => `${one.path}: ${one.message}`));
  if (problems.length > 0) throw new GatewayError('invalid_input', problems.join('\n'));
  return config;
}

function readDocuments(text: string): { values: unknown[]; problems: string[] } {
  const documents = parseAllDocuments(text, { prettyErrors: true, logLevel: 'error' });
  if ('empty' in documents) return { values: [], problems: [] };
  const problems = documents.flatMap(({ errors }) => errors.map(({ message }) => message.split('\n')[0] ?? message));
  if (problems.length > 0) return { values: [], problems };
  try {
    const values = documents.map((document) => plain(document.toJS({ maxAliasCount: 100 })));
    return { values: values.filter((value) => value !== null && value !== undefined), problems };
  } catch (caught) {
    return { values: [], problems: [caught instanceof Error ? caught.message : String(caught)] };
  }
}

/** Values of descriptors are text: a YAML number or boolean there is what was written, as in the Go program. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => {
      const isText =
        (name === 'value' || name === 'key') && (typeof content === 'number' || typeof content === 'boolean');
      if (name === 'metadata') return [name, content];
      return [name, isText ? String(content) : plain(content)];
    }),
  );
}

function merge(domains: readonly LimitsDomain[]): LimitsDomain[] {
  const merged = new Map<string, { domain: string; descriptors: LimitDescriptor[] }>();
  for (const { domain, descriptors = [] } of domains) {
    const own = merged.get(domain) ?? { domain, descriptors: [] };
    own.descriptors.push(...descriptors);
    merged.set(domain, own);
  }
  return [...merged.values()];
}
