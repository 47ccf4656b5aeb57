/**
 * Where secrets can be in a message, so that nobody has to read all of it to know that there is none: most messages have
 * no place for one, and the texts of a configuration are long.
 */
import protobuf from 'protobufjs/light.js';
import { hasMessage } from './descriptors.ts';
import { planOf } from './registry.ts';
import { SENSITIVE } from './sensitive.gen.ts';
import { hasOwnJson } from './to-message.ts';

export const ANY = 'google.protobuf.Any';
export const TYPED_STRUCTS: readonly string[] = ['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct'];

const known = new Map<string, boolean>();

/** Whether a message of this type has a place for something sensitive, at any depth. What is in an Any may be anything. */
export function mayHoldSecrets(typeName: string): boolean {
  const found = known.get(typeName) ?? reaches(typeName);
  known.set(typeName, found);
  return found;
}

function reaches(root: string): boolean {
  const seen = new Set([root]);
  for (const typeName of seen) {
    if (typeName === ANY || TYPED_STRUCTS.includes(typeName) || SENSITIVE[typeName] !== undefined) return true;
    if (hasOwnJson(typeName)) continue;
    for (const { value } of planOf(typeName).fields.values()) if (value.kind === 'message') seen.add(value.typeName);
  }
  return false;
}

/** Where a field leads that is sensitive or may hold something that is; of a map its values. */
interface Lead {
  readonly isSensitive: boolean;
  readonly inner: string;
  readonly isMap: boolean;
}

const leads = new Map<string, ReadonlyMap<number, Lead>>();

/** The fields of a message that lead to secrets, by number. */
function leadsOf(typeName: string): ReadonlyMap<number, Lead> {
  const found = leads.get(typeName) ?? findLeads(typeName);
  leads.set(typeName, found);
  return found;
}

function findLeads(typeName: string): ReadonlyMap<number, Lead> {
  const { type, fields } = planOf(typeName);
  const found = new Map<number, Lead>();
  for (const { id, name } of type.fieldsArray) {
    const plan = fields.get(name);
    const isSensitive = SENSITIVE[typeName]?.includes(name) === true;
    const inner = plan?.value.kind === 'message' ? plan.value.typeName : '';
    if (isSensitive || (inner !== '' && mayHoldSecrets(inner))) {
      found.set(id, { isSensitive, inner, isMap: plan?.shape === 'map' });
    }
  }
  return found;
}

/** Whether encoded bytes hold something sensitive, or an Any that cannot be read. Errors: throws for broken bytes. */
export function holdsSecrets(typeName: string, bytes: Uint8Array): boolean {
  if (!mayHoldSecrets(typeName)) return false;
  if (typeName === ANY) return anyHoldsSecrets(bytes);
  if (TYPED_STRUCTS.includes(typeName)) {
    const name = nameIn(textAndBytes(bytes).text);
    return hasMessage(name) && mayHoldSecrets(name);
  }
  const ways = leadsOf(typeName);
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const lead = ways.get(tag >>> 3);
    if (lead === undefined || (tag & 7) !== 2) reader.skipType(tag & 7);
    else if (lead.isSensitive) return true;
    else {
      const part = reader.bytes();
      // An entry of a map has its value where an Any has it.
      if (holdsSecrets(lead.inner, lead.isMap ? textAndBytes(part).value : part)) return true;
    }
  }
  return false;
}

function anyHoldsSecrets(bytes: Uint8Array): boolean {
  const { text: typeUrl, value } = textAndBytes(bytes);
  return hasMessage(nameIn(typeUrl)) ? holdsSecrets(nameIn(typeUrl), value) : value.length > 0;
}

/** Field 1, a text, and field 2 as bytes. */
function textAndBytes(bytes: Uint8Array): { text: string; value: Uint8Array } {
  const reader = protobuf.Reader.create(bytes);
  const found = { text: '', value: new Uint8Array() as Uint8Array };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) found.text = reader.string();
    else if (tag === 18) found.value = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return found;
}

/** The name of the message in a type URL. */
export function nameIn(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
