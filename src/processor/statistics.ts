/** Counts of a processor. */
export interface Statistics {
  /** Exchanges that are under way. */
  open: number;
  /** Requests translated. */
  requests: number;
  /** Answers translated to their end. */
  answers: number;
  /** Requests answered in place of the provider: what it could not carry, overload. */
  refusals: number;
  overloads: number;
  /** Copies of mirrored requests that were refused before others had to be. */
  dropped: number;
  /** Answers that could not be translated. */
  failures: number;
}

export function createStatistics(): Statistics {
  return { open: 0, requests: 0, answers: 0, refusals: 0, overloads: 0, dropped: 0, failures: 0 };
}

/** Prometheus text. */
export function exposeStatistics(statistics: Statistics): string {
  const { open, ...counters } = statistics;
  const lines = Object.entries(counters).map(([name, value]) => metric('counter', `${name}_total`, value));
  return [metric('gauge', 'exchanges', open), ...lines].join('');
}

function metric(type: string, name: string, value: number): string {
  return `# TYPE headgate_processor_${name} ${type}\nheadgate_processor_${name} ${value}\n`;
}
