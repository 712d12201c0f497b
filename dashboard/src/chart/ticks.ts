// Where the lines of a grid stand, and how far an axis reaches.

import { DAY_S, HOUR_S, MINUTE_S, dayOfMonth, hourMinute, month } from '../format/times';

const LINEAR_STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
/** How many parts an axis that ends at such a number is cut into; never more than five. */
const PARTS: Record<string, number> = { 1: 2, 1.5: 3, 2: 2, 2.5: 5, 3: 3, 4: 2, 5: 5, 6: 3, 8: 2, 10: 2 };

function magnitude(value: number): number {
  return 10 ** Math.floor(Math.log10(value) + 1e-9);
}

/** The end of an axis from 0 that holds a value: the next round number. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = magnitude(value);
  return power * LINEAR_STEPS.find((step) => step * power >= value * 0.999999)!;
}

/** Lines from 0 to such an end. */
export function linearTicks(end: number): number[] {
  const first = Number((end / magnitude(end)).toPrecision(3));
  const parts = PARTS[String(first)] ?? 2;
  return Array.from({ length: parts + 1 }, (_, i) => (end * i) / parts);
}

/** The bounds of a logarithmic axis around values. */
export function logBounds(lowest: number, highest: number): [number, number] {
  const low = lowest * 0.97;
  const high = highest * 1.03;
  const below = [5, 3, 2, 1].map((step) => step * magnitude(low)).find((bound) => bound <= low) ?? magnitude(low);
  const above = [1, 2, 3, 5, 10].map((step) => step * magnitude(high)).find((bound) => bound >= high) ?? 10 * magnitude(high);
  return [below, above];
}

/** Lines of a logarithmic axis: 1, 1-3 or 1-2-5 a decade, by how many decades there are. */
export function logTicks(from: number, to: number): number[] {
  const decades = Math.log10(to / from);
  const steps = decades > 2.6 ? [1] : decades > 1.7 ? [1, 3] : decades > 0.6 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8];
  const ticks: number[] = [];
  for (let power = magnitude(from); power <= to; power *= 10) {
    for (const step of steps) {
      const tick = Number((step * power).toPrecision(6));
      if (tick >= from * 0.999 && tick <= to * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

export interface TimeTick {
  s: number;
  text: string;
  /** Midnight among hours, January among months. */
  strong: boolean;
}

/** Room a label takes, with what keeps it from its neighbour. */
const LABEL_PX = 62;
const MINUTES = [1, 5, 10, 30, 60, 120, 180, 360, 480, 720];
const DAYS = [1, 2, 7, 14];
const MONTHS = [1, 2, 3, 6, 12];
const MOST_TICKS = 40;
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Moments from `begin`, `at(0)`, `at(1)`, …, that lie in the window. */
function within(from_s: number, to_s: number, at: (i: number) => Date): number[] {
  const found: number[] = [];
  for (let i = 0; found.length < MOST_TICKS; i++) {
    const s = at(i).getTime() / 1000;
    if (s > to_s) break;
    if (s >= from_s && s !== found[found.length - 1]) found.push(s);
  }
  return found;
}

function clockTicks(from_s: number, to_s: number, step_minutes: number, narrow: boolean): TimeTick[] {
  const d = new Date(from_s * 1000);
  const minutes = Math.floor((d.getHours() * 60 + d.getMinutes()) / step_minutes) * step_minutes;
  const at = (i: number) => new Date(d.getFullYear(), d.getMonth(), d.getDate(), 0, minutes + i * step_minutes);
  return within(from_s, to_s, at).map((s) => {
    const midnight = hourMinute(s) === '00:00';
    const date = new Date(s * 1000);
    const text = midnight ? `${WEEKDAYS[date.getDay()]}${narrow ? '' : ` ${date.getDate()}`}` : hourMinute(s);
    return { s, text, strong: midnight };
  });
}

function dayTicks(from_s: number, to_s: number, step_days: number): TimeTick[] {
  const d = new Date(from_s * 1000);
  // Weeks begin on Monday.
  const back = step_days >= 7 ? (d.getDay() + 6) % 7 : 0;
  const at = (i: number) => new Date(d.getFullYear(), d.getMonth(), d.getDate() - back + i * step_days);
  return within(from_s, to_s, at).map((s) => ({ s, text: dayOfMonth(s), strong: new Date(s * 1000).getDate() === 1 }));
}

function monthTicks(from_s: number, to_s: number, step_months: number): TimeTick[] {
  const d = new Date(from_s * 1000);
  const first = Math.floor(d.getMonth() / step_months) * step_months;
  const at = (i: number) => new Date(d.getFullYear(), first + i * step_months, 1);
  return within(from_s, to_s, at).map((s) => ({ s, text: month(s), strong: new Date(s * 1000).getMonth() === 0 }));
}

/** Labels of a time axis, at round local times; as many as have room. */
export function timeTicks(from_s: number, to_s: number, width_px: number): TimeTick[] {
  const room_s = ((to_s - from_s) * LABEL_PX) / Math.max(width_px, LABEL_PX);
  const minutes = MINUTES.find((step) => step * MINUTE_S >= room_s);
  if (minutes) return clockTicks(from_s, to_s, minutes, width_px < 420);
  const days = DAYS.find((step) => step * DAY_S >= room_s);
  if (days) return dayTicks(from_s, to_s, days);
  const months = MONTHS.find((step) => step * 30 * DAY_S >= room_s) ?? 12 * Math.ceil(room_s / (365 * DAY_S));
  return monthTicks(from_s, to_s, months);
}

/** A step of time in words: `5 min`, `1 h`, `1 d`. */
export function stepWords(step_s: number): string {
  if (step_s % DAY_S === 0) return step_s === DAY_S ? 'a day' : `${step_s / DAY_S} days`;
  if (step_s % HOUR_S === 0) return step_s === HOUR_S ? 'an hour' : `${step_s / HOUR_S} hours`;
  return step_s === MINUTE_S ? 'a minute' : `${Math.round(step_s / MINUTE_S)} minutes`;
}
