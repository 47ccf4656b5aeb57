/**
 * The measured server: the built product's xDS room with the resources of a file, and the commands that
 * baseline/server.go knows too. Plain JavaScript, so that nothing but the product is in the process.
 */
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [dist = '', file = ''] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(resolve(join(dist, path))).href);
const { createSnapshot, createXdsServer } = await load('xds/index.js');
const { createLogger } = await load('telemetry/logger.js');

const resources = new Map();
const changes = new Map();
for await (const line of createInterface({ input: createReadStream(file) })) {
  const { kind, round, typeUrl, name, value, requires } = JSON.parse(line);
  const input = { typeUrl, name, value: Buffer.from(value, 'base64'), ...(requires === undefined ? {} : { requires }) };
  if (kind === '') resources.set(`${typeUrl} ${name}`, input);
  else changes.set(`${kind} ${round}`, input);
}

const server = createXdsServer({ resolve: () => 'fleet', logger: createLogger({ level: 'info', format: 'json' }) });
let snapshot = createSnapshot(resources.values());
server.setSnapshot('fleet', snapshot);
const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
report({ port });

for await (const line of createInterface({ input: process.stdin })) {
  const [command, kind, round] = line.split(' ');
  if (command === 'publish') report(publish(kind, round));
  else if (command === 'heap') report(await heap());
  else throw new Error(`unknown command: ${line}`);
}
// Whoever asked is gone.
process.exit();

function publish(kind, round) {
  const begin = monotonic();
  const change = changes.get(`${kind} ${round}`);
  if (change !== undefined) resources.set(`${change.typeUrl} ${change.name}`, change);
  snapshot = createSnapshot(resources.values(), snapshot);
  server.setSnapshot('fleet', snapshot);
  return { begin, end: monotonic() };
}

async function heap() {
  // Twice, with a turn between: what the first one frees may hold what the second one frees.
  for (let i = 0; i < 2; i++) {
    global.gc?.();
    await new Promise((done) => setImmediate(done));
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed + external };
}

function monotonic() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function report(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
