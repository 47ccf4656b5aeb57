import { parse } from 'yaml';
import type { MirrorIr } from '../../ir/index.ts';
import { aiServiceBackendKind, type LoadedObject } from '../../resources/index.ts';
import type { BackendSource, Backends } from '../backends/backends.ts';
import { type Context, followReference } from '../context.ts';
import { keyOf } from '../objects.ts';

/** On an AIGatewayRoute, in YAML: the AIServiceBackend that gets copies of its requests, and of how many. */
const MIRROR_ANNOTATION = 'headgate.dev/mirror';

export interface Mirror {
  readonly source: BackendSource;
  readonly ir: MirrorIr;
}

interface MirrorFields {
  readonly backend: string;
  readonly namespace?: string;
  readonly percent?: number;
  readonly modelNameOverride?: string;
}

/** What a route mirrors to. A mistake leaves it out, with a finding: nobody waits for a copy. */
export function readMirror(loaded: LoadedObject, backends: Backends, context: Context): Mirror | undefined {
  const text = loaded.object.metadata.annotations?.[MIRROR_ANNOTATION];
  if (text === undefined) return undefined;
  const path = ['metadata', 'annotations', MIRROR_ANNOTATION];
  const fields = parseMirror(text);
  if (typeof fields === 'string') {
    context.report.warning('HG0311', loaded, path, `${fields}; nothing is mirrored`, {
      hint: 'an object of backend, and if need be namespace, percent (above 0, at most 100) and modelNameOverride',
    });
    return undefined;
  }
  const { backend, namespace, percent = 100, modelNameOverride } = fields;
  const target = followReference(context, loaded, path, aiServiceBackendKind, {
    name: backend,
    ...(namespace !== undefined && { namespace }),
  });
  const source = target && backends.ai.get(keyOf(target));
  if (target && !source) {
    context.report.warning('HG0311', loaded, path, `AIServiceBackend ${backend} cannot be used; nothing is mirrored`);
  }
  if (!source) return undefined;
  const override = modelNameOverride !== undefined && { modelOverride: modelNameOverride };
  return { source, ir: { backend: source.ir.name, percent, ...override } };
}

/** The fields, or what is wrong with them. */
function parseMirror(text: string): MirrorFields | string {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    return 'it is not valid YAML';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not an object';
  const { backend, namespace, percent, modelNameOverride, ...rest } = value as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `"${unknown}" is not known`;
  if (!isName(backend)) return '"backend" must be the name of an AIServiceBackend';
  if (namespace !== undefined && !isName(namespace)) return '"namespace" must be a name';
  if (modelNameOverride !== undefined && !isName(modelNameOverride)) return '"modelNameOverride" must be a name';
  if (percent !== undefined && !(typeof percent === 'number' && percent > 0 && percent <= 100)) {
    return '"percent" must be above 0 and at most 100';
  }
  return value as unknown as MirrorFields;
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
