// Before the first test: a Tally with two days of the demo's shop. After the last: nothing of it is left.

import { System, tellHistory } from './system';
import { untilCounted } from './tally';

/** Two days of the demo's shop, thinly: debug programs count slowly. */
export async function furnish(url: string): Promise<void> {
  await tellHistory(url, '48h', 1);
  await untilCounted(url);
}

export default async function setup(): Promise<() => Promise<void>> {
  // For work on the tests: `npx vite-node tests/browser/serve.ts` starts one that stays, and says how to name it.
  if (process.env.TALLY_TEST_URL) return async () => {};
  const system = await System.start();
  try {
    await furnish(system.url);
  } catch (error) {
    await system.stop();
    throw error;
  }
  process.env.TALLY_TEST_URL = system.url;
  process.env.TALLY_TEST_DATA = system.data;
  process.env.TALLY_TEST_PID = String(system.pid);
  return () => system.stop();
}
