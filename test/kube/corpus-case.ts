import type { UnknownObject } from '../../src/resources/index.ts';

/** One object with the verdict a Kubernetes API server gives on it. */
export interface CorpusCase {
  readonly name: string;
  readonly object: UnknownObject;
  readonly valid: boolean;
  /** The field an invalid object is refused for. */
  readonly field?: string;
  /** Why the CustomResourceDefinition that its authors publish refuses an object that is valid. */
  readonly publishedCrdRefuses?: string;
}

/** Builds cases of one kind from their specs. */
export function casesOf(apiVersion: string, kind: string, namespaced = true) {
  const build = (spec: unknown): UnknownObject => ({
    apiVersion,
    kind,
    metadata: { name: 'case', ...(namespaced && { namespace: 'default' }) },
    spec,
  });
  return {
    good: (name: string, spec: unknown): CorpusCase => ({ name: `${kind}: ${name}`, object: build(spec), valid: true }),
    bad: (name: string, field: string, spec: unknown): CorpusCase => ({
      name: `${kind}: ${name}`,
      object: build(spec),
      valid: false,
      field,
    }),
  };
}
