import { type Finding, sortFindings } from '../lib/findings.ts';
import { checkConsistency } from './consistency.ts';
import { TYPES } from './names.ts';
import type { EnvoyResource } from './resource.ts';
import { checkConstraints, encodeMessage, SchemaError } from './schema/index.ts';

/**
 * Everything that can be said of compiled resources without an Envoy: each one encodes, keeps the constraints of the
 * Envoy API, and all fit together.
 * Shape: findings HG0701.
 */
export function checkResources(resources: readonly EnvoyResource[]): Finding[] {
  return sortFindings([...resources.flatMap(checkResource), ...checkConsistency(resources)]);
}

function checkResource(resource: EnvoyResource): Finding[] {
  const typeName = TYPES[resource.type];
  const finding = (what: string): Finding => ({
    code: 'HG0701',
    level: 'error',
    message: `${resource.type} ${resource.name}: ${what}`,
    ...(resource.origin && { object: resource.origin.object }),
  });
  try {
    encodeMessage(typeName, resource.message);
  } catch (caught) {
    if (caught instanceof SchemaError) return [finding(caught.message)];
    throw caught;
  }
  return checkConstraints(typeName, resource.message).map(({ path, message }) => finding(`${path} ${message}`));
}
