/** A process that asks a service again and again, and says when it was answered and what, a line each. */
import { connect, entries } from './client.ts';

const client = connect(Number(process.argv[2]));
for (;;) {
  const { overall_code } = await client.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] });
  console.log(`${Date.now()} ${overall_code}`);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
