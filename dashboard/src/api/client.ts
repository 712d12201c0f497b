// One request to the API: a deadline, an answer as JSON, or a refusal that says what was asked and what came.

import type { Problem } from './answers';

/** After this the page gives up on an answer and says so. */
const DEADLINE_MS = 10_000;

/** What went wrong with a request, as the page tells it. */
export class Refused extends Error {
  constructor(
    readonly request: string,
    /** HTTP status, or null where no answer came. */
    readonly status: number | null,
    readonly took_ms: number,
    readonly problem: Problem | null,
  ) {
    super(`${request} ${outcome(status, took_ms)}`);
  }
}

/** What to tell of a request that failed: the API's own sentence where it gave one. */
export function sentenceOf(error: unknown): string {
  return error instanceof Refused ? (error.problem?.detail ?? error.message) : 'The answer could not be read.';
}

function outcome(status: number | null, took_ms: number): string {
  const took = `${took_ms < 950 ? `${Math.round(took_ms)} ms` : `${Math.round(took_ms / 1000)} s`}`;
  return status == null ? `was not answered within ${took}.` : `answered ${status} after ${took}.`;
}

async function problemOf(response: Response): Promise<Problem | null> {
  if (!response.headers.get('content-type')?.includes('json')) return null;
  return (await response.json().catch(() => null)) as Problem | null;
}

interface Waiting {
  stop?: AbortSignal;
  deadline_ms?: number;
}

async function exchange(method: string, path: string, body: unknown, { stop, deadline_ms = DEADLINE_MS }: Waiting): Promise<Response> {
  const began = performance.now();
  const deadline = AbortSignal.timeout(deadline_ms);
  const signal = stop ? AbortSignal.any([stop, deadline]) : deadline;
  const request = `${method} ${path.split('?')[0]}`;
  const init: RequestInit = { method, signal, headers: { accept: 'application/json' } };
  if (body !== undefined) {
    init.headers = { accept: 'application/json', 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    if (response.ok) return response;
    throw new Refused(request, response.status, performance.now() - began, await problemOf(response));
  } catch (error) {
    if (stop?.aborted || error instanceof Refused) throw error;
    throw new Refused(request, null, performance.now() - began, null);
  }
}

/** `GET path` as JSON. Throws `Refused`, or the abort's error where `stop` was used. */
export async function ask<T>(path: string, stop?: AbortSignal): Promise<T> {
  const response = await exchange('GET', path, undefined, stop ? { stop } : {});
  return (await response.json()) as T;
}

/** Any other method, with a JSON body. An empty answer is null. */
export async function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, deadline_ms = DEADLINE_MS): Promise<T> {
  const response = await exchange(method, path, body, { deadline_ms });
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

/** A path with its query; names without a value are left out. */
export function address(path: string, query: Record<string, string | number | null | undefined>): string {
  const named = Object.entries(query).filter(([, value]) => value != null && value !== '');
  const text = named.map(([name, value]) => `${name}=${encodeURIComponent(String(value)).replace(/%2C/g, ',').replace(/%3A/g, ':')}`);
  return text.length ? `${path}?${text.join('&')}` : path;
}
