import { useEffect } from 'preact/hooks';

/** The browser's title of this page. */
export function useTitle(title: string): void {
  useEffect(() => void (document.title = `${title} · Tally`), [title]);
}
