// What the page costs, measured: bytes, first figures, five thousand endpoints. `make bench-dashboard` prints it and writes
// docs/benchmarks/dashboard.md. It judges nothing: a busy machine is slower, and the page is not worse for it.

import { get } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Browser, CDPSession, Page } from '@playwright/test';
import { launch } from './browser';
import { ROOT, System, tellHistory } from './system';
import type { Event } from './tally';
import { endpoints, post, untilCounted } from './tally';

const LOADS = 11;
const ROUNDS = 15;
const ROUTES = 5_000;
const POST_EVENTS_MAX = 2_500;
/** After an action the page has come to rest. */
const SETTLED_MS = 150;
/** Pointer moves in a sweep. */
const MOVES = 40;
const VIEWPORT = { width: 1440, height: 900 };
/** What the design allows, in KB of gzip. */
const BUDGET_KB = 120;

interface Line {
  what: string;
  value: string;
  bound: string;
}

const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** `12.3 ms (11.0 – 19.8)`: the median, and the least and the greatest. */
function spread(values: number[]): string {
  const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  return `${ms(median(values))} ms (${ms(Math.min(...values))} – ${ms(Math.max(...values))})`;
}

/** Bytes of a body as it travels with gzip. */
function packed(url: string): Promise<number> {
  return new Promise((done, failed) => {
    const request = get(url, { headers: { 'accept-encoding': 'gzip', accept: 'text/html, */*' } }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
      answer.on('end', () => done(bytes));
    });
    request.on('error', failed);
  });
}

/** What a first visit asks for, by path. */
async function asked(browser: Browser, url: string): Promise<string[]> {
  const page = await browser.newPage({ viewport: VIEWPORT });
  const paths: string[] = [];
  page.on('request', (request) => paths.push(request.url().slice(url.length)));
  await page.goto(url);
  await page.waitForTimeout(3_000);
  await page.close();
  return [...new Set(paths)].filter((path) => !path.startsWith('/v1/live'));
}

async function transfer(browser: Browser, url: string): Promise<Line[]> {
  const parts = new Map<string, number>();
  const add = (part: string, bytes: number) => parts.set(part, (parts.get(part) ?? 0) + bytes);
  for (const path of await asked(browser, url)) {
    const bytes = await packed(url + path);
    if (path.includes('.js')) add('JavaScript', bytes);
    else if (path.includes('.css')) add('CSS', bytes);
    else if (path.startsWith('/v1/overview')) add('first data', bytes);
    else if (path.startsWith('/v1/')) add('data that follows', bytes);
    else add('HTML and icon', bytes);
  }
  const page = ['HTML and icon', 'CSS', 'JavaScript'];
  const bounds: Record<string, string> = { 'first data': '35 KB' };
  const lines = [...page, 'first data', 'data that follows'].map((part) => ({
    what: `${part}, gzip`,
    value: kb(parts.get(part) ?? 0),
    bound: bounds[part] ?? '',
  }));
  const total = page.reduce((sum, part) => sum + (parts.get(part) ?? 0), 0);
  const withData = total + (parts.get('first data') ?? 0);
  lines.splice(3, 0, { what: 'page in all', value: kb(total), bound: '' });
  lines.splice(5, 0, { what: 'page and first data', value: kb(withData), bound: `${BUDGET_KB} KB` });
  return lines;
}

/** Milliseconds from the start of a visit with an empty cache to the first figure. */
async function coldLoad(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const look = () => {
      const figure = document.querySelector('dl dd');
      if (figure && /\d/.test(figure.textContent ?? '')) {
        requestAnimationFrame(() => setTimeout(() => Object.assign(globalThis, { figures_ms: performance.now() })));
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(url);
  const handle = await page.waitForFunction(() => (globalThis as { figures_ms?: number }).figures_ms);
  const ms = (await handle.jsonValue())!;
  await context.close();
  return ms;
}

/** Milliseconds that an action keeps the page's one thread busy, until a while after its outcome is shown. */
class Busy {
  private constructor(
    private readonly page: Page,
    private readonly session: CDPSession,
  ) {}

  static async watch(page: Page): Promise<Busy> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    return new Busy(page, session);
  }

  private async sofar(): Promise<number> {
    const { metrics } = await this.session.send('Performance.getMetrics');
    return metrics.find((metric) => metric.name === 'TaskDuration')!.value * 1000;
  }

  async of(act: () => Promise<unknown>): Promise<number> {
    const before = await this.sofar();
    await act();
    await this.page.waitForTimeout(SETTLED_MS);
    return (await this.sofar()) - before;
  }

  async rounds(acts: (() => Promise<unknown>)[]): Promise<number[]> {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await this.of(acts[round % acts.length]!));
    // The first ones warm the program up.
    return times.slice(acts.length);
  }
}

async function crowd(url: string): Promise<void> {
  for (let from = 0; from < ROUTES; from += POST_EVENTS_MAX) {
    const events: Event[] = [];
    for (let i = from; i < from + POST_EVENTS_MAX; i++) {
      events.push({ service: `crowd-${i % 7}`, route: `/items/kind-${i}/{id}`, status: i % 50 ? 200 : 500, duration_ms: 1 + (i % 900) });
    }
    await post(url, events);
  }
  await untilCounted(url);
}

async function table(browser: Browser, url: string): Promise<Line[]> {
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.goto(url);
  const rows = page.getByRole('region', { name: 'Endpoints' }).getByRole('table');
  await page.waitForFunction((least) => Number(document.querySelector('[aria-rowcount]')?.getAttribute('aria-rowcount')) > least, ROUTES);
  const busy = await Busy.watch(page);
  const header = (name: string) => rows.getByRole('columnheader', { name: new RegExp(`^${name}( [↓↑])?$`) }).getByRole('button');
  const press = (name: string) => () => header(name).evaluate((button: HTMLElement) => button.click());
  const idle = await busy.rounds([async () => {}]);
  const sort = await busy.rounds([press('p99'), press('Requests'), press('Error ratio'), press('Endpoint')]);
  const box = page.getByLabel('Filter endpoints');
  const type = (text: string) => () =>
    box.evaluate((input: HTMLInputElement, value) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(input, value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, text);
  const filter = await busy.rounds([type('4'), type('kind-4'), type('service:crowd-3 p99>500ms'), type('')]);
  await type('')();
  const scroll = await busy.rounds([() => page.evaluate(() => scrollBy(0, 2_000)), () => page.evaluate(() => scrollBy(0, 900))]);
  await page.close();
  return [
    { what: 'nothing at all, 5,000 endpoints', value: spread(idle), bound: '' },
    { what: 'sort 5,000 endpoints', value: spread(sort), bound: '50 ms' },
    { what: 'filter 5,000 endpoints', value: spread(filter), bound: '50 ms' },
    { what: 'scroll by a screen', value: spread(scroll), bound: '50 ms' },
  ];
}

async function charts(browser: Browser, url: string): Promise<Line[]> {
  const page = await browser.newPage({ viewport: VIEWPORT });
  const { id } = (await endpoints(url, 'from=-24h&service=payments')).find((row) => row.method === 'POST' && row.route === '/v1/charges')!;
  await page.goto(`${url}/endpoints/${id}`);
  const chart = page.getByRole('slider').first();
  await chart.waitFor();
  await page.waitForTimeout(1_000);
  const busy = await Busy.watch(page);
  const box = (await chart.boundingBox())!;
  const moves: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const sweep = async () => {
      for (let i = 0; i < MOVES; i++) await page.mouse.move(box.x + box.width * (0.2 + (0.6 * i) / MOVES), box.y + 40);
    };
    moves.push((await busy.of(sweep)) / MOVES);
  }
  const heat = await heatTimes(page);
  await page.close();
  return [
    { what: 'cursor over all charts of an endpoint, a move', value: spread(moves), bound: '16.7 ms' },
    { what: 'heat map redraw', value: heat.length ? spread(heat) : 'not seen', bound: '10 ms' },
  ];
}

/** How long the cells of the heat map take: from the first to the last one that is painted, each time the theme changes. */
async function heatTimes(page: Page): Promise<number[]> {
  await page.evaluate(() => {
    const heat = [...document.querySelectorAll('[role=img]')].find((one) => /heat map/i.test(one.getAttribute('aria-label') ?? ''));
    const canvas = heat?.querySelector('canvas') ?? heat?.parentElement?.querySelector('canvas');
    const painted: { first: number; last: number } = { first: 0, last: 0 };
    Object.assign(globalThis, { painted });
    const brush = CanvasRenderingContext2D.prototype;
    for (const name of ['fill', 'fillRect', 'rect', 'clearRect'] as const) {
      const paint = brush[name] as (...args: unknown[]) => void;
      brush[name] = function (this: CanvasRenderingContext2D, ...args: unknown[]) {
        if (this.canvas === canvas) painted.first ||= performance.now();
        paint.apply(this, args);
        if (this.canvas === canvas) painted.last = performance.now();
      } as never;
    }
  });
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await page.evaluate(() => Object.assign((globalThis as never as { painted: object }).painted, { first: 0, last: 0 }));
    await page.keyboard.press('t');
    await page.waitForTimeout(SETTLED_MS);
    const { first, last } = await page.evaluate(() => (globalThis as never as { painted: { first: number; last: number } }).painted);
    if (first) times.push(last - first);
  }
  return times;
}

function aligned(lines: Line[]): string[] {
  const wide = (of: (line: Line) => string) => Math.max(...lines.map((line) => of(line).length));
  const [what, value] = [wide((line) => line.what), wide((line) => line.value)];
  return lines.map((line) => `${line.what.padEnd(what)}  ${line.value.padEnd(value)}  ${line.bound}`.trimEnd());
}

async function write(lines: Line[], browser: string): Promise<void> {
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}`;
  const day = new Date().toISOString().slice(0, 10);
  const text = `# The dashboard, measured

\`make bench-dashboard\` writes this page: release programs, ${browser}, Node ${process.version} on one machine that also ran
Redis, PostgreSQL, API and consumer (${machine}; ${day}). Times are medians with the least and the greatest in brackets, of
${LOADS} visits with an empty cache and ${ROUNDS} rounds of everything else. For what a reader does, a time is how long the
page's one thread was busy because of it, drawing included; the first line of those is what it does by itself meanwhile.

| | measured | bound |
|---|---|---|
${lines.map((line) => `| ${line.what} | ${line.value} | ${line.bound} |`).join('\n')}
`;
  const directory = join(ROOT, 'docs/benchmarks');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'dashboard.md'), text);
}

async function main(): Promise<void> {
  const browser = await launch();
  const [shop, full] = [await System.start(), await System.start()];
  try {
    await tellHistory(shop.url, '48h', 10);
    await untilCounted(shop.url);
    await crowd(full.url);
    const lines = await transfer(browser, shop.url);
    const loads: number[] = [];
    for (let i = 0; i < LOADS; i++) loads.push(await coldLoad(browser, shop.url));
    lines.push({ what: 'first figures, cold', value: spread(loads), bound: '1 s, target 300 ms' });
    lines.push(...(await table(browser, full.url)), ...(await charts(browser, shop.url)));
    console.log(aligned(lines).join('\n'));
    await write(lines, `Chromium ${browser.version()}`);
  } finally {
    await browser.close();
    await shop.stop();
    await full.stop();
  }
}

await main();
