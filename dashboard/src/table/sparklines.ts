// The rows' trends: asked for when rows come into view, a hundred at a time, kept while their window is shown.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Sparklines } from '../api/answers';
import { address, ask } from '../api/client';

export interface Trend {
  /** Null before counting began: nothing is known there, so it is no zero. */
  requests: (number | null)[];
  errors: number[];
}

/** A row's trend; counting began at `since_s`. */
export function trendOf({ start_s, step_seconds }: Sparklines, row: Sparklines['sparklines'][number], since_s: number | null): Trend {
  const known = (i: number) => since_s == null || start_s[i]! + step_seconds > since_s;
  return { requests: row.requests.map((n, i) => (known(i) ? n : null)), errors: row.errors };
}

/** As many as one request may ask for. */
const BATCH = 100;
/** After rows came into view: scrolling past asks for nothing. */
const SETTLE_MS = 120;
/** A trend of 48 points changes little in this time. */
const FRESH_MS = 30_000;
/** More than this many are kept only as long as nothing else is looked at. */
const MOST = 2_000;

interface Kept {
  trend: Trend;
  at_ms: number;
}

/** The trends of a window's rows; `ids` are the rows in view, counting began at `since_s`. */
export function useSparklines(window: { from: string; to?: string }, ids: string[], since_s: number | null): (id: string) => Trend | null {
  const key = `${window.from} ${window.to ?? ''} ${since_s ?? ''}`;
  const kept = useRef({ key, trends: new Map<string, Kept>() });
  const [, draw] = useState(0);
  if (kept.current.key !== key) kept.current = { key, trends: new Map() };
  const { trends } = kept.current;

  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      if (document.hidden) return;
      const old_ms = performance.now() - FRESH_MS;
      const missing = ids.filter((id) => (trends.get(id)?.at_ms ?? -Infinity) < old_ms).slice(0, BATCH);
      if (!missing.length) return;
      try {
        const answer = await ask<Sparklines>(address('/v1/sparklines', { ...window, ids: missing.sort().join(',') }), stop.signal);
        if (trends.size > MOST) trends.clear();
        for (const one of answer.sparklines) trends.set(one.id, { trend: trendOf(answer, one, since_s), at_ms: performance.now() });
        draw((n) => n + 1);
      } catch {
        // The row's other numbers are there; its trend is asked for again with the next look.
      }
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, ids.join()]);

  return (id) => trends.get(id)?.trend ?? null;
}
