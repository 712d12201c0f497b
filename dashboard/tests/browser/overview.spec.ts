// The overview: the figures are the API's, the window is chosen by mouse and by key, and the address holds what is shown.

import { bodyRows, endpointTable, expect, figure, filterBox, numberOf, rateChart, shop, test } from './page';
import type { Figures } from './tally';
import { endpoints, pastHours, read } from './tally';

test('the headline figures are what the API says', async ({ page }) => {
  const window = pastHours(14, 2);
  const summary = await read<Figures>(shop.url, `/v1/summary?${window.query}`);
  expect(summary.requests).toBeGreaterThan(1_000);
  await page.goto(`/?${window.query}`);
  await expect(figure(page, 'Requests')).toContainText(summary.requests.toLocaleString('en'));
  expect(Math.abs((await numberOf(figure(page, 'Error ratio'))) - summary.error_ratio!)).toBeLessThan(0.0001);
  for (const quantile of ['p50', 'p95', 'p99'] as const) {
    const exact = summary.duration_ms[quantile]!;
    const shown = await numberOf(figure(page, quantile));
    expect(Math.abs(shown - exact) / exact, quantile).toBeLessThan(0.006);
  }
  const rows = await endpoints(shop.url, window.query);
  const services = new Set(rows.map((row) => row.service));
  await expect(figure(page, 'Active services')).toContainText(String(services.size));
  await expect(figure(page, 'Active services')).toContainText(`${rows.length} endpoints`);
});

test('what changed most is the charge that timed out', async ({ page }) => {
  await page.goto('/');
  const changed = page.locator('section').filter({ has: page.getByRole('heading', { name: /^Changed most/ }) });
  await expect(changed.getByRole('link').first()).toHaveText(/POST\s+\/v1\/(charges|orders)/);
  await expect(changed).toContainText('more failures');
  await changed.getByRole('link', { name: /charges/ }).click();
  await expect(page).toHaveURL(/\/endpoints\/\d+/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('/v1/charges');
});

const WINDOWS = [
  ['5 min', '5m'],
  ['1 h', '1h'],
  ['6 h', '6h'],
  ['24 h', '24h'],
  ['7 d', '7d'],
  ['30 d', '30d'],
  ['1 y', '1y'],
] as const;

test('a window is chosen by button and by number', async ({ page }) => {
  await page.goto('/');
  const group = page.getByRole('group', { name: 'Window' });
  await expect(group.getByRole('button', { name: '24 h' })).toHaveAttribute('aria-pressed', 'true');
  for (const [index, [name, value]] of WINDOWS.entries()) {
    const button = group.getByRole('button', { name, exact: true });
    if (index % 2) await button.click();
    else await page.keyboard.press(String(index + 1));
    await expect(button).toHaveAttribute('aria-pressed', 'true');
    if (value === '24h') await expect(page).toHaveURL(/^[^?]*$/);
    else await expect(page).toHaveURL(new RegExp(`[?&]w=${value}(&|$)`));
  }
  await page.goBack();
  await expect(group.getByRole('button', { name: '30 d' })).toHaveAttribute('aria-pressed', 'true');
});

test('an own range is typed in', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: /Range/ }).click();
  // The viewer is in Berlin; what is typed is his time.
  const local = (hours: number) => {
    const at = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - hours * 3_600_000);
    const text = at.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' });
    return { typed: text.slice(0, 16).replace(' ', 'T'), utc: at.toISOString().slice(0, 16) };
  };
  const [from, to] = [local(20), local(10)];
  await page.getByLabel('From').fill(from.typed);
  await page.getByLabel('To', { exact: true }).fill(to.typed);
  await page.getByRole('button', { name: /^(Show|Apply)/ }).click();
  await expect(page).toHaveURL(new RegExp(`from=${from.utc}Z&to=${to.utc}Z`));
  const summary = await read<Figures>(shop.url, `/v1/summary?from=${from.utc}:00Z&to=${to.utc}:00Z`);
  await expect(figure(page, 'Requests')).toContainText(summary.requests.toLocaleString('en'));
});

test('single keys do what the list of keys says', async ({ page }) => {
  await page.goto('/');
  await expect(rateChart(page)).toBeVisible();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: /Keyboard/ });
  await expect(help).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();

  const compare = page.getByRole('button', { name: /^Compare with/ });
  await expect(compare).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('c');
  await expect(compare).toHaveAttribute('aria-pressed', 'false');
  await expect(page).toHaveURL(/c=0/);
  await page.keyboard.press('l');
  await expect(page).toHaveURL(/log=0/);
  await expect(page.getByRole('button', { name: /^log/i })).toHaveAttribute('aria-pressed', 'false');

  await page.keyboard.press('2');
  await page.keyboard.press('[');
  await expect(page).toHaveURL(/from=.*&to=/);
  await page.keyboard.press(']');
  await expect(page).toHaveURL(/w=1h/);

  await page.keyboard.press('4');
  await page.keyboard.press('/');
  await expect(filterBox(page)).toBeFocused();
  await page.keyboard.type('t');
  await expect(filterBox(page)).toHaveValue('t');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Escape');
  await expect(filterBox(page)).not.toBeFocused();

  const root = page.locator('html');
  const ground = () => page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
  const before = await ground();
  await page.keyboard.press('t');
  await expect(root).toHaveAttribute('data-theme', /light|dark/);
  expect(await ground()).not.toBe(before);

  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  const first = bodyRows(endpointTable(page)).first();
  await expect(first.getByRole('link')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/endpoints\/\d+/);

  for (const [key, path] of [['p', '/pipeline'], ['v', '/polls'], ['r', '/reports'], ['o', '/']] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await expect(page).toHaveURL(new RegExp(`${path}(\\?.*)?$`));
  }
});

test('single keys can be turned off, and stay off', async ({ page }) => {
  await page.goto('/');
  await page.keyboard.press('?');
  await page.getByRole('checkbox', { name: 'Single-key shortcuts on' }).uncheck();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.keyboard.press('2');
  await page.reload();
  await page.keyboard.press('2');
  await expect(page.getByRole('group', { name: 'Window' }).getByRole('button', { name: '24 h' })).toHaveAttribute('aria-pressed', 'true');
});

test('y copies a link that shows the same', async ({ page }) => {
  await page.goto('/?w=6h&f=service:search&s=-p99&c=0');
  await expect(bodyRows(endpointTable(page)).first()).toContainText('search');
  await page.keyboard.press('y');
  await expect(page.getByRole('status').filter({ hasText: 'Link copied' })).toBeAttached();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
});

test('dragging zooms everything, a reload shows the same, Esc undoes it', async ({ page }) => {
  await page.goto('/');
  const whole = await numberOf(figure(page, 'Requests'));
  const chart = rateChart(page);
  const box = (await chart.boundingBox())!;
  const y = box.y + box.height / 3;
  await page.mouse.move(box.x + box.width * 0.4, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, y, { steps: 8 });
  await expect(page.getByText(/^\d+ h( \d\d)?$|^\d+\u202fh( \d\d)?$/).first()).toBeVisible();
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.*&to=/);
  const query = new URL(page.url()).searchParams;
  const bound = (name: string) => `${name}=${new Date(query.get(name)!).toISOString()}`;
  const window = `${bound('from')}&${bound('to')}`;
  const summary = await read<Figures>(shop.url, `/v1/summary?${window}`);
  await expect(figure(page, 'Requests')).toContainText(summary.requests.toLocaleString('en'));
  expect(summary.requests).toBeLessThan(whole);
  const rows = await endpoints(shop.url, `${window}&sort=-requests`);
  await expect(bodyRows(endpointTable(page)).first()).toContainText(rows[0]!.requests.toLocaleString('en'));

  await filterBox(page).fill('service:checkout');
  await expect(page).toHaveURL(/f=service:checkout/);
  const seen = await figure(page, 'Requests').innerText();
  await page.reload();
  await expect(figure(page, 'Requests')).toHaveText(seen, { useInnerText: true });
  await expect(filterBox(page)).toHaveValue('service:checkout');
  await expect(bodyRows(endpointTable(page)).first()).toContainText('checkout');

  await page.locator('main').press('Escape');
  await expect(page).not.toHaveURL(/from=/);
  await expect(page.getByRole('group', { name: 'Window' }).getByRole('button', { name: '24 h' })).toHaveAttribute('aria-pressed', 'true');
});

test('the cursor of a chart is moved by keys, and speaks', async ({ page }) => {
  await page.goto('/');
  const chart = rateChart(page);
  await chart.focus();
  await page.keyboard.press('Home');
  const first = await chart.getAttribute('aria-valuetext');
  expect(first).toContain('requests');
  await page.keyboard.press('ArrowRight');
  expect(await chart.getAttribute('aria-valuetext')).not.toBe(first);
});
