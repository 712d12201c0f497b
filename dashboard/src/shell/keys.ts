// Single keys. They are off while the reader types, in dialogs, with modifiers, and where the reader turned them off
// (WCAG 2.1.4); a page adds its own with `useKeys`.

import { useEffect } from 'preact/hooks';
import { Watched } from '../store';
import { remember, remembered, toggleTheme } from '../theme';
import { WINDOWS, carried, go, here, neighbour, show } from '../view';
import { copyLink } from './copy';
import { openHelp } from './help';

const KEY = 'tally.keys';
/** After `g` this long for the second key. */
const SEQUENCE_MS = 1_200;

export const keysOn = new Watched(remembered(KEY) !== 'off');

export function setKeysOn(on: boolean): void {
  keysOn.value = on;
  remember(KEY, on ? 'on' : 'off');
}

export type Keys = Record<string, () => void>;

const PLACES: Record<string, string> = { o: '/', p: '/pipeline', v: '/polls', r: '/reports' };

/** What works on every page. */
const everywhere: Keys = {
  '?': openHelp,
  t: toggleTheme,
  y: () => void copyLink(),
};

/** What works on a page that shows a window. */
export const windowKeys: Keys = {
  ...Object.fromEntries(WINDOWS.map((window, index) => [String(index + 1), () => show({ window, range: null })])),
  '[': () => move(-1),
  ']': () => move(1),
  c: () => show({ compare: !here().view.compare }),
  l: () => show({ log: !here().view.log }),
  Escape: () => here().view.range && show({ range: null }),
};

function move(by: -1 | 1): void {
  const { path, view } = here();
  go(path, neighbour(view, by, Date.now() / 1000));
}

const layers: Keys[] = [everywhere];
let sequence_until_ms = 0;

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input:not([type=checkbox],[type=radio]), select, textarea');
}

function second(key: string): boolean {
  if (performance.now() > sequence_until_ms) return false;
  sequence_until_ms = 0;
  const path = PLACES[key];
  if (!path) return false;
  go(path, carried(here().view));
  return true;
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === 'Escape') (event.target as HTMLElement).blur();
    return;
  }
  if (document.querySelector('dialog[open]')) return;
  if (!keysOn.value && event.key !== 'Escape') return;
  if (second(event.key)) return event.preventDefault();
  if (event.key === 'g') {
    sequence_until_ms = performance.now() + SEQUENCE_MS;
    return;
  }
  const layer = [...layers].reverse().find((keys) => Object.hasOwn(keys, event.key));
  if (!layer) return;
  event.preventDefault();
  layer[event.key]!();
}

/** Adds a page's keys while it is shown. */
export function useKeys(keys: Keys): void {
  useEffect(() => {
    layers.push(keys);
    return () => void layers.splice(layers.indexOf(keys), 1);
  }, [keys]);
}

export function listenForKeys(): void {
  document.addEventListener('keydown', press);
}
