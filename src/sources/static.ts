import type { ObjectSet } from '../resources/index.ts';
import { createPublisher } from './publisher.ts';
import type { ReadResult } from './read.ts';
import type { Source } from './source.ts';

/** A source that holds what it is given. */
export interface StaticSource extends Source {
  /** Puts another result in place, as a change of files would. */
  replace(result: ReadResult): void;
}

/** Makes a source of one set: for configuration that has no files, and for tests. */
export function createStaticSource(set: ObjectSet): StaticSource {
  const publisher = createPublisher();
  const first: ReadResult = { ok: true, set };
  publisher.publish(first);
  return {
    get current() {
      return publisher.current;
    },
    get lastGood() {
      return publisher.lastGood;
    },
    onChange: publisher.onChange,
    replace: publisher.publish,
    start: async () => publisher.current ?? first,
    reload: async () => publisher.current ?? first,
    close: async () => undefined,
  };
}
