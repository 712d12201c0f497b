// Pictures of every page at three widths in both themes, for the documentation: `npm run screenshots`.

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { expect } from '@playwright/test';
import UPNG from 'upng-js';
import { launch } from './browser';
import { ROOT, System, pause, sql, tellHistory, traffic } from './system';
import { endpoints, makePoll, makeReport, post, untilCounted, vote } from './tally';

const TARGET = join(ROOT, 'docs/images/dashboard');
const WIDTHS = [
  [1440, 900],
  [768, 1024],
  [360, 740],
] as const;
const THEMES = ['light', 'dark'] as const;
/** A palette of so many colours cannot be told from the whole by eye, and is a third of the size. */
const COLOURS = 64;
/** No picture is taller: a long table says nothing after its first screen. */
const HEIGHT_MAX = 1_500;
const RATE = 10;
/** So long there is live traffic before the first picture. */
const LIVE_MS = 45_000;

interface View {
  name: string;
  path: string;
  arrived: (page: Page) => Promise<unknown>;
}

/** Fills a Tally with what a shop's looks like. */
async function furnish(system: System): Promise<void> {
  const { url } = system;
  await tellHistory(url, '48h', RATE);
  await makePoll(url, 'lunch', 'What is for lunch on Friday?', ['Noodles', 'Tacos', 'Pizza', 'Salad', 'Nothing']);
  await makePoll(url, 'room', 'Name of the new meeting room?', ['Abacus', 'Quipu']);
  const lunch = [...Array(12).fill('Noodles'), ...Array(12).fill('Tacos'), ...Array(9).fill('Pizza'), ...Array(3).fill('Salad')];
  for (const [index, option] of lunch.entries()) await vote(url, 'lunch', option, `guest-${index}`);
  await vote(url, 'lunch', 'Salad', 'guest-24');
  await refuseSome(system);
  const day = (ago: number) => new Date(Math.floor(Date.now() / 86_400_000 - ago) * 86_400_000).toISOString();
  await makeReport(url, day(1), day(0));
  await makeReport(url, day(1), day(0), 'payments');
  await untilCounted(url);
}

/** A few events that the database refuses, so that there are dead letters to look at. */
async function refuseSome({ url, data }: System): Promise<void> {
  const event = { service: 'storefront', method: 'GET', route: '/sitemap.xml', duration_ms: 3 };
  await post(url, [event]);
  await untilCounted(url);
  const { id } = (await endpoints(url, 'from=-1h&service=storefront')).find((row) => row.route === event.route)!;
  await sql(data, `alter table endpoint_minute add constraint refused check (endpoint <> ${id}) not valid`);
  await post(url, Array.from({ length: 8 }, () => event));
  await untilCounted(url);
  await sql(data, 'alter table endpoint_minute drop constraint refused');
}

/** What a Tally shows that has counted nothing; once it has, there is no way back. */
const FIRST_RUN: View = { name: 'first-run', path: '/', arrived: (page) => expect(page.getByText('0 accepted so far')).toBeVisible() };

async function views(url: string): Promise<View[]> {
  const payments = await endpoints(url, 'from=-24h&service=payments');
  const charges = payments.find((row) => row.method === 'POST' && row.route === '/v1/charges')!;
  const sees = (text: RegExp) => (page: Page) => expect(page.getByText(text).first()).toBeVisible();
  const rows = (page: Page) => expect(page.getByRole('link', { name: /products/ }).first()).toBeVisible();
  return [
    { name: 'overview', path: '/', arrived: rows },
    { name: 'endpoint', path: `/endpoints/${charges.id}`, arrived: sees(/Worst hours/) },
    { name: 'pipeline', path: '/pipeline', arrived: sees(/accounted for/) },
    { name: 'polls', path: '/polls', arrived: sees(/lead by/) },
    { name: 'vote', path: '/vote/lunch', arrived: sees(/Noodles/) },
    { name: 'vote-result', path: '/vote/lunch/result', arrived: sees(/Tied/) },
    { name: 'reports', path: '/reports', arrived: sees(/HTML/) },
    { name: 'states', path: '/states', arrived: sees(/Counting is behind/) },
  ];
}

/** One picture; returns its bytes. */
async function take(browser: Browser, base: string, view: View, [width, height]: readonly [number, number], theme: (typeof THEMES)[number]): Promise<number> {
  const context = await browser.newContext({
    baseURL: base,
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  });
  const page = await context.newPage();
  await page.goto(view.path);
  await view.arrived(page);
  // Sparklines are drawn when the page is idle.
  await page.waitForTimeout(700);
  const tall = Math.min(HEIGHT_MAX, await page.evaluate(() => document.documentElement.scrollHeight));
  await page.setViewportSize({ width, height: Math.max(height, tall) });
  await page.waitForTimeout(400);
  const full = await page.screenshot({ animations: 'disabled' });
  await context.close();
  const image = UPNG.decode(new Uint8Array(full).buffer);
  const small = UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, COLOURS);
  await writeFile(join(TARGET, `${view.name}-${width}-${theme}.png`), new Uint8Array(small));
  return small.byteLength;
}

async function main(): Promise<void> {
  const [system, browser] = await Promise.all([System.start(), launch()]);
  const only = process.argv.slice(2).filter((word) => word !== '--');
  let total = 0;
  const picture = async (view: View) => {
    if (only.length && !only.includes(view.name)) return;
    for (const size of WIDTHS) for (const theme of THEMES) total += await take(browser, system.url, view, size, theme);
    console.log(`${view.name}: ${Math.round(total / 1000)} KB so far`);
  };
  try {
    await mkdir(TARGET, { recursive: true });
    if (!only.length) for (const file of await readdir(TARGET)) if (file.endsWith('.png')) await rm(join(TARGET, file));
    await picture(FIRST_RUN);
    await furnish(system);
    const stop = traffic(system.url, RATE);
    try {
      await pause(LIVE_MS);
      for (const view of await views(system.url)) await picture(view);
    } finally {
      stop();
    }
  } finally {
    await browser.close();
    await system.stop();
  }
}

await main();
