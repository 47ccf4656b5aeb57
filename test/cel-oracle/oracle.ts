import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CostInputs } from '../../src/lib/cel.ts';
import { contentHash } from '../../src/lib/hash.ts';

/** cel-go's answer to one expression. `results` has one entry for each set of inputs. */
export interface OracleAnswer {
  readonly ok: boolean;
  readonly stage?: string;
  readonly message?: string;
  readonly results: readonly { readonly value?: string; readonly error?: string }[];
}

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Builds the oracle once for each version of its source. Errors: throws when Go cannot build it. */
function oracleBinary(): string {
  const sources = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(join(FOLDER, name)));
  const cache = join(homedir(), '.cache', 'headgate');
  const binary = join(cache, `cel-oracle-${contentHash(...sources)}`);
  if (!existsSync(binary)) {
    mkdirSync(cache, { recursive: true });
    const fresh = `${binary}.${process.pid}`;
    execFileSync('go', ['build', '-o', fresh, '.'], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
    renameSync(fresh, binary);
  }
  return binary;
}

/** Asks cel-go about many expressions in one run, each with every set of inputs. */
export function askOracle(expressions: readonly string[], inputs: readonly CostInputs[]): OracleAnswer[] {
  const vars = inputs.map((one) => Object.fromEntries(Object.entries(one).map(([key, v]) => [key, String(v)])));
  const lines = expressions.map((expression) => JSON.stringify({ expression, vars }));
  const run = spawnSync(oracleBinary(), { input: lines.join('\n'), encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (run.status !== 0) throw new Error(`the oracle failed: ${run.stderr}`);
  const answers = run.stdout.trim().split('\n');
  if (answers.length !== expressions.length) throw new Error('the oracle left expressions out');
  return answers.map((line) => JSON.parse(line) as OracleAnswer);
}

/** Inputs that reach zero, order, size and name branches. */
export const SAMPLE_INPUTS: readonly CostInputs[] = [
  sample('gpt-4', 'openai', 'route', [0n, 0n, 0n, 0n, 0n, 0n]),
  sample('gpt-4o-mini', 'azure', '', [1200n, 200n, 0n, 345n, 1545n, 17n]),
  sample('claude-é😀', 'anthropic', 'r/1', [3n, 7n, 11n, 1n, 4n, 2n]),
  sample('', '', '', [1n, 1n, 1n, 1n, 1n, 1n]),
  sample('gpt\n4', 'b', 'a', [4294967295n, 0n, 5n, 4294967295n, 8589934590n, 3n]),
];

function sample(model: string, backend: string, route: string, counts: readonly bigint[]): CostInputs {
  const [input = 0n, cached = 0n, created = 0n, output = 0n, total = 0n, reasoning = 0n] = counts;
  return {
    model,
    backend,
    route_name: route,
    input_tokens: input,
    cached_input_tokens: cached,
    cache_creation_input_tokens: created,
    output_tokens: output,
    total_tokens: total,
    reasoning_tokens: reasoning,
  };
}
