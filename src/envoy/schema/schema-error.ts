/** The error of a value that does not fit its message. */

/** One step into a value: a field name, a map key, or an index. */
export type PathSegment = string | number;

/** A value does not fit its protobuf message. `path` leads to it from the value that was given, '' being the value itself. */
export class SchemaError extends Error {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(path === '' ? reason : `${path}: ${reason}`);
    this.name = 'SchemaError';
    this.path = path;
    this.reason = reason;
  }
}

/** `a.b[0].c["x y"]`. */
export function formatPath(segments: readonly PathSegment[]): string {
  let out = '';
  for (const segment of segments) {
    if (typeof segment === 'number') out += `[${segment}]`;
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(segment)) out += `[${JSON.stringify(segment)}]`;
    else out += out === '' ? segment : `.${segment}`;
  }
  return out;
}
