/** A walk through configurations: each step changes one thing, and every model stays served. */
import type { PolicyFacts, ProviderFacts, RefFacts } from './policy.ts';

export interface Walk {
  readonly facts: PolicyFacts;
  /** Makes one change and says which. */
  step(): string;
}

const LAST_RESORT: RefFacts = { provider: 'rock', priority: 5 };

/** Shape: `ports` of interchangeable fakes, any of which may fail; `keys` that all of them take. */
export function createWalk(options: {
  readonly port: number;
  readonly ports: readonly number[];
  readonly keys: readonly string[];
  readonly models: readonly string[];
  /** Port of a fake that always answers: the last resort of each model. */
  readonly rock: number;
  readonly seed: number;
}): Walk {
  const random = createRandom(options.seed);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[Math.floor(random() * values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };
  const providers = new Map<string, ProviderFacts>();
  const models = new Map<string, readonly RefFacts[]>();
  let names = 0;
  let extra = 0;

  const addProvider = (): string => {
    names += 1;
    const name = `p${names}`;
    providers.set(name, { ports: [pick(options.ports)], fqdn: random() < 0.2, key: pick(options.keys) });
    return name;
  };
  const someRefs = (): RefFacts[] => {
    const chosen = new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick([...providers.keys()])));
    const refs = [...chosen].map((provider) => ({
      provider,
      weight: 1 + Math.floor(random() * 9),
      priority: Math.floor(random() * 2),
      ...(random() < 0.3 && { model: `other-${Math.floor(random() * 5)}` }),
    }));
    return [...refs, LAST_RESORT];
  };
  const change = <T>(map: Map<string, T>, name: string, by: (value: T) => T): void => {
    const value = map.get(name);
    if (value === undefined) throw new Error(`no ${name}`);
    map.set(name, by(value));
  };

  const steps: Readonly<Record<string, () => void>> = {
    'a model goes elsewhere': () => models.set(pick(options.models), someRefs()),
    'a provider comes and serves a model at once': () => {
      models.set(pick(options.models), [{ provider: addProvider() }, LAST_RESORT]);
    },
    'a provider goes': () => {
      const gone = pick([...providers.keys()]);
      if (providers.size < 3) addProvider();
      providers.delete(gone);
      for (const [model, refs] of models)
        models.set(
          model,
          refs.filter(({ provider }) => provider !== gone),
        );
    },
    'weights change': () =>
      change(models, pick(options.models), (refs) =>
        refs.map((ref) => (ref === LAST_RESORT ? ref : { ...ref, weight: 1 + Math.floor(random() * 9) })),
      ),
    'an endpoint changes': () =>
      change(providers, pick([...providers.keys()]), (provider) => ({ ...provider, ports: [pick(options.ports)] })),
    'endpoints are two': () =>
      change(providers, pick([...providers.keys()]), (provider) => ({
        ...provider,
        ports: [...new Set([pick(options.ports), pick(options.ports)])],
      })),
    'a name stands for an address, or the reverse': () =>
      change(providers, pick([...providers.keys()]), (provider) => ({ ...provider, fqdn: provider.fqdn !== true })),
    'a key is rotated': () =>
      change(providers, pick([...providers.keys()]), (provider) => ({ ...provider, key: pick(options.keys) })),
    'a model comes': () => {
      extra += 1;
      models.set(`extra-${extra}`, someRefs());
    },
    'a model goes': () => {
      const name = [...models.keys()].find((model) => model.startsWith('extra-'));
      if (name !== undefined) models.delete(name);
    },
  };

  for (let i = 0; i < 4; i++) addProvider();
  for (const model of options.models) models.set(model, someRefs());
  return {
    get facts() {
      const rock = { ports: [options.rock], ...(options.keys[0] !== undefined && { key: options.keys[0] }) };
      return { port: options.port, providers: new Map([...providers, [LAST_RESORT.provider, rock]]), models };
    },
    step() {
      const name = pick(Object.keys(steps));
      steps[name]?.();
      if (providers.size > 12) steps['a provider goes']?.();
      return name;
    },
  };
}

/** mulberry32: the same walk for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
