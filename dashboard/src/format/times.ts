// How moments and lengths of time are written: in the viewer's zone, weekday first. All moments are epoch seconds.

import { THIN, grouped } from './numbers';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export const MINUTE_S = 60;
export const HOUR_S = 3600;
export const DAY_S = 86400;

function two(n: number): string {
  return String(n).padStart(2, '0');
}

/** Epoch seconds of an RFC 3339 time; null where there is none. */
export function seconds(at: string | null | undefined): number | null {
  if (!at) return null;
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** In UTC, RFC 3339, whole seconds: what the hover shows and what links carry. */
export function utc(s: number): string {
  return new Date(Math.floor(s) * 1000).toISOString().replace('.000Z', 'Z');
}

/** `14:32:07` */
export function clock(s: number): string {
  const d = new Date(s * 1000);
  return `${hourMinute(s)}:${two(d.getSeconds())}`;
}

/** `14:32` */
export function hourMinute(s: number): string {
  const d = new Date(s * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** `Thu 12 Mar`, with the year where it is not this one. */
export function day(s: number, now_s = Date.now() / 1000): string {
  const d = new Date(s * 1000);
  const year = d.getFullYear() === new Date(now_s * 1000).getFullYear() ? '' : ` ${d.getFullYear()}`;
  return `${WEEKDAYS[d.getDay()]} ${d.getDate()} ${MONTHS[d.getMonth()]}${year}`;
}

/** `2 Feb 2026, 09:02` */
export function dateAndTime(s: number): string {
  const d = new Date(s * 1000);
  return `${d.getDate()} ${MONTHS[d.getMonth()]} ${d.getFullYear()}, ${hourMinute(s)}`;
}

/** `12 Mar` */
export function dayOfMonth(s: number): string {
  const d = new Date(s * 1000);
  return `${d.getDate()} ${MONTHS[d.getMonth()]}`;
}

/** `Mar` or, in January, the year. */
export function month(s: number): string {
  const d = new Date(s * 1000);
  return d.getMonth() === 0 ? String(d.getFullYear()) : MONTHS[d.getMonth()]!;
}

/** A moment in a window of a length: seconds up to 1 h, a weekday up to a week, a date beyond. */
export function moment(s: number, window_s: number): string {
  const d = new Date(s * 1000);
  if (window_s <= HOUR_S) return clock(s);
  if (window_s <= 8 * DAY_S) return `${WEEKDAYS[d.getDay()]} ${hourMinute(s)}`;
  if (window_s <= 60 * DAY_S) return `${day(s)} ${hourMinute(s)}`;
  return day(s);
}

/** Whether two moments lie in one local day. */
export function sameDay(a_s: number, b_s: number): boolean {
  return new Date(a_s * 1000).toDateString() === new Date(b_s * 1000).toDateString();
}

/** `Wed 11 Mar 14:30 – Thu 12 Mar 14:30`; the date is said again only where it changes. */
export function range(from_s: number, to_s: number): string {
  const last = sameDay(from_s, to_s) ? hourMinute(to_s) : `${day(to_s)} ${hourMinute(to_s)}`;
  return `${day(from_s)} ${hourMinute(from_s)} – ${last}`;
}

/** The viewer's zone at a moment: `UTC+01:00`. */
export function zone(s: number): string {
  const minutes = -new Date(s * 1000).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes > 0 ? '+' : '−'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** A length as one reads it: `42 s`, `2 min 26 s`, `3 h 05`, `2 d 4 h`. */
export function length(s: number): string {
  const whole = Math.max(0, Math.round(s));
  if (whole < MINUTE_S) return `${whole}${THIN}s`;
  if (whole < HOUR_S) {
    const rest = whole % MINUTE_S;
    return `${Math.floor(whole / MINUTE_S)}${THIN}min${rest ? ` ${rest}${THIN}s` : ''}`;
  }
  if (whole < DAY_S) return `${Math.floor(whole / HOUR_S)}${THIN}h ${two(Math.floor((whole % HOUR_S) / MINUTE_S))}`;
  const hours = Math.floor((whole % DAY_S) / HOUR_S);
  return `${grouped(Math.floor(whole / DAY_S))}${THIN}d${hours ? ` ${hours}${THIN}h` : ''}`;
}

/** A length in its largest unit only, for sentences: `about 3 min`. */
export function roughly(s: number): string {
  if (s < 1.5 * MINUTE_S) return `${Math.max(1, Math.round(s))}${THIN}s`;
  if (s < 1.5 * HOUR_S) return `${Math.round(s / MINUTE_S)}${THIN}min`;
  return s < 2 * DAY_S ? `${Math.round(s / HOUR_S)}${THIN}h` : `${Math.round(s / DAY_S)}${THIN}d`;
}

/** When something last happened, in few words: `14:32:06`, `today 02:12`, `Tue 10 Mar`. */
export function since(s: number, now_s = Date.now() / 1000): string {
  if (now_s - s < HOUR_S && sameDay(s, now_s)) return clock(s);
  return sameDay(s, now_s) ? `today ${hourMinute(s)}` : day(s, now_s);
}
