/** Load on one side, and what it costs Envoy. Linux only: CPU time comes from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { Case } from './cases.ts';
import type { Side } from './subject.ts';

/** What a run of requests took. Shape: CPU of Envoy in microseconds per request; latencies in milliseconds. */
export interface Run {
  readonly cpuUs: number;
  readonly latenciesMs: readonly number[];
}

/** CPU time of all threads of a process in nanoseconds. */
function cpuNs(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return total;
}

/** A client with a fixed number of connections. */
export function createClient(concurrency: number): {
  run: (side: Side, one: Case, requests: number) => Promise<Run>;
  close: () => void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const run = async ({ pid, port }: Side, one: Case, requests: number): Promise<Run> => {
    const latenciesMs: number[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next++ < requests) {
        const start = performance.now();
        await send(agent, port, one);
        latenciesMs.push(performance.now() - start);
      }
    };
    const before = cpuNs(pid);
    await Promise.all(Array.from({ length: concurrency }, worker));
    return { cpuUs: (cpuNs(pid) - before) / 1000 / requests, latenciesMs };
  };
  return { run, close: () => agent.destroy() };
}

/** Errors: rejects for a status other than 200, so that a refused request is never taken for a fast one. */
function send(agent: Agent, port: number, one: Case): Promise<void> {
  const headers = {
    ...{ 'content-type': 'application/json', 'content-length': one.body.length, authorization: 'Bearer client' },
    ...one.headers,
  };
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/v1/chat/completions', agent, headers },
      (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`${one.name}: status ${response.statusCode}`)),
        );
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(one.body);
  });
}
