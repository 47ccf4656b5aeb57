/** Options of who keeps buckets: `ratelimit`, and `run` for its own service. */
import { type Command, Option } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import type { BucketFlags } from './bucket-store.ts';
import { parseDuration } from './server-options.ts';

export const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

export function addBucketOptions(command: Command): Command {
  return command
    .option(
      '--redis <url>',
      'keep buckets in Redis: redis:// or rediss:// (repeatable: sentinels, cluster nodes)',
      collect,
    )
    .addOption(new Option('--redis-mode <mode>').choices(['single', 'sentinel', 'cluster']).default('single'))
    .option('--redis-master <name>', 'what sentinels call the master')
    .option('--redis-password-file <file>', 'a file with the password of Redis')
    .option('--redis-ca <file>', 'authorities of the certificate of Redis')
    .addOption(
      new Option('--redis-timeout <duration>', 'an answer of Redis that takes longer is a failure')
        .argParser(parseDuration)
        .default(50, '50ms'),
    )
    .addOption(
      new Option('--failure-mode <mode>', 'without Redis: let pass, refuse, or go on counting alone')
        .choices(['open', 'closed', 'local'])
        .default('local'),
    )
    .option('--state-file <file>', 'without Redis: keep buckets over a restart');
}

/** Errors: GatewayError `usage` where the flags do not go together. */
export function checkBucketFlags({ redis, stateFile, redisMode }: BucketFlags): void {
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (redis && stateFile !== undefined) throw usage('--state-file is for buckets in memory, not for --redis');
  if (redis && redis.length > 1 && redisMode === 'single') {
    throw usage('several --redis need --redis-mode sentinel or cluster');
  }
}
