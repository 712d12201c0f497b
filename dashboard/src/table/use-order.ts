// The order on screen. It follows a filter or a header at once; new numbers move it at most every 5 s, and never while the
// pointer or the focus is on a row: what you read or are about to press stays where it is.

import { useRef } from 'preact/hooks';
import type { Endpoints } from './endpoints';
import type { Sort } from './order';
import { kept, ordered, sortText } from './order';

const SETTLE_MS = 5_000;

interface Held {
  rows: Endpoints;
  filter: string;
  sort: string;
  order: Uint32Array;
  settled_ms: number;
}

/** Whether the reader is on a row of the table. */
function inHand(table: HTMLElement | null): boolean {
  return !!table?.querySelector('[data-row]:hover, [data-row]:focus-within');
}

/** The rows' indexes in order. `table` gives the element whose rows may be in the reader's hand. */
export function useOrder(rows: Endpoints, filter: string, sort: Sort, table: () => HTMLElement | null): Uint32Array {
  const held = useRef<Held | null>(null);
  const wish = sortText(sort);
  const old = held.current;
  if (old && old.rows === rows && old.filter === filter && old.sort === wish) return old.order;
  const now_ms = performance.now();
  const asked = !old || old.filter !== filter || old.sort !== wish;
  if (asked || (now_ms - old.settled_ms >= SETTLE_MS && !inHand(table()))) {
    held.current = { rows, filter, sort: wish, order: ordered(rows, filter, sort), settled_ms: now_ms };
  } else {
    const ids = Array.from(old.order, (row) => old.rows.id[row]!);
    held.current = { ...old, rows, order: kept(ids, rows, filter, sort) };
  }
  return held.current!.order;
}
