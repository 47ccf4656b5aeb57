import { expect } from 'chai';
import fc from 'fast-check';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import type { RouteIr } from '../../../src/ir/index.ts';
import {
  byList,
  type ClientRequest,
  chainOf,
  clientRequests,
  gatewayOf,
  queryOf,
  routeLists,
} from '../../property/matching/cases.ts';
import { freePort, inlineStatic, loadTest, type RequestOptions, startEnvoy } from '../../support/index.ts';

const HOSTS = 120;
const REQUESTS = 25;

/** Compiles a gateway with these hosts and loads it into Envoy at once. */
async function startHosts(hosts: Readonly<Record<string, readonly RouteIr[]>>, port: number) {
  const { resources } = compileGateway(
    gatewayOf(chainOf(hosts), port),
    new Map(),
    capabilitiesOf(NEWEST_ENVOY),
    DEFAULT_COMPILE_OPTIONS,
  );
  const ofType = (type: string) => resources.filter((one) => one.type === type).map(({ message }) => ({ ...message }));
  return startEnvoy({ bootstrap: inlineStatic({ listeners: ofType('listener'), routes: ofType('route') }) });
}

function toRequest(port: number, host: string, request: ClientRequest): RequestOptions {
  const query = queryOf(request);
  return {
    port,
    host,
    method: request.method,
    path: query === '' ? request.path : `${request.path}?${query}`,
    headers: request.headers,
    ...(request.method !== 'GET' && { body: { messages: [{ model: 'not-this-one' }], model: request.model } }),
  };
}

describe('matcher tree in Envoy', function () {
  this.timeout(120_000);

  it('says what the list of routes says', async () => {
    const seed = Date.now() % 1_000_000;
    const lists = fc.sample(routeLists, { numRuns: HOSTS, seed });
    const requests = fc.sample(clientRequests, { numRuns: HOSTS * REQUESTS, seed });
    const port = await freePort();
    const envoy = await startHosts(Object.fromEntries(lists.map((routes, i) => [`case-${i}.test`, routes])), port);
    try {
      const different: string[] = [];
      let served = 0;
      const result = await loadTest({
        concurrency: 8,
        total: requests.length,
        makeRequest: (i) => toRequest(port, `case-${i % HOSTS}.test`, requests[i] as ClientRequest),
        onResponse: (response, i) => {
          const expected = byList(lists[i % HOSTS] ?? [], requests[i] as ClientRequest);
          const { error } = response.json as { error?: { message: string } };
          const got = response.status === 200 ? error?.message : undefined;
          if (expected !== undefined) served++;
          if (got === expected && (got !== undefined || response.status === 404)) return;
          different.push(
            `seed ${seed}: ${JSON.stringify(requests[i])} expected ${expected}, got ${response.status} ${got}\n` +
              JSON.stringify(lists[i % HOSTS]?.map(({ name, match }) => ({ name, match }))),
          );
        },
      });
      expect(result.errors).to.deep.equal({});
      expect(different.slice(0, 3).join('\n'), `${different.length} differ`).to.equal('');
      expect(served).to.be.greaterThan(500);
    } finally {
      await envoy.stop();
    }
  });
});
