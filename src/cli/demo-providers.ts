import { createDemoProvider, type DemoProvider, type DemoProviderOptions } from '../local/index.ts';
import type { Backend } from '../resources/envoy-gateway/index.ts';
import type { ObjectSet } from '../resources/index.ts';
import type { Logger } from '../telemetry/index.ts';

const ANNOTATION = 'headgate.dev/demo-provider';

/** The demonstration providers that annotated Backends ask for, kept in step with them. */
export interface DemoProviders {
  reconcile(set: ObjectSet): Promise<void>;
  close(): Promise<void>;
}

export function createDemoProviders(logger: Logger): DemoProviders {
  const running = new Map<string, DemoProvider>();
  return {
    async reconcile(set) {
      const wanted = wantedProviders(set, logger);
      for (const [key, provider] of running) {
        if (wanted.has(key)) continue;
        running.delete(key);
        await provider.close();
      }
      for (const [key, { options, port }] of wanted) {
        if (running.has(key)) continue;
        const provider = createDemoProvider(options);
        await provider.listen(port, '127.0.0.1');
        running.set(key, provider);
        logger.info({ provider: options.name, url: provider.url }, 'demo provider listens');
      }
    },
    async close() {
      await Promise.all([...running.values()].map((provider) => provider.close()));
      running.clear();
    },
  };
}

interface WantedProvider {
  readonly options: DemoProviderOptions;
  readonly port: number;
}

/** By all that a provider depends on, so that a change of any of it starts another one. */
function wantedProviders(set: ObjectSet, logger: Logger): Map<string, WantedProvider> {
  const wanted = new Map<string, WantedProvider>();
  for (const { id, object, valid } of set.objects) {
    const text = object.metadata.annotations?.[ANNOTATION];
    if (id.kind !== 'Backend' || !valid || text === undefined) continue;
    const [endpoint] = (object as unknown as Backend).spec.endpoints ?? [];
    const options = parseOptions(text);
    if (endpoint?.ip?.address !== '127.0.0.1' || options === undefined) {
      logger.warn(
        { object: `Backend/${id.namespace}/${id.name}` },
        `${ANNOTATION} needs JSON and an endpoint at 127.0.0.1`,
      );
      continue;
    }
    const { port } = endpoint.ip;
    wanted.set(`${id.namespace}/${id.name} ${port} ${text}`, { options: { ...options, name: id.name }, port });
  }
  return wanted;
}

function parseOptions(text: string): Omit<DemoProviderOptions, 'name'> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
