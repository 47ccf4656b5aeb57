import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { showsBearer } from '../lib/bearer.ts';
import { GatewayError } from '../lib/errors.ts';

export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  /** A part of it fails, and the server serves on. */
  readonly impaired?: boolean;
  readonly message?: string;
}

/** Of which gateway or node, and what of it, in the words of Envoy's `/config_dump`. */
export interface DumpRequest {
  readonly gateway?: string;
  readonly node?: string;
  readonly resource?: string;
  readonly mask?: string;
  readonly nameRegex?: string;
  readonly includeEds: boolean;
}

/** What the admin API shows, asked for at each request. */
export interface AdminView {
  /** JSON of `/api/status`. */
  status(): object;
  readiness(): readonly ReadinessCheck[];
  /**
   * In the shape of Envoy's `/config_dump`, secrets masked; undefined where there is no such gateway or node.
   * Errors: GatewayError `invalid_input`, `not_found`.
   */
  configDump(of: DumpRequest): object | undefined;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** JSON of `/api/budgets`: the `max` buckets with the least left. Absent where another process keeps the buckets. */
  readonly budgets?: (max: number) => Promise<object>;
  /** Told of what goes wrong while a request is answered. */
  readonly onFailure?: (error: Error) => void;
  /** Bearer token that all but health asks for. */
  readonly token?: () => string;
}

export interface AdminServer {
  /** Errors: GatewayError `port_in_use`. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  close(): Promise<void>;
}

/** The admin HTTP API of a control plane. */
export function createAdminServer(view: AdminView): AdminServer {
  const app = createApp(view);
  const server = createServer(getRequestListener(app.fetch));
  return {
    listen: (address) => listen(server, address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createApp(view: AdminView): Hono {
  const app = new Hono();
  app.get('/healthz', (c) => c.text('ok\n'));
  app.get('/livez', (c) => c.text('ok\n'));
  app.get('/readyz', (c) => {
    const checks = view.readiness();
    const ready = checks.every((check) => check.ok);
    const lines = checks.map(
      (check) =>
        `[${check.ok ? (check.impaired ? '!' : '+') : '-'}] ${check.name}${check.message ? `: ${check.message}` : ''}`,
    );
    const text = c.req.query('verbose') === undefined ? [] : lines;
    return c.text(`${[...text, ready ? 'ok' : 'not ready'].join('\n')}\n`, ready ? 200 : 503);
  });
  app.use(async (c, next) => {
    if (view.token !== undefined && !showsBearer(c.req.header('authorization'), view.token())) {
      c.header('www-authenticate', 'Bearer');
      return c.json({ error: 'a bearer token is needed, as --admin-token-file of the server has it' }, 401);
    }
    return next();
  });
  app.get('/metrics', async (c) => c.text(await view.metrics()));
  app.get('/api/status', (c) => c.json(view.status()));
  app.get('/api/budgets', async (c) => {
    const text = c.req.query('max') ?? '100';
    if (!view.budgets)
      return c.json({ error: 'the rate limit service is another process: ask its --admin-address' }, 404);
    return /^\d{1,5}$/.test(text)
      ? c.json(await view.budgets(Number(text)))
      : c.json({ error: 'max is a number' }, 400);
  });
  app.get('/config_dump', (c) => {
    const { gateway, node, resource, mask, name_regex: nameRegex, include_eds: includeEds } = c.req.query();
    if (gateway === undefined && node === undefined) {
      return c.json({ error: 'name what to dump: ?gateway=NAMESPACE/NAME or ?node=ID' }, 400);
    }
    const dump = view.configDump({
      ...(gateway !== undefined && { gateway }),
      ...(node !== undefined && { node }),
      ...(resource !== undefined && { resource }),
      ...(mask !== undefined && { mask }),
      ...(nameRegex !== undefined && { nameRegex }),
      includeEds: includeEds !== undefined,
    });
    return dump === undefined
      ? c.json({ error: `no such ${node === undefined ? 'gateway' : 'node'}` }, 404)
      : c.json(dump);
  });
  app.onError((error, c) => {
    if (error instanceof GatewayError && error.fault === 'client') {
      return c.json({ error: error.message }, error.code === 'not_found' ? 404 : 400);
    }
    view.onFailure?.(error);
    return c.json({ error: 'the server failed to answer this, and its log says why' }, 500);
  });
  app.notFound((c) => c.json({ error: `no ${c.req.method} ${c.req.path} here` }, 404));
  return app;
}

function listen(server: Server, address: { host: string; port: number }): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text = `${address.host}:${address.port}`;
      const taken = error.code === 'EADDRINUSE';
      reject(
        new GatewayError(
          taken ? 'port_in_use' : 'unavailable',
          taken
            ? `the admin address ${text} is in use`
            : `cannot listen on the admin address ${text}: ${error.message}`,
          { cause: error },
        ),
      );
    });
    server.listen(address.port, address.host, () => {
      const bound = server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
  });
}
