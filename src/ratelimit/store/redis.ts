/** Buckets in Redis, for any number of instances: one round trip a request, whatever the number of its descriptors. */
import { createHash } from 'node:crypto';
import { GatewayError } from '../../lib/errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import { listBuckets, type RedisNode } from './redis-list.ts';
import { readCounts, SCRIPT, scriptCall } from './redis-script.ts';
import type { BucketChange, BucketCount, Store } from './store.ts';

export interface RedisStoreOptions {
  /** `redis://` or, with TLS, `rediss://`; user, password and database in them. Of sentinels or of cluster nodes several. */
  readonly urls: readonly string[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The name by which sentinels know the master. */
  readonly masterName?: string;
  /** For Redis itself; without it what the first URL says. */
  readonly password?: string;
  /** PEM: authorities of the server's certificate. */
  readonly ca?: Buffer;
  /** An answer that takes longer is a failure. Default 50. */
  readonly timeoutMs?: number;
  readonly logger: Logger;
}

/** What is used of a client of either kind. */
interface Client extends RedisNode {
  /** Of a cluster alone. */
  nodes?(role: 'master'): RedisNode[];
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  on(event: 'error' | 'ready' | 'close', listener: (error: Error) => void): unknown;
  disconnect(): void;
  readonly status: string;
}

/** The requests of one turn, which go to Redis as one call. */
interface Batch {
  readonly changes: BucketChange[];
  readonly settle: ((counts: readonly BucketCount[] | undefined, error: unknown) => void)[];
}

const SHA = createHash('sha1').update(SCRIPT).digest('hex');
/** Changes of one call: Redis does nothing else meanwhile (about a microsecond each). */
const MAX_BATCH = 128;
const MAX_RETRY_MS = 500;
/** A connection that answers nothing for so long is given up. */
const SOCKET_TIMEOUT_MS = 5000;

/** Connects; Redis need not be there yet. Errors: GatewayError `invalid_input` for URLs that are none. */
export async function createRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { timeoutMs = 50, logger, mode } = options;
  const client = await connectClient(options);
  let batch: Batch | undefined;
  let trouble = '';
  let timeouts = 0;
  client.on('error', ({ message }) => {
    if (message !== trouble) logger.warn({ component: 'redis', reason: message }, 'Redis cannot be reached');
    trouble = message;
  });
  client.on('ready', () => {
    trouble = '';
    logger.info({ component: 'redis' }, 'connected to Redis');
  });

  async function call(changes: readonly BucketChange[]): Promise<readonly BucketCount[]> {
    const { keys, args } = scriptCall(changes, Math.random());
    const answer = await client.evalsha(SHA, keys.length, ...keys, ...args).catch((caught: unknown) => {
      if (!(caught instanceof Error) || !caught.message.startsWith('NOSCRIPT')) throw caught;
      return client.eval(SCRIPT, keys.length, ...keys, ...args);
    });
    const counts = readCounts(changes, answer);
    if (!counts) throw new GatewayError('unavailable', 'Redis answered what the script does not say');
    return counts;
  }

  function flush(): void {
    const due = batch;
    batch = undefined;
    if (!due) return;
    bounded(call(due.changes)).then(
      (counts) => {
        for (const settle of due.settle) settle(counts, undefined);
      },
      (error: unknown) => {
        for (const settle of due.settle) settle(undefined, error);
      },
    );
  }

  /** One timer a batch, not one a request. */
  function bounded<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let late: NodeJS.Immediate | undefined;
      const fail = (): void => {
        timeouts += 1;
        reject(new GatewayError('timeout', `Redis took more than ${timeoutMs} ms`));
      };
      // Timers come before sockets: after a pause of this process the answer may be there, and is read first.
      const timer = setTimeout(() => {
        late = setImmediate(fail);
      }, timeoutMs);
      work
        .then(resolve, (caught: unknown) => reject(GatewayError.from(caught, 'unavailable', 'Redis')))
        .finally(() => {
          clearTimeout(timer);
          if (late) clearImmediate(late);
        });
    });
  }

  function enqueue(changes: readonly BucketChange[]): Promise<readonly BucketCount[]> {
    if (batch && batch.changes.length + changes.length > MAX_BATCH) flush();
    if (!batch) {
      batch = { changes: [], settle: [] };
      setImmediate(flush);
    }
    const own = batch;
    const start = own.changes.length;
    own.changes.push(...changes);
    return new Promise((resolve, reject) => {
      own.settle.push((counts, error) => {
        if (counts) resolve(counts.slice(start, start + changes.length));
        else reject(error);
      });
    });
  }

  return {
    // Keys of a cluster are on different nodes: a call each, all on their way at once.
    apply: (changes) =>
      mode === 'cluster'
        ? bounded(Promise.all(changes.map((change) => call([change])))).then((counts) => counts.flat())
        : enqueue(changes),
    list: (prefix, max) =>
      listBuckets(client.nodes?.('master') ?? [client], prefix, max).catch((caught: unknown) => {
        throw GatewayError.from(caught, 'unavailable', 'Redis');
      }),
    gauges: () => ({ ratelimit_redis_ready: client.status === 'ready' ? 1 : 0, ratelimit_redis_timeouts: timeouts }),
    close() {
      client.disconnect();
      return Promise.resolve();
    },
  };
}

async function connectClient(options: RedisStoreOptions): Promise<Client> {
  const { mode, urls, masterName, ca } = options;
  const parsed = urls.map(parseUrl);
  const [first] = parsed;
  if (!first) throw new GatewayError('invalid_input', 'a Redis URL is needed');
  const { Redis, Cluster } = await import('ioredis');
  const password = options.password ?? first.password;
  const tls = first.isTls ? { tls: { ...(ca && { ca }) } } : {};
  const common = {
    // What was sent and not answered may have been counted: sending it again would count it twice.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    socketTimeout: SOCKET_TIMEOUT_MS,
    retryStrategy: retryMs,
    // After a failover the old master is read-only: connect again.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(first.user === '' ? {} : { username: first.user }),
    ...(password === '' ? {} : { password }),
    ...tls,
  };
  if (mode === 'cluster') {
    return new Cluster(
      parsed.map(({ host, port }) => ({ host, port })),
      {
        redisOptions: common,
        enableOfflineQueue: false,
        enableAutoPipelining: true,
        clusterRetryStrategy: retryMs,
        retryDelayOnFailover: 20,
        maxRedirections: 4,
        slotsRefreshTimeout: 1000,
      },
    );
  }
  if (mode === 'sentinel') {
    return new Redis({
      ...common,
      db: first.database,
      sentinels: parsed.map(({ host, port }) => ({ host, port })),
      name: masterName ?? 'mymaster',
      sentinelRetryStrategy: retryMs,
      sentinelReconnectStrategy: retryMs,
      enableTLSForSentinelMode: first.isTls,
      ...(first.isTls ? { sentinelTLS: { ...(ca && { ca }) } } : {}),
    });
  }
  return new Redis({ ...common, host: first.host, port: first.port, db: first.database });
}

function retryMs(times: number): number {
  return Math.min(MAX_RETRY_MS, 20 * 2 ** Math.min(times, 6));
}

interface RedisUrl {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: number;
  readonly isTls: boolean;
}

/** Errors: GatewayError `invalid_input`, which does not repeat the URL: it may hold a password. */
function parseUrl(text: string): RedisUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = Number((url?.pathname ?? '').replace('/', '') || '0');
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '' || !Number.isInteger(database)) {
    throw new GatewayError('invalid_input', 'a Redis URL is redis://HOST:PORT[/DATABASE], with TLS rediss://');
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    isTls: url.protocol === 'rediss:',
  };
}
