// Before the first test: a Tally with two days of the demo's shop. After the last: nothing of it is left.

import { System, tellHistory } from './system';
import { untilCounted } from './tally';

export default async function setup(): Promise<() => Promise<void>> {
  const system = await System.start();
  try {
    await tellHistory(system.url, '48h', 1);
    await untilCounted(system.url);
  } catch (error) {
    await system.stop();
    throw error;
  }
  process.env.TALLY_TEST_URL = system.url;
  process.env.TALLY_TEST_DATA = system.data;
  process.env.TALLY_TEST_PID = String(system.pid);
  return () => system.stop();
}
