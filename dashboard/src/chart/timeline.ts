// The shared x axis of a page's charts: even steps of time, how far counting has come, and the one cursor.

import { useEffect, useState } from 'preact/hooks';
import { moment } from '../format/times';
import { Watched } from '../store';

export interface Timeline {
  start_s: number[];
  step_s: number;
  /** Every event accepted before this is in the numbers. */
  through_s: number;
  /** When counting began. Before it there is nothing, and no zero either. */
  since_s?: number;
  /** The moment the numbers were read, by the server's clock as far as the page knows it. */
  now_s: number;
}

/** A lag shorter than this is how counting always is, and is not hatched. */
const HATCHED_LAG_S = 10;

export function beginOf(line: Timeline): number {
  return line.start_s[0] ?? 0;
}

export function endOf(line: Timeline): number {
  return (line.start_s[line.start_s.length - 1] ?? 0) + line.step_s;
}

/** A step's length. Steps are even but for calendar months, and the days on which the clock is changed. */
export function stepSeconds(line: Timeline, i: number): number {
  const next = line.start_s[i + 1];
  return next === undefined ? line.step_s : next - line.start_s[i]!;
}

/** The step that holds a moment; outside of the line the nearest. */
export function stepAt(line: Timeline, s: number): number {
  let [low, high] = [0, line.start_s.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (line.start_s[middle]! <= s) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

/** A step's middle, where its point stands. */
export function middleOf(line: Timeline, i: number): number {
  return line.start_s[i]! + stepSeconds(line, i) / 2;
}

/** How a step's moment is written. */
export function stepText(line: Timeline, i: number): string {
  return moment(line.start_s[i]!, endOf(line) - beginOf(line));
}

/** Of the running step this part must be counted before it says anything. */
const TELLING_PART = 1 / 12;

/**
 * How many seconds of a step are counted: all, a part of the running one, or none. Where counting lags there is no part: other
 * shards may be ahead of the one that holds it up, so what is there is neither whole nor a known share.
 */
export function countedSeconds(line: Timeline, i: number): number {
  const whole = stepSeconds(line, i);
  if (isBeforeCounting(line, line.start_s[i]! + whole)) return 0;
  const seconds = Math.min(whole, line.through_s - line.start_s[i]!);
  if (seconds >= whole) return seconds;
  return lags(line) || seconds < whole * TELLING_PART ? 0 : seconds;
}

/** Whether a step is still counted into, or not yet. */
export function isRunning(line: Timeline, i: number): boolean {
  return line.start_s[i]! + stepSeconds(line, i) > line.through_s;
}

/** Whether anything of a stretch of time is counted. */
export function isCounted(line: Timeline, from_s: number, to_s: number): boolean {
  return from_s < line.through_s && !isBeforeCounting(line, to_s);
}

/** Whether what ended then was over before counting began. */
function isBeforeCounting(line: Timeline, to_s: number): boolean {
  return line.since_s !== undefined && to_s <= line.since_s;
}

/** The stretch that is accepted and not counted yet, if it is worth a word. */
export function uncounted(line: Timeline): { from_s: number; to_s: number } | null {
  const to_s = Math.min(line.now_s, endOf(line));
  const from_s = Math.max(line.through_s, beginOf(line));
  return lags(line) && to_s > from_s ? { from_s, to_s } : null;
}

function lags(line: Timeline): boolean {
  return line.now_s - line.through_s > HATCHED_LAG_S;
}

/** The moment the cursor of all charts is at; null: nowhere. */
export const cursor = new Watched<number | null>(null);

/** A stretch being selected, in whole steps, in all charts. */
export const selection = new Watched<{ from_s: number; to_s: number } | null>(null);

/** The step the cursor is at, for a chart's header. */
export function useCursorStep(line: Timeline): number | null {
  const step = () => {
    const s = cursor.value;
    return s == null || s < beginOf(line) || s >= endOf(line) ? null : stepAt(line, s);
  };
  const [, draw] = useState<number | null>(null);
  useEffect(() => cursor.watch(() => draw(step())), [line]);
  return step();
}
