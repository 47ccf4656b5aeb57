import type { Colors } from '../output.ts';
import type { BackendExplanation, Explanation, LimitExplanation, ListenerExplanation, Outcome } from './explanation.ts';

/** Routes that did not match, shown at most. */
const MAX_OTHERS = 25;

/** An explanation for people. */
export function formatExplanation(explanation: Explanation, colors: Colors): string {
  const { request, listeners } = explanation;
  const head = [
    row('request', `${request.method} ${request.host ?? ''}${request.path}`),
    ...(request.endpoint === undefined ? [] : [row('endpoint', request.endpoint)]),
    ...(request.model === undefined ? [] : [row('model', request.model)]),
  ];
  return [...head, ...listeners.flatMap((listener) => ['', ...formatListener(listener, colors)]), ''].join('\n');
}

function row(name: string, value: string): string {
  return `${name.padEnd(10)} ${value}`;
}

function formatListener(listener: ListenerExplanation, colors: Colors): string[] {
  const { route, others } = listener;
  const shown = others.slice(0, MAX_OTHERS);
  return [
    row('gateway', listener.gateway),
    row('listener', `${listener.listener} (${listener.tls ? 'https' : 'http'} ${listener.address})`),
    ...(listener.host === undefined ? [] : [row('host', listener.host)]),
    ...(route
      ? [
          row(
            'route',
            `${colors.bold(route.object)}: ${route.field}${route.place === undefined ? '' : ` (${route.place})`}`,
          ),
          row('matched', route.conditions.join(', ') || 'everything'),
        ]
      : []),
    ...formatOutcome(listener.outcome, colors),
    ...(shown.length === 0 ? [] : ['others']),
    ...shown.map(({ name, reason }) => `  ${name}: ${reason}`),
    ...(shown.length < others.length ? [`  and ${others.length - shown.length} more (-o json shows all)`] : []),
  ];
}

function formatOutcome(outcome: Outcome, colors: Colors): string[] {
  switch (outcome.kind) {
    case 'answer':
      return [row('answer', colors.red(`${outcome.status} ${outcome.message}`))];
    case 'redirect':
      return [row('answer', `${outcome.status} to ${outcome.to}`)];
    case 'models':
      return [row('answer', '200 list of models'), ...outcome.models.map(({ id, ownedBy }) => `  ${id} (${ownedBy})`)];
    case 'backends':
      return [
        ...list('timeouts', outcome.timeouts),
        ...list('retry', outcome.retry),
        ...list('changes', outcome.changes),
        ...(outcome.limits.length === 0 ? [] : ['limits']),
        ...outcome.limits.flatMap((limit) => formatLimit(limit).map((line) => `  ${line}`)),
        'backends',
        ...outcome.backends.flatMap((backend, index) => formatBackend(backend, index + 1, colors)),
        ...outcome.skipped.map(({ backend, reason }) => `  -  ${backend}: ${reason}`),
        ...(outcome.costs.length === 0 ? [] : ['costs']),
        ...outcome.costs.map(({ key, value }) => `  ${key}: ${value}`),
      ];
  }
}

function list(name: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [row(name, values.join(', '))];
}

function formatBackend(backend: BackendExplanation, position: number, colors: Colors): string[] {
  const schema = backend.schema === undefined ? '' : ` (${backend.schema})`;
  const facts: [string, string | undefined][] = [
    ['cluster', backend.cluster],
    ['endpoints', backend.endpoints.join(', ')],
    ['tls', backend.tls],
    ['path', backend.path],
    ['model', backend.model],
    ['credential', backend.credential ?? (backend.schema === undefined ? undefined : 'none')],
    ['changes', backend.changes.length === 0 ? undefined : backend.changes.join(', ')],
  ];
  return [
    `  ${position}. ${colors.bold(backend.backend)}${schema}, priority ${backend.priority}, ${backend.percent}%`,
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`     ${name.padEnd(10)} ${value}`])),
    ...(backend.quota ?? []).flatMap((bucket) =>
      formatLimit(bucket).map((line, i) => `     ${(i === 0 ? 'quota' : '').padEnd(10)} ${line}`),
    ),
  ];
}

function formatLimit({ limit, source, bucket, missed, shadow, counts }: LimitExplanation): string[] {
  const whose = bucket === undefined ? `not met: ${(missed ?? []).join(', ')}` : `${bucket}: ${counts.join(', ')}`;
  return [`${limit} ${whose}${shadow ? ' (shadow: refuses nothing)' : ''}`, `  by ${source}`];
}
