// What holds on every page, in both themes, on a desk and on a phone: axe finds nothing, nothing scrolls sideways, the policy
// is strict. (That nothing is said on the console and nobody else is asked, every test checks; the first run has its own.)

import type { Page } from '@playwright/test';
import { expect, faults, overflow, shop, test } from './page';
import { endpoints } from './tally';

const PAGES: [string, (page: Page) => Promise<unknown>][] = [
  ['/', (page) => expect(page.getByRole('heading', { name: 'Endpoints' })).toBeVisible()],
  ['/endpoints/{id}', (page) => expect(page.getByRole('img', { name: /heat map/i })).toBeVisible()],
  ['/pipeline', (page) => expect(page.getByRole('heading', { name: 'Shards' })).toBeVisible()],
  ['/polls', (page) => expect(page.getByText(/lead by|Tied|No votes yet/).first()).toBeVisible()],
  ['/reports', (page) => expect(page.getByRole('button', { name: /^Make a report/ })).toBeVisible()],
  ['/states', (page) => expect(page.getByText('Counting is behind.')).toBeVisible()],
  ['/vote', (page) => expect(page.getByRole('button', { name: 'Vote' })).toBeVisible()],
  ['/vote/default/result', (page) => expect(page.getByText(/lead by|Tied|No votes yet/)).toBeVisible()],
];

async function open(page: Page, path: string): Promise<void> {
  const id = path.includes('{id}') ? (await endpoints(shop.url, 'from=-24h&service=payments'))[0]!.id : '';
  await page.goto(path.replace('{id}', id));
}

for (const [path, arrived] of PAGES) {
  test(`axe finds nothing on ${path}, and nothing scrolls sideways`, async ({ page }) => {
    test.setTimeout(120_000);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1440, 360]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        await open(page, path);
        await arrived(page);
        expect(await faults(page), `${colorScheme}, ${width} px`).toEqual([]);
        expect(await overflow(page), `${width} px`).toBe(0);
      }
    }
  });

  test(`the policy of ${path} allows nothing inline and nobody else`, async ({ page }) => {
    const id = path.includes('{id}') ? '1' : '';
    const answer = await page.request.get(path.replace('{id}', id), { headers: { accept: 'text/html' } });
    expect(answer.status()).toBe(200);
    const policy = answer.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|data:|https?:/);
    const html = await answer.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>|\sstyle=|\son[a-z]+=/);
  });
}

test('the theme follows the system until the reader chooses, and the choice stays', async ({ page }) => {
  const ground = () => page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto('/');
  expect(await ground()).toBe('rgb(14, 17, 21)');
  await page.getByRole('button', { name: 'Switch between light and dark' }).click();
  await expect.poll(ground).toBe('rgb(246, 246, 244)');
  await page.reload();
  expect(await ground()).toBe('rgb(246, 246, 244)');
});

test('the states page shows every sentence', async ({ page }) => {
  await page.goto('/states');
  for (const sentence of [
    'Reconnecting.',
    'Counting is behind.',
    'Shard 4 is halted.',
    'PostgreSQL does not answer.',
    'Redis does not answer.',
    'This key may not read.',
    'Tally was upgraded to',
    'This chart did not load.',
    'No endpoint matches',
    'Minutes are kept for 7 days.',
    'No earlier data to compare with.',
  ]) {
    await expect(page.getByText(sentence).first()).toBeVisible();
  }
});

test('times are the viewer’s, and UTC on hover', async ({ page }) => {
  await page.goto('/');
  const time = page.getByRole('banner').locator('time').first();
  await expect(time).toHaveAttribute('datetime', /Z$/);
  await expect(time).toHaveAttribute('title', /Z$|UTC/);
});
