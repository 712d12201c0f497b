// The page an operator opens first: the books add up; what was set aside is named, and counted once it can be.

import { randomUUID } from 'node:crypto';
import { expect, figure, numberIn, shop, test } from './page';
import { sql } from './system';
import type { Accounting } from './tally';
import { endpoints, post, read, untilCounted } from './tally';

test('the books add up, and are the API’s', async ({ page }) => {
  await untilCounted(shop.url);
  await page.goto('/pipeline');
  await expect(page.getByRole('heading', { name: 'Every accepted event is accounted for.' })).toBeVisible();
  const books = await read<Accounting>(shop.url, '/v1/accounting');
  const panel = page.locator('section').filter({ has: page.getByRole('heading', { name: /accounted for/ }) });
  await expect(panel).toContainText(books.accepted.toLocaleString('en'));
  const shown = async (name: string) => numberIn((await panel.innerText()).split(name)[1] ?? '');
  const [accepted, counted, dead, inFlight] = [await shown('Accepted'), await shown('Counted'), await shown('Dead-lettered'), await shown('In flight')];
  expect(counted + dead + inFlight).toBe(accepted);
  await expect(panel).toContainText(/Difference\s*0/);
  await expect(figure(page, 'Backlog')).toContainText('limit');
  await expect(figure(page, 'Freshness')).toBeVisible();
});

test('every shard is there with who reads it', async ({ page }) => {
  await page.goto('/pipeline');
  const shards = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Shards' }) });
  await expect(shards.getByRole('row')).toHaveCount(9);
  await expect(shards.getByRole('row').nth(1)).toContainText('reading');
});

test('a dead letter shows its reason, and is counted after a redrive', async ({ page }) => {
  const route = `/refused-${randomUUID().slice(0, 8)}`;
  const requests = async () => (await endpoints(shop.url, 'from=-1h&service=letters')).find((row) => row.route === route)?.requests ?? 0;
  await post(shop.url, [{ service: 'letters', route }]);
  await untilCounted(shop.url);
  const { id } = (await endpoints(shop.url, 'from=-1h&service=letters')).find((row) => row.route === route)!;
  await sql(shop.data, `alter table endpoint_minute add constraint refused check (endpoint <> ${id}) not valid`);
  try {
    await post(shop.url, [{ service: 'letters', route }, { service: 'letters', route }]);
    await untilCounted(shop.url);
  } finally {
    await sql(shop.data, 'alter table endpoint_minute drop constraint refused');
  }
  expect(await requests()).toBe(1);
  await page.goto('/pipeline');
  const letters = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Dead letters' }) });
  const row = letters.getByRole('row').filter({ hasText: 'letters' });
  await expect(row).toContainText('2');
  await row.getByRole('button', { name: /^Redrive/ }).click();
  await expect.poll(requests, { timeout: 30_000 }).toBe(3);
  await expect(page.getByRole('heading', { name: 'Every accepted event is accounted for.' })).toBeVisible();
});
