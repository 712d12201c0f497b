// An empty Tally, and then one that is too full: first run, and five thousand endpoints.

import { bodyRows, endpointTable, expect, faults, figure, filterBox, overflow, test } from './page';
import { System } from './system';
import type { Event } from './tally';
import { post, untilCounted } from './tally';

/** As many as a service may have. */
const ROUTES = 5_000;
const POST_EVENTS_MAX = 2_500;

let young: System;

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  test.setTimeout(180_000);
  young = await System.start();
});
test.afterAll(() => young?.stop());

test('axe finds nothing on the first run, and nothing scrolls sideways', async ({ page }) => {
  test.setTimeout(120_000);
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.goto(young.url);
      await expect(page.getByText('waiting, 0 accepted so far')).toBeVisible();
      expect(await faults(page), `${colorScheme}, ${width} px`).toEqual([]);
      expect(await overflow(page), `${width} px`).toBe(0);
    }
  }
});

test('the first event turns the first run into the dashboard', async ({ page }) => {
  await page.goto(young.url);
  await expect(page.getByRole('heading', { level: 1, name: 'Nothing counted yet' })).toBeVisible();
  await expect(page.getByRole('banner')).toContainText('waiting for the first event');
  const how = page.getByRole('group', { name: 'How to send' });
  await how.getByRole('button', { name: 'OpenTelemetry' }).click();
  await expect(page.getByText('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')).toBeVisible();
  await how.getByRole('button', { name: 'tally import' }).click();
  await expect(page.locator('pre')).toContainText('tally import');
  await how.getByRole('button', { name: 'curl' }).click();
  await expect(page.locator('pre')).toContainText('curl');
  const ready = page.locator('section').filter({ has: page.getByRole('heading', { name: 'Ready?' }) });
  for (const name of ['Redis', 'PostgreSQL', 'Consumer', 'First event']) await expect(ready).toContainText(name);

  await post(young.url, [{ service: 'first', route: '/hello', duration_ms: 12.5 }]);
  await expect(page.getByRole('heading', { name: 'Nothing counted yet' })).toBeHidden();
  await expect(figure(page, 'Requests')).toContainText('1');
  await expect(bodyRows(endpointTable(page)).first()).toContainText('/hello');
});

test('a trend begins where counting did', async ({ page }) => {
  await page.goto(young.url);
  const trend = bodyRows(endpointTable(page)).first().locator('canvas');
  const colours = (part: number) =>
    trend.evaluate((canvas: HTMLCanvasElement, part) => {
      // A copy, made to be read.
      const pen = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })!;
      pen.drawImage(canvas, 0, 0);
      const { data } = pen.getImageData(0, 0, canvas.width * part, canvas.height);
      const pixels = new Uint32Array(data.buffer);
      return new Set(pixels.filter((pixel) => pixel !== 0)).size;
    }, part);
  await expect.poll(() => colours(1), 'the first request is there').toBeGreaterThan(1);
  expect(await colours(0.5), 'before it only the ground line').toBe(1);
});

test('nothing earlier to compare with is said, not invented', async ({ page }) => {
  await page.goto(young.url);
  await expect(page.getByText('No earlier data to compare with.')).toBeVisible();
});

test('of five thousand endpoints only the rows in view exist', async ({ page }) => {
  test.setTimeout(180_000);
  for (let from = 0; from < ROUTES; from += POST_EVENTS_MAX) {
    const events: Event[] = [];
    for (let i = from; i < from + POST_EVENTS_MAX; i++) {
      events.push({ service: `crowd-${i % 7}`, method: 'GET', route: `/items/kind-${i}/{id}`, duration_ms: 1 + (i % 900) });
    }
    await post(young.url, events);
  }
  await untilCounted(young.url);
  await page.goto(young.url);
  const table = endpointTable(page);
  await expect.poll(async () => Number(await table.getAttribute('aria-rowcount'))).toBeGreaterThan(ROUTES);
  const exist = () => bodyRows(table).count();
  expect(await exist()).toBeLessThan(120);
  await table.getByRole('columnheader', { name: /^p99( [↓↑])?$/ }).getByRole('button').click();
  await expect(bodyRows(table).first()).toContainText('900');
  await bodyRows(table).first().scrollIntoViewIfNeeded();
  await page.mouse.move(700, 600);
  for (let i = 0; i < 30; i++) {
    await page.mouse.wheel(0, 3_000);
    expect(await exist()).toBeLessThan(120);
  }
  await expect.poll(() => bodyRows(table).last().getAttribute('aria-rowindex').then(Number)).toBeGreaterThan(1_000);
  await filterBox(page).fill('kind-4711/');
  await expect(bodyRows(table)).toHaveCount(1);
  await expect(bodyRows(table).first()).toContainText('kind-4711');
});
