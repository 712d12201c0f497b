// Live: figures change without a reload; the page outlives a killed API and says so meanwhile.

import { randomUUID } from 'node:crypto';
import { bodyRows, endpointTable, expect, filterBox, shop, test } from './page';
import { apiOf } from './system';
import { post, untilCounted } from './tally';

test('an event changes the page without a reload', async ({ page }) => {
  const service = `live-${randomUUID().slice(0, 8)}`;
  await post(shop.url, Array.from({ length: 7 }, () => ({ service, route: '/now', duration_ms: 5 })));
  await untilCounted(shop.url);
  await page.goto(`/?w=1h&f=service:${service}`);
  const row = bodyRows(endpointTable(page)).first();
  await expect(row).toContainText('/now');
  await page.evaluate(() => Object.assign(globalThis, { still: true }));
  await expect(row.getByRole('cell').filter({ hasText: /^7$/ })).toBeVisible();
  await post(shop.url, Array.from({ length: 5 }, () => ({ service, route: '/now', duration_ms: 5 })));
  await expect(row.getByRole('cell').filter({ hasText: /^12$/ })).toBeVisible();
  expect(await page.evaluate(() => 'still' in globalThis)).toBe(true);
});

test('the page says up to when everything is counted', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('banner')).toContainText(/Live · counted through \d\d:\d\d:\d\d/);
});

test('a killed API is said, and outlived', async ({ page, watch }) => {
  watch.allowed = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|Failed to load resource/;
  const service = `kill-${randomUUID().slice(0, 8)}`;
  await post(shop.url, [{ service, route: '/before', duration_ms: 5 }]);
  await untilCounted(shop.url);
  await page.goto(`/?w=1h&f=service:${service}`);
  const row = bodyRows(endpointTable(page)).first();
  await expect(row).toContainText('/before');
  // Who keeps it would start it again within a blink: he sleeps while we look.
  process.kill(shop.pid, 'SIGSTOP');
  try {
    process.kill(await apiOf(shop.pid), 'SIGKILL');
    const banner = page.getByRole('status').filter({ hasText: 'Reconnecting.' });
    await expect(banner).toBeVisible();
    await expect(banner).toContainText(/These numbers are from \d\d:\d\d:\d\d/);
    await expect(banner.getByRole('button', { name: 'Try now' })).toBeVisible();
    await expect(row, 'the old numbers stay').toContainText('/before');
  } finally {
    process.kill(shop.pid, 'SIGCONT');
  }
  await expect(page.getByText('Reconnecting.')).toBeHidden({ timeout: 40_000 });
  await post(shop.url, Array.from({ length: 3 }, () => ({ service, route: '/before', duration_ms: 5 })));
  await expect(row.getByRole('cell').filter({ hasText: /^4$/ })).toBeVisible();
  await expect(filterBox(page)).toHaveValue(`service:${service}`);
});
