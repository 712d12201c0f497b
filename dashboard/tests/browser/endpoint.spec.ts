// The page of one endpoint.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, faults, figure, numberIn, numberOf, overflow, shop, test } from './page';
import type { Row } from './tally';
import { endpoints, pastHours } from './tally';

const run = promisify(execFile);
const window = pastHours(14, 2);

async function charges(): Promise<Row> {
  const rows = await endpoints(shop.url, `${window.query}&service=payments`);
  return rows.find((row) => row.method === 'POST' && row.route === '/v1/charges')!;
}

test('its figures, charts, heat map and worst hours are there', async ({ page }) => {
  const row = await charges();
  await page.goto(`/endpoints/${row.id}?${window.query}`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('/v1/charges');
  await expect(figure(page, 'Requests')).toContainText(row.requests.toLocaleString('en'));
  expect(Math.abs((await numberOf(figure(page, 'Error ratio'))) - row.error_ratio!)).toBeLessThan(0.001);
  const p99 = row.duration_ms.p99!;
  expect(Math.abs((await numberOf(figure(page, 'p99'))) - p99) / p99).toBeLessThan(0.006);
  for (const name of [/^Requests per/, /^Errors by status class/, /^Latency/]) {
    await expect(page.getByRole('slider', { name })).toBeVisible();
  }
  const heat = page.getByRole('img', { name: /heat map/i });
  await expect(heat).toBeVisible();
  // Something is drawn on it.
  const inks = await heat.locator('canvas').first().evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<number>();
    for (let i = 0; i < data.length; i += 4) seen.add((data[i]! << 24) | (data[i + 1]! << 16) | (data[i + 2]! << 8) | data[i + 3]!);
    return seen.size;
  });
  expect(inks).toBeGreaterThan(4);
  const worst = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Worst hours' }) });
  await expect(worst.getByRole('row').nth(1)).toContainText('%');
});

test('the heat map’s numbers are behind it, and are all of them', async ({ page }) => {
  test.setTimeout(120_000);
  const row = await charges();
  await page.goto(`/endpoints/${row.id}?${window.query}`);
  const show = page.getByRole('button', { name: 'Latency distribution over time: show as table' });
  await show.click();
  await expect(page.getByRole('img', { name: /heat map/i })).toBeHidden();
  const table = page.getByRole('region', { name: 'Latency distribution over time, as a table' });
  const rows = await table.getByRole('row').evaluateAll((all) => all.map((tr) => [...tr.children].map((cell) => cell.textContent!)));
  const sum = (cells: string[]) => cells.slice(1).reduce((n, cell) => n + numberIn(cell), 0);
  const [head, whole, ...rest] = rows;
  expect(head!.slice(0, 2)).toEqual(['Time', expect.stringMatching(/^up to \d/)]);
  expect(sum(whole!)).toBe(row.requests);
  const steps = rest.filter(([name]) => !name!.endsWith('before'));
  expect(steps.reduce((n, cells) => n + sum(cells), 0)).toBe(row.requests);
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      expect(await faults(page), `${colorScheme}, ${width} px`).toEqual([]);
      expect(await overflow(page), `${width} px`).toBe(0);
    }
  }
  await show.click();
  await expect(page.getByRole('img', { name: /heat map/i })).toBeVisible();
});

test('the copied curl command answers what the page shows', async ({ page }) => {
  const row = await charges();
  await page.goto(`/endpoints/${row.id}?${window.query}`);
  await expect(figure(page, 'Requests')).toContainText(row.requests.toLocaleString('en'));
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).toContain('curl');
  const { stdout } = await run('sh', ['-c', command], { env: { ...process.env, TALLY_URL: shop.url, TALLY_READ_KEY: 'none' } });
  const answer = JSON.parse(stdout) as { summary?: { requests: number }; points?: { requests: number }[]; series?: { requests: number[] } };
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  const requests = answer.summary?.requests ?? sum(answer.points?.map((point) => point.requests) ?? answer.series!.requests);
  expect(requests).toBe(row.requests);
});

test('an endpoint that is not there is said to be so', async ({ page, watch }) => {
  watch.allowed = /404/;
  await page.goto('/endpoints/1');
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/no (such )?endpoint|not/i);
});
