// With what a window is compared, and how that is said. The weekday is kept from a week on; up to a day, the clock time.

import { DAY_S } from './format/times';
import type { View } from './view';
import { windowSeconds } from './view';

export interface Comparison {
  /** As the API takes it. */
  by: '24h' | '7d' | '28d' | '364d';
  /** `the 24 h before` */
  period: string;
  /** `24 h before` */
  legend: string;
}

/** A window rounded up to the minute is still one of its length. */
const SLACK_S = 600;

/** With what the view's window is compared, whether or not it is. */
export function comparison(view: View): Comparison {
  const length_s = windowSeconds(view);
  if (Math.abs(length_s - DAY_S) < SLACK_S) return { by: '24h', period: 'the 24 h before', legend: '24 h before' };
  if (length_s < DAY_S) {
    const period = view.range ? 'the same time the day before' : 'the same time yesterday';
    return { by: '24h', period, legend: '24 h before' };
  }
  if (length_s <= 7 * DAY_S + SLACK_S) {
    const whole = Math.abs(length_s - 7 * DAY_S) < SLACK_S;
    return { by: '7d', period: whole ? 'the 7 d before' : 'the same days a week before', legend: '7 d before' };
  }
  if (length_s <= 31 * DAY_S) return { by: '28d', period: 'the same weekdays 28 d before', legend: '28 d before' };
  return { by: '364d', period: 'the same weekdays 364 d before', legend: '364 d before' };
}

/** The comparison a view asks for; null where it is off. */
export function asksFor(view: View): Comparison | null {
  return view.compare ? comparison(view) : null;
}
