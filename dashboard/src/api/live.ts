// The stream of states. The browser's own reconnecting is not used: it gives up on some answers and says nothing about
// when it tries again, and the page shows both.

import type { LiveState } from './answers';
import { Watched } from '../store';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
/** The API sends at least every second; so long without a word is a broken line, whatever the socket says. */
const SILENCE_MS = 6_000;

export interface Connection {
  /** The last state that came, and when it came by this computer's clock. */
  state: LiveState | null;
  received_ms: number | null;
  open: boolean;
  /** Since when there is no connection; null while there is one. */
  lost_ms: number | null;
  retry_at_ms: number | null;
}

const start: Connection = { state: null, received_ms: null, open: false, lost_ms: null, retry_at_ms: null };

export const live = new Watched<Connection>(start);

/** A moment of this computer's clock by the server's: they may differ by minutes. Null before the server has said its own. */
export function serverSeconds({ state, received_ms }: Connection, at_ms: number): number | null {
  if (!state || received_ms == null) return null;
  return (Date.parse(state.at) + at_ms - received_ms) / 1000;
}

let source: EventSource | null = null;
let failures = 0;
let retry: number | undefined;
let silence: number | undefined;

function hear(event: MessageEvent<string>): void {
  const state = JSON.parse(event.data) as LiveState;
  failures = 0;
  live.value = { state, received_ms: Date.now(), open: true, lost_ms: null, retry_at_ms: null };
  listenForSilence();
}

function listenForSilence(): void {
  clearTimeout(silence);
  silence = window.setTimeout(lose, SILENCE_MS);
}

/** How long to wait after so many failures in a row. */
export function retryDelay(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1));
}

function lose(): void {
  source?.close();
  source = null;
  clearTimeout(silence);
  clearTimeout(retry);
  failures += 1;
  const wait_ms = retryDelay(failures);
  live.value = {
    ...live.value,
    open: false,
    lost_ms: live.value.lost_ms ?? Date.now(),
    retry_at_ms: Date.now() + wait_ms,
  };
  retry = window.setTimeout(connect, wait_ms);
}

/** Opens the stream, or opens it anew at once. */
export function connect(): void {
  clearTimeout(retry);
  source?.close();
  source = new EventSource('/v1/live');
  source.addEventListener('state', hear);
  source.onerror = lose;
  listenForSilence();
}
