/** grpc.health.v1.Health: whether this instance takes requests. */
import type { Answers, Method } from './streams.ts';

export interface Health {
  readonly methods: ReadonlyMap<string, Method>;
  /** Tells those who watch. */
  set(isServing: boolean): void;
  readonly isServing: boolean;
  /** Ends what watches. */
  close(): void;
}

// HealthCheckResponse { status: SERVING = 1 | NOT_SERVING = 2 }
const SERVING = Buffer.from([0x08, 1]);
const NOT_SERVING = Buffer.from([0x08, 2]);

/** Creates the health of a server. It is the same for every service name. */
export function createHealth(isServing = true): Health {
  const watching = new Set<Answers>();
  const current = (): Buffer => (isServing ? SERVING : NOT_SERVING);
  return {
    methods: new Map<string, Method>([
      ['/grpc.health.v1.Health/Check', { kind: 'unary', answer: current }],
      [
        '/grpc.health.v1.Health/Watch',
        {
          kind: 'streaming',
          open(_message, answers) {
            watching.add(answers);
            answers.send(current());
            return () => void watching.delete(answers);
          },
        },
      ],
    ]),
    set(next) {
      if (next === isServing) return;
      isServing = next;
      for (const answers of watching) answers.send(current());
    },
    get isServing() {
      return isServing;
    },
    close() {
      for (const answers of [...watching]) answers.end();
      watching.clear();
    },
  };
}
