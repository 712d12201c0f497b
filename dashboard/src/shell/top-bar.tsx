import type { ComponentChildren } from 'preact';
import type { Verdict } from '../api/verdict';
import { verdictOf } from '../api/verdict';
import { live } from '../api/live';
import { useNow } from '../clock';
import { clock } from '../format/times';
import { TimeOf } from '../format/time-of';
import { useWatched } from '../store';
import { toggleTheme } from '../theme';
import { carried, linkTo, usePlace } from '../view';
import { openHelp } from './help';
import { Voice } from './say';
import type { ShapeName } from './shape';
import { Shape } from './shape';

const PAGES = [
  ['/', 'Overview'],
  ['/pipeline', 'Pipeline'],
  ['/polls', 'Polls'],
  ['/reports', 'Reports'],
] as const;

interface Said {
  shape: ShapeName;
  word: string;
  about: string;
  at_s: number | null;
}

/** A verdict as the pill says it. */
function said(verdict: Verdict): Said {
  switch (verdict.is) {
    case 'connecting':
      return { shape: 'ring', word: 'Connecting', about: '', at_s: null };
    case 'waiting':
      return { shape: 'ring', word: 'Ready', about: 'waiting for the first event', at_s: null };
    case 'reconnecting':
      return { shape: 'ring', word: 'Reconnecting', about: 'as of', at_s: verdict.as_of_s };
    case 'behind':
      return { shape: 'triangle', word: 'Behind', about: 'counted through', at_s: verdict.through_s };
    case 'halted':
      return { shape: 'square', word: 'Halted', about: `${shardWords(verdict.shards)} counted through`, at_s: verdict.through_s };
    case 'postgres':
      return { shape: 'square', word: 'Not reading', about: 'as of', at_s: verdict.as_of_s };
    case 'redis':
      return { shape: 'square', word: 'Not accepting', about: 'counted through', at_s: verdict.as_of_s };
    case 'live':
      return { shape: 'disc', word: 'Live', about: 'counted through', at_s: verdict.through_s };
  }
}

/** `shard 4`, `shards 1, 4 and 6`. */
export function shardWords(shards: number[]): string {
  if (shards.length === 1) return `shard ${shards[0]}`;
  return `shards ${shards.slice(0, -1).join(', ')} and ${shards[shards.length - 1]}`;
}

/** How fresh the numbers are, always in the same place. */
export function Freshness({ verdict }: { verdict: Verdict }) {
  const { shape, word, about, at_s } = said(verdict);
  const at = at_s != null && <TimeOf s={at_s} text={clock(at_s)} strong />;
  return (
    <span class="freshness" title="Every event accepted before this moment is in the numbers on this page.">
      <Shape is={shape} />
      <span>
        <b>{word}</b>
        {(about || at) && <span class="on-wide"> · {about} {at}</span>}
        {at && <span class="on-phone"> · {at}</span>}
      </span>
    </span>
  );
}

function LiveFreshness() {
  const connection = useWatched(live);
  return <Freshness verdict={verdictOf(connection, useNow())} />;
}

export function Mark() {
  return (
    <svg width="24" height="20" viewBox="0 0 24 20" aria-hidden="true">
      <path d="M5 2V18M10 2V18M15 2V18M20 2V18" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
      <path class="stroke-5xx" d="M1.5 15L23 5" stroke-width="2.4" stroke-linecap="round" />
    </svg>
  );
}

function PageLink({ path, children }: { path: string; children: ComponentChildren }) {
  const place = usePlace();
  const here = path === '/' ? place.path === '/' || place.path.startsWith('/endpoints/') : place.path.startsWith(path);
  return (
    <a href={linkTo(path, carried(place.view))} aria-current={here ? 'page' : undefined}>
      {children}
    </a>
  );
}

export function TopBar() {
  return (
    <header class="top-bar">
      <a class="brand" href="/">
        <Mark />
        Tally
      </a>
      <nav class="pages" aria-label="Main">
        {PAGES.map(([path, name]) => (
          <PageLink key={path} path={path}>
            {name}
          </PageLink>
        ))}
      </nav>
      <span class="space" />
      <Voice />
      <LiveFreshness />
      <button type="button" class="icon on-wide" onClick={openHelp} aria-label="Keyboard shortcuts">
        <kbd>?</kbd>
      </button>
      <button type="button" class="icon" onClick={toggleTheme} aria-label="Switch between light and dark">
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />
        </svg>
      </button>
    </header>
  );
}
