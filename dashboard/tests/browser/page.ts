// The page as a person sees it: by role and name. And what holds on every page in every test: nothing on the console, no
// request to anybody else.

import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { test as base, expect } from '@playwright/test';

export { expect };

/** The Tally with the history, as `setup` made it. */
export const shop = {
  get url() {
    return process.env.TALLY_TEST_URL!;
  },
  get data() {
    return process.env.TALLY_TEST_DATA!;
  },
  get pid() {
    return Number(process.env.TALLY_TEST_PID);
  },
};

export interface Watch {
  /** What a page may say on the console without failing the test: where servers are killed. */
  allowed: RegExp | null;
}

export const test = base.extend<{ watch: Watch; baseURL: string }>({
  baseURL: async ({}, use) => use(shop.url),
  watch: [
    async ({ context }, use) => {
      const watch: Watch = { allowed: null };
      const said: string[] = [];
      const strangers: string[] = [];
      context.on('page', (page) => listen(page, said, strangers));
      await use(watch);
      expect(strangers, 'requests to other origins').toEqual([]);
      expect(said.filter((line) => !watch.allowed?.test(line)), 'on the console').toEqual([]);
    },
    { auto: true },
  ],
});

function listen(page: Page, said: string[], strangers: string[]): void {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') said.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') strangers.push(request.url());
  });
}

/** A headline figure's definition, by the name above it. */
export function figure(page: Page, name: string | RegExp): Locator {
  const term = page.getByRole('term').filter({ hasText: name });
  return page.locator('dl > div').filter({ has: term }).getByRole('definition');
}

const SCALE: Record<string, number> = { '': 1, 'µs': 0.001, ms: 1, s: 1_000, '%': 0.01, M: 1e6, bn: 1e9 };

/** The number a text begins with: durations in ms, shares of 1. */
export function numberIn(text: string): number {
  const found = /^\D*?([\d,]+(?:\.\d+)?)\s*(µs|ms|s|%|M|bn)?(?![a-z])/.exec(text.replace(/\u202f/g, ' ').trim());
  if (!found) return NaN;
  return Number(found[1]!.replace(/,/g, '')) * SCALE[found[2] ?? '']!;
}

export async function numberOf(locator: Locator): Promise<number> {
  return numberIn(await locator.innerText());
}

export const endpointTable = (page: Page) => page.getByRole('region', { name: 'Endpoints' }).getByRole('table');
export const filterBox = (page: Page) => page.getByLabel('Filter endpoints');
/** The rows of a table that are no header. */
export const bodyRows = (table: Locator) => table.getByRole('row').filter({ has: table.page().getByRole('link') });

export const rateChart = (page: Page) => page.getByRole('slider', { name: /^Requests per (second|minute)/ });

/** Whether the page can be scrolled sideways. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** What axe has against a page: rule and elements. */
export async function faults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ; ').slice(0, 400)}`);
}
