import { luaString } from '../../src/envoy/cost-lua/text.ts';
import { COUNT_FIELDS } from '../../src/envoy/cost-lua.ts';
import type { CostInputs } from '../../src/lib/cel.ts';
import { type EnvoyProcess, request, startEnvoy } from '../support/index.ts';

/** What a chunk gave for one set of inputs: a number, or why there is none. */
export type LuaResult = { readonly value: number } | { readonly error: string };

/** Runs chunks in the LuaJIT of a real Envoy: every chunk with every set of inputs, all in one request. */
export async function runInEnvoy(chunks: readonly string[], inputs: readonly CostInputs[]): Promise<LuaResult[][]> {
  const envoy = await startEnvoy({ bootstrap: bootstrap(script(chunks, inputs)) });
  try {
    return await ask(envoy, chunks.length, inputs.length);
  } finally {
    await envoy.stop();
  }
}

async function ask(envoy: EnvoyProcess, chunks: number, inputs: number): Promise<LuaResult[][]> {
  const response = await request({ port: await envoy.listenerPort('lua') });
  const lines = response.text.split('\n').filter((line) => line !== '');
  if (response.status !== 200 || lines.length !== chunks * inputs) {
    throw new Error(`the script answered ${response.status} with ${lines.length} lines\n${envoy.log.join('\n')}`);
  }
  const results = lines.map((line): LuaResult => {
    const [kind, rest] = [line[0], line.slice(1)];
    return kind === '=' ? { value: Number(rest) } : { error: decodeURIComponent(rest) };
  });
  return Array.from({ length: chunks }, (_, i) => results.slice(i * inputs, (i + 1) * inputs));
}

function script(chunks: readonly string[], inputs: readonly CostInputs[]): string {
  const sets = inputs.map((one) => {
    const counts = Object.entries(COUNT_FIELDS).map(
      ([name, field]) => `${field} = ${String(one[name as 'input_tokens'])}`,
    );
    const names = [one.model, one.backend, one.route_name].map(luaString).join(', ');
    return `{{${counts.join(', ')}}, ${names}}`;
  });
  return `
local CHUNKS = {${chunks.map((chunk) => `${luaString(chunk)},\n`).join('')}}
local INPUTS = {${sets.join(',\n')}}
local function hex(c) return string.format('%%%02X', string.byte(c)) end
function envoy_on_request(handle)
  local lines = {}
  for i = 1, #CHUNKS do
    local load, wrong = loadstring(CHUNKS[i])
    for j = 1, #INPUTS do
      local input = INPUTS[j]
      local value, why
      if load then value, why = load()(input[1], input[2], input[3], input[4]) else why = 'does not load: ' .. wrong end
      if value then lines[#lines + 1] = '=' .. string.format('%.17g', value)
      else lines[#lines + 1] = '!' .. string.gsub(tostring(why), '[%c%%]', hex) end
    end
  end
  handle:respond({[':status'] = '200'}, table.concat(lines, '\\n') .. '\\n')
end
`;
}

function bootstrap(source: string): Record<string, unknown> {
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const filters = [
    {
      name: 'lua',
      typed_config: { '@type': type('http.lua.v3.Lua'), default_source_code: { inline_string: source } },
    },
    { name: 'router', typed_config: { '@type': type('http.router.v3.Router') } },
  ];
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 404 } }];
  const manager = {
    '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'lua',
    http_filters: filters,
    route_config: { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes }] },
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'lua',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
        },
      ],
    },
  };
}
