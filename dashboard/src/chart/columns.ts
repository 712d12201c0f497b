// A read's columns as lines: rates and shares of each step, and what must not be drawn because it is not counted yet.

import type { Charted } from '../api/answers';
import { DAY_S, seconds } from '../format/times';
import type { Timeline } from './timeline';
import { countedSeconds, isRunning, stepSeconds } from './timeline';

/** Months differ; this is for the last of a line, whose end no next one tells. */
const MONTH_S = 30 * DAY_S;

export type Line = (number | null)[];

/** The time axis of an answer, read at a moment of the server's clock; unknown, nothing is said to wait. */
export function timelineOf(answer: Charted, now_s: number | null): Timeline {
  const through_s = seconds(answer.counted_through) ?? 0;
  const step_s = answer.step_seconds ?? MONTH_S;
  return { start_s: answer.series.start_s, step_s, since_s: seconds(answer.first_request_at) ?? undefined, through_s, now_s: Math.max(now_s ?? 0, through_s) };
}

/** Values where a step has begun to be counted, null beyond: a line ends where counting does. */
export function countedOnly(line: Timeline, values: readonly (number | null)[]): Line {
  return line.start_s.map((_, i) => (countedSeconds(line, i) > 0 ? (values[i] ?? null) : null));
}

/** Requests a second; the running step is divided by what of it is counted. */
export function rates(line: Timeline, requests: readonly number[]): Line {
  return line.start_s.map((_, i) => {
    const counted_s = countedSeconds(line, i);
    return counted_s > 0 ? (requests[i] ?? 0) / counted_s : null;
  });
}

/** Requests a second of the compared period, which is over. */
export function formerRates(line: Timeline, requests: readonly number[]): Line {
  return line.start_s.map((_, i) => (requests[i] == null ? null : requests[i]! / stepSeconds(line, i)));
}

/** A class's share of each step's requests. */
export function shares(part: readonly number[], requests: readonly number[]): Line {
  return requests.map((n, i) => (n > 0 ? (part[i] ?? 0) / n : null));
}

/** A line cut in two: what is over, and the running step with the one before it, which is drawn dashed. */
export function running(line: Timeline, values: Line): { over: Line; running: Line } {
  const first = line.start_s.findIndex((_, i) => isRunning(line, i));
  if (first < 0) return { over: values, running: values.map(() => null) };
  return {
    over: values.map((value, i) => (i < first ? value : null)),
    running: values.map((value, i) => (i === first || i === first - 1 ? value : null)),
  };
}

/** The greatest of all values; 0 where there is none. */
export function greatest(...lines: Line[]): number {
  let most = 0;
  for (const line of lines) for (const value of line) if (value != null && value > most) most = value;
  return most;
}

/** The smallest value above 0; null where there is none. */
export function smallest(...lines: Line[]): number | null {
  let least: number | null = null;
  for (const line of lines) for (const value of line) if (value != null && value > 0 && (least == null || value < least)) least = value;
  return least;
}
