/** What is served, compiled for the proxies that came: one view for each Gateway and each set of abilities. */
import { type Capabilities, type CompileOptions, capabilitiesOf } from '../envoy/index.ts';
import type { SecretValues } from '../ir/index.ts';
import type { NodeInfo, Snapshot } from '../xds/index.ts';
import { type CompiledView, compileView, contradictions, type TranslatedRevision } from './revisions.ts';
import { restoredView } from './saved-views.ts';
import type { Prepared } from './served-revision.ts';
import type { SavedView } from './state-store.ts';

export interface ViewsOptions {
  readonly compile: CompileOptions;
  readonly served: () => TranslatedRevision | undefined;
  /** Tokens that have been fetched. */
  readonly tokens: () => SecretValues;
  /** A view is new, or takes the place of one with another snapshot. */
  readonly publish: (key: string, view: CompiledView, previous: Snapshot | undefined) => void;
  readonly remove: (key: string) => void;
}

export interface FoundView {
  readonly key: string;
  readonly view: CompiledView;
  readonly isNew: boolean;
}

export interface CompiledViews {
  /** By snapshot key. */
  readonly all: ReadonlyMap<string, CompiledView>;
  /** Made now if no proxy has asked for it yet. Errors: throws where it cannot be compiled. */
  find(gateway: string, capabilities: Capabilities): FoundView | undefined;
  /**
   * Compiles a revision, unless what proxies would get does not fit together and what they have does.
   * Errors: throws, and nothing has changed.
   */
  prepare(revision: TranslatedRevision): Prepared;
  /** With the tokens of now. Errors: throws, and nothing has changed. */
  renew(): void;
  /** Whether that is news: then what is compiled from now on counts on the processor, or does without. */
  useProcessor(isServing: boolean): boolean;
  restore(view: SavedView): void;
}

export function createViews({ served, tokens, publish, remove, ...options }: ViewsOptions): CompiledViews {
  const views = new Map<string, CompiledView>();
  let compile = options.compile;

  function put(key: string, view: CompiledView): void {
    const previous = views.get(key)?.snapshot;
    views.set(key, view);
    publish(key, view, previous);
  }

  function withTokens(revision: TranslatedRevision): TranslatedRevision {
    if (revision.tokenSources.size === 0) return revision;
    return { ...revision, secrets: new Map([...revision.secrets, ...tokens()]) };
  }

  function compileAll(revision: TranslatedRevision): Map<string, CompiledView> {
    const complete = withTokens(revision);
    const compiled = new Map<string, CompiledView>();
    for (const [key, view] of views) {
      const gateway = revision.ir.gateways.find((candidate) => candidate.key === view.gateway);
      if (gateway) compiled.set(key, compileView(complete, gateway, view.capabilities, compile, view.snapshot));
    }
    return compiled;
  }

  return {
    all: views,
    find(gatewayKey, capabilities) {
      const key = `${gatewayKey}@${capabilities.key}`;
      const known = views.get(key);
      if (known !== undefined) return { key, view: known, isNew: false };
      const revision = served();
      const gateway = revision?.ir.gateways.find((candidate) => candidate.key === gatewayKey);
      if (revision === undefined || gateway === undefined) return undefined;
      const view = compileView(withTokens(revision), gateway, capabilities, compile);
      put(key, view);
      return { key, view, isNew: true };
    },
    prepare(revision) {
      const compiled = compileAll(revision);
      const findings = contradictions(compiled, views);
      if (findings.length > 0) return { ok: false, findings };
      return {
        ok: true,
        putInPlace() {
          for (const key of [...views.keys()]) {
            if (compiled.has(key)) continue;
            views.delete(key);
            remove(key);
          }
          for (const [key, view] of compiled) put(key, view);
        },
      };
    },
    renew() {
      const revision = served();
      if (revision) for (const [key, view] of compileAll(revision)) put(key, view);
    },
    useProcessor(isServing) {
      if (!compile.processor || isServing !== (compile.processor.isDown ?? false)) return false;
      compile = { ...compile, processor: { ...compile.processor, isDown: !isServing } };
      return true;
    },
    restore: (view) => void views.set(view.key, restoredView(view)),
  };
}

/** What a connected proxy can do. */
export function capabilitiesOfNode({ userAgentVersion = '0.0.0', extensions }: NodeInfo): Capabilities {
  const enabled = extensions.filter((extension) => !extension.disabled);
  return capabilitiesOf(
    userAgentVersion,
    enabled.map(({ name }) => name),
  );
}
