/** Whether limits can be used. */
import { UNIT_NAMES, unitByName } from './units.ts';

/** What is wrong, and where: `domains[0].descriptors[1].rate_limit.unit`. */
export interface LimitsProblem {
  readonly path: string;
  readonly message: string;
}

type Plain = Readonly<Record<string, unknown>>;
type FieldKind = 'string' | 'boolean' | 'number' | 'list' | 'object';
type Report = (path: string, message: string) => void;

const MAX_DEPTH = 32;
const MAX_LIMIT = 0xffff_ffff;

const DOMAIN_FIELDS: Readonly<Record<string, FieldKind>> = { name: 'string', domain: 'string', descriptors: 'list' };

const DESCRIPTOR_FIELDS: Readonly<Record<string, FieldKind>> = {
  key: 'string',
  value: 'string',
  rate_limit: 'object',
  descriptors: 'list',
  shadow_mode: 'boolean',
  quota_mode: 'boolean',
  needs_refunds: 'boolean',
  detailed_metric: 'boolean',
  value_to_metric: 'boolean',
  share_threshold: 'boolean',
  metadata: 'object',
};

const POLICY_FIELDS: Readonly<Record<string, FieldKind>> = {
  unit: 'string',
  requests_per_unit: 'number',
  unlimited: 'boolean',
  name: 'string',
  replaces: 'list',
  unit_multiplier: 'number',
  algorithm: 'string',
};

/** What stands in the way of using a value as a LimitsConfig. Shape: nothing wrong, an empty list. */
export function validateLimits(config: unknown): LimitsProblem[] {
  const problems: LimitsProblem[] = [];
  const report: Report = (path, message) => void problems.push({ path, message });
  if (!isObject(config) || !Array.isArray(config.domains)) {
    report('domains', 'a list of domains is expected');
    return problems;
  }
  const seen = new Set<unknown>();
  config.domains.forEach((domain: unknown, i) => {
    const path = `domains[${i}]`;
    if (!checkFields(domain, DOMAIN_FIELDS, path, report)) return;
    if (typeof domain.domain !== 'string' || domain.domain === '') report(`${path}.domain`, 'must not be empty');
    else if (seen.has(domain.domain)) report(`${path}.domain`, `the domain ${domain.domain} is there twice`);
    seen.add(domain.domain);
    checkDescriptors(domain.descriptors, path, 0, report);
  });
  return problems;
}

function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): FieldKind | 'null' {
  if (Array.isArray(value)) return 'list';
  if (value === null || value === undefined) return 'null';
  const type = typeof value;
  return type === 'string' || type === 'boolean' || type === 'number' ? type : 'object';
}

function checkFields(
  value: unknown,
  fields: Readonly<Record<string, FieldKind>>,
  path: string,
  report: Report,
): value is Plain {
  if (!isObject(value)) {
    report(path, 'an object is expected');
    return false;
  }
  for (const [name, content] of Object.entries(value)) {
    const expected = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const found = kindOf(content);
    if (expected === undefined) report(`${path}.${name}`, 'is not a field');
    else if (found !== 'null' && found !== expected) report(`${path}.${name}`, `${expected} expected, not ${found}`);
  }
  return true;
}

function checkDescriptors(list: unknown, path: string, depth: number, report: Report): void {
  if (!Array.isArray(list)) return;
  if (depth >= MAX_DEPTH) {
    report(path, `descriptors more than ${MAX_DEPTH} deep`);
    return;
  }
  const seen = new Set<string>();
  list.forEach((descriptor: unknown, i) => {
    const at = `${path}.descriptors[${i}]`;
    if (!checkFields(descriptor, DESCRIPTOR_FIELDS, at, report)) return;
    const { key, value, rate_limit: policy } = descriptor;
    if (typeof key !== 'string' || key === '') report(`${at}.key`, 'must not be empty');
    const identity = JSON.stringify([key, value ?? '']);
    if (seen.has(identity)) report(at, `the same key and value are there twice`);
    seen.add(identity);
    const isWild = typeof value === 'string' && value.includes('*');
    if (descriptor.share_threshold === true && !isWild) report(`${at}.share_threshold`, 'needs a value with a *');
    if (policy !== undefined && policy !== null) checkPolicy(policy, `${at}.rate_limit`, report);
    checkDescriptors(descriptor.descriptors, at, depth + 1, report);
  });
}

function checkPolicy(policy: unknown, path: string, report: Report): void {
  if (!checkFields(policy, POLICY_FIELDS, path, report)) return;
  const { unit, unlimited, requests_per_unit: count, unit_multiplier: multiplier, algorithm, name, replaces } = policy;
  const known = typeof unit === 'string' ? unitByName(unit) : undefined;
  if (unlimited === true) {
    if (known) report(`${path}.unit`, 'an unlimited limit has no unit');
  } else if (!known) {
    report(
      `${path}.unit`,
      `${unit === undefined ? 'is missing' : `${String(unit)} is not a unit`}: ${UNIT_NAMES.join(', ')}`,
    );
  }
  checkWhole(count, 0, MAX_LIMIT, `${path}.requests_per_unit`, report);
  checkWhole(multiplier, 1, 1_000_000, `${path}.unit_multiplier`, report);
  if (algorithm !== undefined && algorithm !== 'fixed' && algorithm !== 'sliding') {
    report(`${path}.algorithm`, 'fixed or sliding expected');
  }
  for (const [i, other] of (Array.isArray(replaces) ? replaces : []).entries()) {
    const at = `${path}.replaces[${i}]`;
    if (!checkFields(other, { name: 'string' }, at, report)) continue;
    if (typeof other.name !== 'string' || other.name === '') report(`${at}.name`, 'must not be empty');
    else if (other.name === name) report(`${at}.name`, 'a limit cannot replace itself');
  }
}

function checkWhole(value: unknown, least: number, most: number, path: string, report: Report): void {
  if (typeof value !== 'number') return;
  if (!Number.isInteger(value) || value < least || value > most) {
    report(path, `a whole number from ${least} to ${most} is expected`);
  }
}
