import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { LiveBanner } from './banner';
import { Help } from './help';
import { TopBar } from './top-bar';

/** What is around every page: skip link, top bar, the one banner, help. A new page takes the focus, as a loaded one would. */
export function Frame({ path, children }: { path: string; children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <TopBar />
      <main id="main" ref={main} tabIndex={-1}>
        <LiveBanner />
        {children}
      </main>
      <Help />
    </>
  );
}
