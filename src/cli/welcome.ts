import type { GatewayIr, HostIr, InferenceRuleIr, ListenerIr } from '../ir/index.ts';

/** What `run` prints once Envoy serves: the URL of each listener and a request that works there. */
export function welcome(gateway: GatewayIr): string {
  const lines: string[] = [];
  for (const listener of gateway.listeners) {
    lines.push(`Gateway ${gateway.key} serves ${listenerUrl(listener)}`);
    const sample = sampleRequest(listener);
    if (sample) lines.push('', ...sample, '');
  }
  return `${lines.join('\n')}\n`;
}

function listenerUrl(listener: ListenerIr): string {
  const scheme = listener.chains.some((chain) => chain.tls) ? 'https' : 'http';
  const local = ['0.0.0.0', '::'].includes(listener.address) ? '127.0.0.1' : listener.address;
  return `${scheme}://${local.includes(':') ? `[${local}]` : local}:${listener.port}`;
}

function sampleRequest(listener: ListenerIr): string[] | undefined {
  for (const chain of listener.chains) {
    for (const host of chain.hosts) {
      const sample = firstInference(host);
      if (sample === undefined) continue;
      const anthropic = sample.rule.backends.every((ref) => sample.isAnthropic(ref.backend));
      const insecure = chain.tls ? ' -k' : '';
      const hostHeader = host.hostname === '*' ? [] : [`  -H 'host: ${host.hostname.replace('*', 'www')}' \\`];
      const body = {
        model: sample.model,
        ...(anthropic && { max_tokens: 100 }),
        messages: [{ role: 'user', content: 'Hello' }],
      };
      return [
        `curl${insecure} ${listenerUrl(listener)}${anthropic ? '/anthropic/v1/messages' : '/v1/chat/completions'} \\`,
        `  -H 'content-type: application/json' \\`,
        ...(anthropic ? [`  -H 'anthropic-version: 2023-06-01' \\`] : []),
        ...hostHeader,
        `  -d '${JSON.stringify(body)}'`,
      ];
    }
  }
  return undefined;
}

interface Sample {
  readonly model: string;
  readonly rule: InferenceRuleIr;
  isAnthropic(backend: string): boolean;
}

/** A rule to ask, and a model it serves; where a rule matches by pattern, a well-known model of the provider. */
function firstInference(host: HostIr): Sample | undefined {
  for (const { action, match } of host.routes) {
    if (action.kind !== 'inference' || action.rule.backends.length === 0) continue;
    const header = match.headers.find((candidate) => candidate.name === 'x-ai-eg-model');
    if (match.headers.some((candidate) => candidate !== header)) continue;
    const isAnthropic = (backend: string): boolean => backend.endsWith('/anthropic');
    const known = action.rule.backends.every((ref) => isAnthropic(ref.backend)) ? 'claude-haiku-4-5' : 'gpt-4o-mini';
    return { model: header?.type === 'exact' ? header.value : known, rule: action.rule, isAnthropic };
  }
  return undefined;
}
