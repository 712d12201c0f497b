// A Tally as the tests use it, which stays until Ctrl-C: `npx vite-node tests/browser/serve.ts`.

import { furnish } from './setup';
import { System } from './system';

const system = await System.start();
await furnish(system.url);
console.log(`export TALLY_TEST_URL=${system.url} TALLY_TEST_DATA=${system.data} TALLY_TEST_PID=${system.pid}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void system.stop().then(() => process.exit()));
