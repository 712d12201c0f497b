// The table of endpoints: sorted, filtered, empty.

import { bodyRows, endpointTable, expect, filterBox, shop, test } from './page';
import type { Row } from './tally';
import { endpoints, pastHours } from './tally';

const window = pastHours(14, 2);

test.beforeEach(async ({ page }) => {
  await page.goto(`/?${window.query}`);
  await expect(bodyRows(endpointTable(page)).first()).toBeVisible();
});

const routes = async (page: import('@playwright/test').Page, count: number) => {
  const rows = bodyRows(endpointTable(page));
  return Promise.all(Array.from({ length: count }, async (_, i) => (await rows.nth(i).getByRole('link').innerText()).replace(/\s+/g, '')));
};

test('a column sorts, first downwards, then upwards', async ({ page }) => {
  const table = endpointTable(page);
  for (const [name, key] of [['Requests', 'requests'], ['Error ratio', 'error_ratio'], ['p99', 'p99']] as const) {
    const header = table.getByRole('columnheader', { name: new RegExp(`^${name}( [↓↑])?$`) });
    if (key !== 'requests') await header.getByRole('button').click();
    await expect(header).toHaveAttribute('aria-sort', 'descending');
    const falling = await endpoints(shop.url, `${window.query}&sort=-${key}`);
    const shown = (await routes(page, 1))[0]!;
    // Ties the page and the API order each in its own way.
    const most = (row: Row) => (key === 'p99' ? row.duration_ms.p99 : row[key]);
    const first = falling.filter((row) => most(row) === most(falling[0]!)).map((row) => row.method + row.route);
    expect(first.some((name) => name.endsWith(shown)), `${shown} of ${first.join(', ')}`).toBe(true);
    await header.getByRole('button').click();
    await expect(header).toHaveAttribute('aria-sort', 'ascending');
    await expect(page).toHaveURL(/[?&]s=/);
  }
  const name = table.getByRole('columnheader', { name: /^Endpoint/ });
  await name.getByRole('button').click();
  await expect(name).toHaveAttribute('aria-sort', 'ascending');
});

test('words of a filter are joined by and', async ({ page }) => {
  const rows = await endpoints(shop.url, window.query);
  const count = async (filter: string) => {
    await filterBox(page).fill(filter);
    await expect(page).toHaveURL(/[?&]f=/);
    return bodyRows(endpointTable(page));
  };
  const of = (keep: (row: (typeof rows)[number]) => boolean) => rows.filter(keep).length;
  await expect(await count('service:payments')).toHaveCount(of((row) => row.service === 'payments'));
  await expect(await count('service:payments method:POST')).toHaveCount(of((row) => row.service === 'payments' && row.method === 'POST'));
  await expect(await count('charges')).toHaveCount(of((row) => row.route.includes('charges')));
  await expect(await count('charges -{id}')).toHaveCount(of((row) => row.route.includes('charges') && !row.route.includes('{id}')));
  await expect(await count('5xx>1%')).toHaveCount(of((row) => row.error_ratio! > 0.01));
  await expect(await count('p99>1s')).toHaveCount(of((row) => row.duration_ms.p99! > 1_000));
});

test('a chip of a service writes the filter', async ({ page }) => {
  const chip = page.getByRole('group', { name: 'Service' }).getByRole('button', { name: /^accounts/ });
  await chip.click();
  await expect(chip).toHaveAttribute('aria-pressed', 'true');
  await expect(filterBox(page)).toHaveValue('service:accounts');
  const rows = await endpoints(shop.url, `${window.query}&service=accounts`);
  await expect(bodyRows(endpointTable(page))).toHaveCount(rows.length);
});

test('a filter that nothing matches says so, and can be cleared', async ({ page }) => {
  const rows = await endpoints(shop.url, window.query);
  await filterBox(page).fill('chrages');
  await expect(page.getByText('No endpoint matches “chrages”.')).toBeVisible();
  await expect(page.getByText(`${rows.length} endpoints had requests in this window.`)).toBeVisible();
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(filterBox(page)).toHaveValue('');
  await expect(bodyRows(endpointTable(page)).first()).toBeVisible();
});

test('a row opens its endpoint', async ({ page }) => {
  const first = bodyRows(endpointTable(page)).first();
  const name = (await first.getByRole('link').innerText()).replace(/\s+/g, '');
  await first.getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(name.replace(/^[A-Z]+/, ''));
  await page.goBack();
  await expect(bodyRows(endpointTable(page)).first()).toBeVisible();
});
