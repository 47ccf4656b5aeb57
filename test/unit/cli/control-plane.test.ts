/** What the control plane serves, keeps, holds and says, without a proxy. */
import { expect } from 'chai';
import { type ControlPlane, createControlPlane } from '../../../src/cli/control-plane.ts';
import { DEFAULT_COMPILE_OPTIONS } from '../../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../../src/policy/index.ts';
import { createStaticSource, type ReadResult, readSources, type Source } from '../../../src/sources/index.ts';
import { createLogger, createMetrics, type Logger } from '../../../src/telemetry/index.ts';
import { policyYaml, type RefFacts } from '../../envoy/gitops/policy.ts';

const NOTHING = { clients: 0, waiting: 0, staleSeconds: 0, findings: { error: 0, warning: 0, info: 0 } };

describe('control plane', () => {
  const planes: ControlPlane[] = [];
  afterEach(async () => {
    await Promise.all(planes.splice(0).map((plane) => plane.close(0)));
  });

  async function start(first: ReadResult, options: { allowMassRemoval?: boolean; strict?: boolean } = {}) {
    const source = sourceOf(first);
    const lines: string[] = [];
    let served = 0;
    const plane = createControlPlane({
      source,
      logger: logTo(lines),
      policy: DEFAULT_POLICY_OPTIONS,
      compile: DEFAULT_COMPILE_OPTIONS,
      allowMassRemoval: options.allowMassRemoval ?? false,
      strict: options.strict ?? false,
      metrics: createMetrics({ version: '0', envoyApi: '0' }, () => NOTHING),
      onServed: () => {
        served += 1;
      },
    });
    planes.push(plane);
    await plane.start({ host: '127.0.0.1', port: 0 });
    const change = async (result: ReadResult): Promise<void> => {
      source.replace(result);
      await new Promise((resolve) => setImmediate(resolve));
    };
    const codes = (): string[] => plane.status().findings.map(({ code }) => code);
    return { plane, lines, change, codes, served: () => served };
  }

  it('serves each revision once, and keeps the last good one when the next is refused', async () => {
    const { plane, change, codes, served } = await start(await read(gateway(4)));
    const hash = plane.status().served?.hash;
    expect(served()).to.equal(1);
    await change(await read('a: [b'));
    expect(plane.status()).to.include({ inPart: false });
    expect(plane.status().served?.hash).to.equal(hash);
    expect(plane.status().staleSince).to.be.a('string');
    expect(codes()).to.deep.equal(['HG0102']);
    await change(await read(gateway(5)));
    expect(plane.status().served?.hash).not.to.equal(hash);
    expect(plane.status().staleSince).to.equal(undefined);
    expect(codes()).to.deep.equal([]);
    expect(served()).to.equal(2);
  });

  it('holds a revision that removes more than half, and judges the next one against what is served', async () => {
    const { plane, change, codes } = await start(await read(gateway(8)));
    const hash = plane.status().served?.hash;
    await change(await read(gateway(3)));
    expect(codes()).to.deep.equal(['HG0801']);
    expect(plane.status().served?.hash).to.equal(hash);
    await change(await read(gateway(2)));
    expect(codes()).to.deep.equal(['HG0801']);
    await change(await read(gateway(4)));
    expect(codes()).to.deep.equal([]);
    expect(plane.status().served?.hash).not.to.equal(hash);
  });

  it('serves a held revision again when it was a mistake, without a change', async () => {
    const all = await read(gateway(8));
    const { plane, change, codes } = await start(all);
    const hash = plane.status().served?.hash;
    await change(await read(gateway(1)));
    await change(all);
    expect(codes()).to.deep.equal([]);
    expect(plane.status().served?.hash).to.equal(hash);
    expect(plane.status().staleSince).to.equal(undefined);
  });

  it('lets a revision pass that says which one it empties, once', async () => {
    const { plane, change, codes } = await start(await read(gateway(8)));
    const annotated = `${gateway(1)}\n---\n${allowing(plane.status().served?.hash ?? '')}`;
    await change(await read(annotated));
    expect(codes()).to.deep.equal([]);
    await change(await read(gateway(9)));
    await change(await read(annotated));
    expect(codes()).to.deep.equal(['HG0801']);
  });

  it('never holds with --allow-mass-removal', async () => {
    const { plane, change, codes } = await start(await read(gateway(8)), { allowMassRemoval: true });
    const hash = plane.status().served?.hash;
    await change(await read(gateway(0)));
    expect(codes()).to.deep.equal([]);
    expect(plane.status().served?.hash).not.to.equal(hash);
  });

  it('starts with what can be read of a refused source, and never holds what follows', async () => {
    const { plane, change, codes } = await start(await read(`${gateway(6)}\n---\na: [b`));
    expect(plane.status().inPart).to.equal(true);
    expect(plane.status().gateways).to.deep.equal(['default/gw']);
    expect(plane.status().staleSince).to.be.a('string');
    expect(codes()).to.deep.equal(['HG0102']);
    await change(await read(gateway(1)));
    expect(plane.status().inPart).to.equal(false);
    expect(codes()).to.deep.equal([]);
  });

  it('serves nothing of a refused source that has no Gateway to read', async () => {
    const { plane } = await start(await read('a: [b'));
    expect(plane.served).to.equal(undefined);
    expect(plane.status()).to.include({ inPart: false });
  });

  it('says that proxies wait where the source has no Gateway', async () => {
    const { lines, change } = await start(await read('apiVersion: v1\nkind: Namespace\nmetadata: {name: a}'));
    const warnings = () => lines.filter((line) => line.includes('no Gateway to serve'));
    expect(warnings()).to.have.length(1);
    await change(await read(gateway(2)));
    expect(warnings()).to.have.length(1);
  });

  it('refuses a revision with any error when strict', async () => {
    const broken = gateway(2).replace('name: p1, weight', 'name: nobody, weight');
    const { plane, change, codes } = await start(await read(gateway(2)), { strict: true });
    const hash = plane.status().served?.hash;
    await change(await read(broken));
    expect(codes()).to.include('HG0103');
    expect(plane.status().served?.hash).to.equal(hash);
  });

  it('refuses what would not fit together in an Envoy that has what does', async () => {
    // The sentinel of what fails over has a port of its own, which no listener may take.
    const both = (port: number): string =>
      policyYaml({
        ...facts(2),
        port,
        models: new Map([['m', [{ provider: 'p1' }, { provider: 'p2', priority: 1 }]]]),
      });
    const contradiction = both(DEFAULT_COMPILE_OPTIONS.sentinelPort);
    const { plane, change } = await start(await read(both(8080)));
    const hash = plane.status().served?.hash;
    expect(plane.view('default/gw')?.findings).to.deep.equal([]);
    await change(await read(contradiction));
    const [finding] = plane.status().findings;
    expect(finding).to.include({ code: 'HG0701', level: 'error' });
    expect(finding?.message).to.match(/binds port 18008, which .* binds too/);
    expect(finding?.object).to.equal('Gateway/default/gw');
    expect(plane.status().served?.hash).to.equal(hash);
    expect(plane.status().staleSince).to.be.a('string');
    await change(await read(both(8081)));
    expect(plane.status().findings).to.deep.equal([]);
    expect(plane.status().served?.hash).to.not.equal(hash);

    // Where nothing better is served, it is served and told of, and holds up nothing.
    const cold = await start(await read(contradiction));
    cold.plane.view('default/gw');
    expect(cold.codes()).to.deep.equal(['HG0701']);
    await cold.change(await read(contradiction.replace('name: m,', 'name: other,')));
    expect(cold.served()).to.equal(2);
  });

  it('says each finding once, with its place, while it stays', async () => {
    const broken = (models: number): string => gateway(models).replace('name: p1, weight', 'name: nobody, weight');
    const { lines, change } = await start(await read(broken(2)));
    await change(await read(broken(3)));
    await change(await read(broken(4)));
    const said = lines.filter((line) => line.includes('HG0103'));
    expect(said).to.have.length(1);
    expect(said[0]).to.match(/-:\d+:\d+: error\[HG0103\]: AIGatewayRoute\/default\/m1/);
    await change(await read(gateway(4)));
    expect(lines.some((line) => line.includes('settled'))).to.equal(true);
  });
});

function facts(models: number) {
  const refs = (name: string): RefFacts[] => [{ provider: name }];
  const names = Array.from({ length: models }, (_, i) => i + 1);
  return {
    port: 8080,
    providers: new Map(names.map((i) => [`p${i}`, { ports: [9000 + i] }])),
    models: new Map(names.map((i) => [`m${i}`, refs(`p${i}`)])),
  };
}

function gateway(models: number): string {
  return policyYaml(facts(models));
}

function allowing(hash: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: other, annotations: { headgate.dev/allow-mass-removal: "${hash}" } }
spec: { controllerName: headgate.dev/gateway-controller }
`;
}

function read(yaml: string): Promise<ReadResult> {
  return readSources(['-'], { env: {}, stdin: async () => yaml });
}

/** A static source whose first result may be a refusal. */
function sourceOf(first: ReadResult): Source & { replace(result: ReadResult): void } {
  const empty = createStaticSource({ revision: { hash: '' }, objects: [], findings: [] });
  return { ...empty, onChange: empty.onChange, replace: empty.replace, start: async () => first };
}

function logTo(lines: string[]): Logger {
  return createLogger({ level: 'debug', format: 'text', write: (line) => void lines.push(line) });
}
