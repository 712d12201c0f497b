// Light or dark: as the system says until the reader chooses; the choice is remembered.

import { Watched } from './watched';

export type Theme = 'light' | 'dark';

const KEY = 'tally.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

/** Storage may be forbidden; then a choice lasts as long as the page. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Lasts as long as the page.
  }
}

function chosen(): Theme | null {
  const kept = remembered(KEY);
  return kept === 'light' || kept === 'dark' ? kept : null;
}

function now(): Theme {
  return chosen() ?? (system.matches ? 'dark' : 'light');
}

export const theme = new Watched<Theme>(now());

function apply(): void {
  const choice = chosen();
  if (choice) document.documentElement.dataset.theme = choice;
  theme.value = now();
}

export function toggleTheme(): void {
  const next = theme.value === 'dark' ? 'light' : 'dark';
  remember(KEY, next);
  document.documentElement.dataset.theme = next;
  theme.value = next;
}

apply();
system.addEventListener('change', apply);
