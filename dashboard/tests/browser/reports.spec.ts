// Reports: made, listed, downloaded, readable without any network, deleted.

import { readFile } from 'node:fs/promises';
import { expect, shop, test } from './page';
import type { Figures } from './tally';
import { pastHours, read } from './tally';

test('a report is made, listed, read offline and deleted', async ({ page, browser }) => {
  const window = pastHours(9, 6);
  const summary = await read<Figures>(shop.url, `/v1/summary?${window.query}`);
  await page.goto(`/reports?${window.query}`);
  const rows = page.getByRole('table').getByRole('row').filter({ has: page.getByRole('link', { name: /HTML/ }) });
  const before = await rows.count();
  await page.getByRole('button', { name: /^Make a report/ }).click();
  await expect(rows).toHaveCount(before + 1);
  const row = rows.first();
  const html = await (await page.request.get((await row.getByRole('link', { name: /HTML/ }).getAttribute('href'))!)).text();

  const context = await browser.newContext({ offline: true, javaScriptEnabled: false });
  const offline = await context.newPage();
  const asked: string[] = [];
  await context.route('**/*', (route) => {
    asked.push(route.request().url());
    return route.abort();
  });
  await offline.setContent(html);
  await expect(offline.getByText(summary.requests.toLocaleString('en')).first()).toBeVisible();
  await expect(offline.locator('svg').filter({ visible: true }).first()).toBeVisible();
  expect(asked, 'it needs nothing from anywhere').toEqual([]);
  await context.close();

  for (const format of ['CSV', 'JSON']) {
    const [file] = await Promise.all([page.waitForEvent('download'), row.getByRole('link', { name: new RegExp(format) }).click()]);
    const text = await readFile(await file.path(), 'utf8');
    if (format === 'JSON') expect(JSON.stringify(JSON.parse(text))).toContain(String(summary.requests));
    else expect(text.split('\n').length).toBeGreaterThan(10);
  }

  page.on('dialog', (dialog) => void dialog.accept());
  await row.getByRole('button', { name: /^Delete/ }).click();
  const sure = page.getByRole('dialog').getByRole('button', { name: /^Delete/ });
  if (await sure.isVisible().catch(() => false)) await sure.click();
  await expect(rows).toHaveCount(before);
});
