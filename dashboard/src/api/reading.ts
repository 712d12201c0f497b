// One read of a page, asked again when the stream says that something was counted. Old numbers stay while new ones are under
// way, and where new ones do not come.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from './client';
import { live } from './live';

/** Bars come after this, and then stay so long: a flash of grey is worse than a short wait. */
const BARS_AFTER_MS = 200;
const BARS_FOR_MS = 300;
/** What was refused is asked again after so long, if the line is up. */
const FAILED_MS = 5_000;
/** A relative window moves by itself; without a commit it is asked again this often. */
const MOVES_MS = 60_000;

export interface Reading<T> {
  answer: T | null;
  /** The path the answer is of: while another is under way they differ. */
  path: string | null;
  error: unknown;
  /** Nothing to show yet, and it is time to say so. */
  bars: boolean;
  /** The answer is of another path, and that has lasted. */
  old: boolean;
  /** When the answer came, by this computer's clock. */
  at_ms: number;
  again: () => void;
}

interface Held<T> {
  answer: T | null;
  path: string | null;
  error: unknown;
  at_ms: number;
}

/** The last commit the stream told of: what changed with it, and up to when everything was counted then. */
let lastCommit = { name: '', through_ms: 0 };

function commitNow(): typeof lastCommit {
  const { state } = live.value;
  const name = state ? `${state.counted} ${state.dead_lettered} ${state.postgres.ok}` : '';
  if (name !== lastCommit.name) lastCommit = { name, through_ms: Date.parse(state?.counted_through ?? '') || 0 };
  return lastCommit;
}

/** Whether an answer was made before a commit: answers are shared, and one that took long is given out a little longer. */
function isBefore(answer: unknown, commit: typeof lastCommit): boolean {
  const through = (answer as { counted_through?: string | null }).counted_through;
  return through != null && Date.parse(through) < commit.through_ms;
}

/**
 * Reads a path now, and again at most every `every_ms` while commits come in (0: only once); what moves without a commit, at
 * least every `moves_ms`. A null path reads nothing.
 */
export function useReading<T>(path: string | null, every_ms: number, moves_ms = MOVES_MS): Reading<T> {
  const [held, hold] = useState<Held<T>>({ answer: null, path: null, error: null, at_ms: 0 });
  const [round, setRound] = useState(0);
  const waiting = path !== null && held.answer === null && held.error === null;
  const bars = useBars(waiting);
  const old = useBars(held.answer !== null && held.path !== path);
  const state = useRef({ asked_ms: 0, commit: '', busy: false, failed: false });

  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    const now = state.current;
    now.asked_ms = performance.now();
    const commit = commitNow();
    now.commit = commit.name;
    now.busy = true;
    ask<T>(path, stop.signal)
      .then((answer) => {
        now.failed = false;
        // Then it is asked for again, when its time has come.
        if (isBefore(answer, commit)) now.commit = '';
        hold({ answer, path, error: null, at_ms: Date.now() });
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        now.failed = true;
        hold((old) => ({ ...old, error, ...(old.path === path ? {} : { answer: null, path }) }));
      })
      .finally(() => (now.busy = false));
    return () => {
      stop.abort();
      now.busy = false;
    };
  }, [path, round]);

  useEffect(() => {
    if (path === null || !every_ms) return;
    const consider = () => {
      const now = state.current;
      const commit = commitNow();
      const since_ms = performance.now() - now.asked_ms;
      if (document.hidden || now.busy || since_ms < (now.failed ? FAILED_MS : every_ms) || !live.value.open) return;
      if (commit.name !== now.commit || now.failed || since_ms >= moves_ms) setRound((n) => n + 1);
    };
    const unwatch = live.watch(consider);
    document.addEventListener('visibilitychange', consider);
    return () => {
      unwatch();
      document.removeEventListener('visibilitychange', consider);
    };
  }, [path, every_ms, moves_ms]);

  return { ...held, bars, old, again: () => setRound((n) => n + 1) };
}

/** Whether grey bars are shown for something that is waited for. */
function useBars(waiting: boolean): boolean {
  const [shown_ms, show] = useState(0);
  useEffect(() => {
    if (waiting === shown_ms > 0) return;
    const wait_ms = waiting ? BARS_AFTER_MS : BARS_FOR_MS - (performance.now() - shown_ms);
    const timer = setTimeout(() => show(waiting ? performance.now() : 0), Math.max(0, wait_ms));
    return () => clearTimeout(timer);
  }, [waiting, shown_ms]);
  return shown_ms > 0;
}
