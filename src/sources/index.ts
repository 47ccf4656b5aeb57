/**
 * Where objects come from. In: paths of files and directories, or the environment's provider keys. Out: one ObjectSet per
 * revision, or the findings for which it is refused; changes as events, each change once. Must not know what objects
 * mean to each other, nor what they compile to: it reads, checks each object by itself, and says where fields stand.
 */
export { type Environment, objectsFromEnvironment } from './environment.ts';
export { type ReadOptions, type ReadResult, readSources } from './read.ts';
export type { Source } from './source.ts';
export { createStaticSource, type StaticSource } from './static.ts';
export { createDirectorySource, type WatchOptions } from './watch.ts';
