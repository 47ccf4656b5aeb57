/** The expression has no exact counterpart in Lua. Caught where an expression is compiled. */
export class CannotCompile extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** What one chunk collects while its expression is written. */
export interface Emitter {
  readonly helpers: Set<string>;
  /** Literals of lists and maps, built once when the chunk is loaded. */
  readonly constants: string[];
}

/** Notes that a helper is needed; gives its name back. */
export function use(e: Emitter, helper: string): string {
  e.helpers.add(helper);
  return helper;
}
