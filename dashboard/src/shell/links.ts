// Links between the page's own views do not load anything: they change the place. Everything else is the browser's.

import { go, viewFrom } from '../view';

const OWN = /^\/($|endpoints\/|pipeline$|polls$|reports$|states$|first-run$)/;

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return;
  if (!OWN.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname, viewFrom(link.search));
}

export function followLinks(): void {
  document.addEventListener('click', follow);
}
