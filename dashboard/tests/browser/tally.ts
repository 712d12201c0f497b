// What the tests ask of Tally's API and tell it, beside the page.

import { randomUUID } from 'node:crypto';
import { pause } from './system';

/** How long what was accepted may take to be counted. */
const COUNTED_MS = 60_000;
const LOOK_MS = 50;

export interface Event {
  service: string;
  method?: string;
  route: string;
  status?: number;
  duration_ms?: number;
  timestamp?: string;
}

/** The JSON of a read. */
export async function read<T>(url: string, path: string): Promise<T> {
  const answer = await fetch(url + path, { headers: { accept: 'application/json' } });
  if (!answer.ok) throw new Error(`GET ${path} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function send(url: string, method: string, path: string, body: string, type: string): Promise<void> {
  const headers = { 'content-type': type, 'idempotency-key': randomUUID() };
  const answer = await fetch(url + path, { method, headers, body });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
}

/** Posts events. */
export function post(url: string, events: Event[]): Promise<void> {
  const lines = events.map((event) => JSON.stringify({ method: 'GET', status: 200, ...event }));
  return send(url, 'POST', '/v1/events', lines.join('\n'), 'application/x-ndjson');
}

export function vote(url: string, poll: string, option: string, voter: string): Promise<void> {
  return send(url, 'POST', `/v1/polls/${poll}/votes`, JSON.stringify({ option, voter }), 'application/json');
}

export function makePoll(url: string, poll: string, title: string, options: string[]): Promise<void> {
  return send(url, 'PUT', `/v1/polls/${poll}`, JSON.stringify({ title, options }), 'application/json');
}

export function makeReport(url: string, from: string, to: string, service?: string): Promise<void> {
  return send(url, 'POST', '/v1/reports', JSON.stringify({ from, to, service }), 'application/json');
}

export interface Accounting {
  counted_through: string | null;
  accepted: number;
  counted: number;
  dead_lettered: number;
  in_flight: number;
  duplicates: number;
  balanced: boolean;
}

/** Waits until everything accepted before now is counted. */
export async function untilCounted(url: string): Promise<Accounting> {
  const asked = Date.now();
  for (;;) {
    const books = await read<Accounting>(url, '/v1/accounting');
    if (books.counted_through && Date.parse(books.counted_through) >= asked) return books;
    if (Date.now() - asked > COUNTED_MS) throw new Error(`not counted in time: ${JSON.stringify(books)}`);
    await pause(LOOK_MS);
  }
}

export interface Figures {
  requests: number;
  errors: number;
  client_errors: number;
  error_ratio: number | null;
  duration_ms: Record<'avg' | 'min' | 'max' | 'p50' | 'p90' | 'p95' | 'p99', number | null>;
}

export interface Row extends Figures {
  id: string;
  service: string;
  method: string;
  route: string;
}

/** Endpoints with a request between two times. */
export async function endpoints(url: string, query: string): Promise<Row[]> {
  const answer = await read<{ endpoints: Row[] }>(url, `/v1/endpoints?limit=100000&${query}`);
  return answer.endpoints;
}

/** A window of whole hours in the past: its numbers do not change while a test looks at them. */
export function pastHours(fromHoursAgo: number, toHoursAgo: number): { from: string; to: string; query: string } {
  const hour = Math.floor(Date.now() / 3_600_000);
  const text = (hours: number) => new Date((hour - hours) * 3_600_000).toISOString().replace('.000Z', 'Z');
  const [from, to] = [text(fromHoursAgo), text(toHoursAgo)];
  return { from, to, query: `from=${from}&to=${to}` };
}
