// The view: which window, compared with what, filtered and sorted how. All of it stands in the address, so a link shows
// what its sender sees; what is as always is left out.

import { useEffect, useState } from 'preact/hooks';
import { DAY_S, HOUR_S, MINUTE_S, utc } from './format/times';

export const WINDOWS = ['5m', '1h', '6h', '24h', '7d', '30d', '1y'] as const;
export type WindowName = (typeof WINDOWS)[number];

export const WINDOW_SECONDS: Record<WindowName, number> = {
  '5m': 5 * MINUTE_S,
  '1h': HOUR_S,
  '6h': 6 * HOUR_S,
  '24h': DAY_S,
  '7d': 7 * DAY_S,
  '30d': 30 * DAY_S,
  '1y': 365 * DAY_S,
};

export interface Range {
  from_s: number;
  to_s: number;
}

export interface View {
  window: WindowName;
  /** A chosen range, or a zoom; null: the window up to now. */
  range: Range | null;
  compare: boolean;
  filter: string;
  /** A column's name, with `-` before it for descending. */
  sort: string;
  log: boolean;
}

export const DEFAULT: View = { window: '24h', range: null, compare: true, filter: '', sort: '-requests', log: true };

/** Nothing shorter can be drawn: a minute is the finest that is kept. */
const SHORTEST_RANGE_S = MINUTE_S;

/** Reads a moment from an address: RFC 3339, also without its seconds, or epoch seconds. */
function momentFrom(text: string | null): number | null {
  if (!text) return null;
  if (/^\d{9,11}$/.test(text)) return Number(text);
  const ms = Date.parse(text.replace(/T(\d\d:\d\d)Z$/, 'T$1:00Z'));
  return Number.isNaN(ms) ? null : ms / 1000;
}

function rangeFrom(query: URLSearchParams): Range | null {
  const from_s = momentFrom(query.get('from'));
  const to_s = momentFrom(query.get('to'));
  if (from_s == null || to_s == null || to_s - from_s < SHORTEST_RANGE_S) return null;
  return { from_s, to_s };
}

/** The view of an address's query. What is wrong in it is as always: an old link still shows something. */
export function viewFrom(search: string): View {
  const query = new URLSearchParams(search);
  const window = WINDOWS.find((name) => name === query.get('w')) ?? DEFAULT.window;
  return {
    window,
    range: rangeFrom(query),
    compare: query.get('c') !== '0',
    filter: query.get('f') ?? '',
    sort: query.get('s') || DEFAULT.sort,
    log: query.get('log') !== '0',
  };
}

/** A moment as an address carries it: in UTC, without its seconds where there are none. */
export function momentText(s: number): string {
  return utc(s).replace(/:00Z$/, 'Z');
}

/** The query of a view, with its `?`; empty where everything is as always. */
export function queryOf(view: View): string {
  const parts: string[] = [];
  const add = (name: string, value: string) => parts.push(`${name}=${encodeURIComponent(value).replace(/%3A/g, ':').replace(/%20/g, '+')}`);
  if (view.window !== DEFAULT.window) add('w', view.window);
  if (view.range) {
    add('from', momentText(view.range.from_s));
    add('to', momentText(view.range.to_s));
  }
  if (!view.compare) add('c', '0');
  if (view.filter) add('f', view.filter);
  if (view.sort !== DEFAULT.sort) add('s', view.sort);
  if (!view.log) add('log', '0');
  return parts.length ? `?${parts.join('&')}` : '';
}

/** What of a view belongs on another page: the window and how it is shown, not the table's filter and order. */
export function carried(view: View): View {
  return { ...view, filter: DEFAULT.filter, sort: DEFAULT.sort };
}

/** The window's bounds at a moment. */
export function bounds(view: View, now_s: number): Range {
  return view.range ?? { from_s: now_s - WINDOW_SECONDS[view.window], to_s: now_s };
}

/** How long the window is. */
export function windowSeconds(view: View): number {
  return view.range ? view.range.to_s - view.range.from_s : WINDOW_SECONDS[view.window];
}

/** The window's bounds as the API takes them. A window up to now is relative, so that many pages ask the same. */
export function asked(view: View): { from: string; to?: string } {
  if (view.range) return { from: utc(view.range.from_s), to: utc(view.range.to_s) };
  return { from: `-${view.window === '1y' ? '365d' : view.window}` };
}

const LIVE_MS = 1_000;
const SLOWEST_MS = 15_000;

/** How often a window's numbers may be asked for: the longer it is, the less a second changes in it. */
export function liveEvery(view: View): number {
  return Math.min(SLOWEST_MS, LIVE_MS * Math.max(1, Math.round((windowSeconds(view) / DAY_S) * 2)));
}

/** The window of the same length before (-1) or after (1); one that would end after now is the one up to now. */
export function neighbour(view: View, by: -1 | 1, now_s: number): View {
  const { from_s, to_s } = bounds(view, Math.floor(now_s / MINUTE_S) * MINUTE_S);
  const step_s = (to_s - from_s) * by;
  const range = { from_s: from_s + step_s, to_s: to_s + step_s };
  if (range.to_s >= now_s - MINUTE_S) return { ...view, range: null };
  return { ...view, range };
}

export interface Place {
  path: string;
  view: View;
}

let place: Place = typeof location === 'undefined' ? { path: '/', view: DEFAULT } : placeNow();
const watchers = new Set<() => void>();

function placeNow(): Place {
  return { path: location.pathname, view: viewFrom(location.search) };
}

function tell(next: Place): void {
  place = next;
  for (const watcher of [...watchers]) watcher();
}

if (typeof window !== 'undefined') window.addEventListener('popstate', () => tell(placeNow()));

/** What makes a step in the history, so that Back undoes it: another page, window or zoom. The rest rewrites the address. */
function isStep(before: Place, after: Place): boolean {
  return (
    before.path !== after.path ||
    before.view.window !== after.view.window ||
    before.view.range?.from_s !== after.view.range?.from_s ||
    before.view.range?.to_s !== after.view.range?.to_s
  );
}

/** The address of a page with a view. */
export function linkTo(path: string, view: View): string {
  return path + queryOf(view);
}

/** Goes to a page. */
export function go(path: string, view: View): void {
  const next = { path, view };
  if (isStep(place, next)) history.pushState(null, '', linkTo(path, view));
  else history.replaceState(history.state, '', linkTo(path, view));
  tell(next);
}

/** Changes the view of the page that is shown. */
export function show(change: Partial<View>): void {
  go(place.path, { ...place.view, ...change });
}

/** Shows a stretch that was selected in a chart: there, or in the overview where the page has no window. */
export function zoom(range: Range): void {
  const windowed = place.path === '/' || place.path.startsWith('/endpoints/');
  go(windowed ? place.path : '/', { ...place.view, range });
}

/** Where the page is now, outside of a component. */
export function here(): Place {
  return place;
}

/** Where the page is; draws again when that changes. */
export function usePlace(): Place {
  const [now, set] = useState(place);
  useEffect(() => {
    const watcher = () => set(place);
    watcher();
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return now;
}
