/** Failures as Google's APIs tell them. Source: google.rpc.Status, AIP-193; errors of Vertex AI. */
import { jsonAnswer, Refusal } from '../answer.ts';
import type { Path, ShapeProblem } from '../shape.ts';

const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** The body of an error by its status. */
export function googleError(code: number, message: string, details?: readonly unknown[]): unknown {
  const status = STATUSES[code] ?? (code >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT');
  return { error: { code, message, status, ...(details === undefined ? {} : { details }) } };
}

/** A request that is refused with this status. */
export function refuse(code: number, message: string, details?: readonly unknown[]): Refusal {
  return new Refusal(jsonAnswer(code, googleError(code, message, details)));
}

/** A request that a model cannot take. */
export function invalid(message: string): Refusal {
  return refuse(400, message);
}

/** A body that is not of the message's form, in the words of Google's JSON parser. */
export function parserRefusal(problem: ShapeProblem): Refusal {
  const { kind, path, value } = problem;
  const parent = pathText(kind === 'unknown' ? path.slice(0, -1) : path);
  const shown = typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
  const what =
    kind === 'unknown'
      ? `Unknown name "${String(path.at(-1))}"${parent === '' ? '' : ` at '${parent}'`}: Cannot find field.`
      : `Invalid value at '${parent}' (${typeName(problem)}), ${shown}`;
  const description = kind === 'unknown' ? `Invalid JSON payload received. ${what}` : what;
  const violation = { field: parent, description };
  return refuse(400, description, [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [violation] },
  ]);
}

function typeName({ kind, expected }: ShapeProblem): string {
  if (kind === 'union') return 'oneof';
  if (kind === 'value') return `type.googleapis.com/google.cloud.aiplatform.v1 enum`;
  const names: Readonly<Record<string, string>> = {
    ...{ string: 'TYPE_STRING', integer: 'TYPE_INT32', number: 'TYPE_FLOAT', boolean: 'TYPE_BOOL' },
    ...{ base64: 'TYPE_BYTES', object: 'TYPE_MESSAGE', array: 'TYPE_MESSAGE' },
  };
  return names[expected] ?? 'TYPE_STRING';
}

/** Google writes paths in snake case, with the places of lists in brackets. */
function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${step.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  }
  return text;
}
