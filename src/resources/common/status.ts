import { choice, int64, list, object, optional, type Static, text } from '../schema.ts';

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** One statement about an object, as Kubernetes writes it. */
export const Condition = object({
  lastTransitionTime: text({ format: 'date-time', description: 'When status last changed.' }),
  message: text({ maxLength: 32768, description: 'What a person should know.' }),
  observedGeneration: optional(int64({ minimum: 0, description: 'Generation of the object this is about.' })),
  reason: text({
    maxLength: 1024,
    minLength: 1,
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    description: 'What a program should know.',
  }),
  status: choice(['True', 'False', 'Unknown'], { description: 'Whether it is so.' }),
  type: text({
    maxLength: 316,
    pattern: `^(${label}(\\.${label})*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
    description: 'What the condition is about.',
  }),
});
export type Condition = Static<typeof Condition>;

/** A status of conditions alone. */
export const ConditionStatus = object(
  { conditions: optional(list(Condition, { description: 'What became of the object.' })) },
  { description: 'Written by the controller.' },
);
export type ConditionStatus = Static<typeof ConditionStatus>;
