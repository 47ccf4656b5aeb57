import { jsonAnswer } from '../../fakes/answer.ts';
import { type Fake, startFake } from '../../fakes/fake.ts';

/** A plain HTTP service that answers anything with 200 and its name, and records what came. */
export function startService(name: string): Promise<Fake> {
  return startFake(
    {
      kind: 'service',
      ownsCredential: () => true,
      answer: () => jsonAnswer(200, { service: name }),
      errorBody: (status, message) => ({ status, message }),
    },
    { name },
  );
}
