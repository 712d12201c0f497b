// The table of endpoints: filter, header, and of its rows those in view.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { grouped } from '../format/numbers';
import { useKeys } from '../shell/keys';
import { Statement } from '../shell/states';
import type { View } from '../view';
import { asked, carried, linkTo, show } from '../view';
import type { Width } from '../width';
import { useWidth } from '../width';
import type { Endpoints } from './endpoints';
import type { ServiceCount } from './filter-bar';
import { FilterBar } from './filter-bar';
import { Head } from './head';
import { sortFrom, sortText } from './order';
import { DrawnRows } from './row';
import { useSparklines } from './sparklines';
import { useOrder } from './use-order';
import { useRowsInView } from './use-rows-in-view';

const HEIGHTS: Record<Width, number> = { desk: 32, tablet: 46, phone: 56 };
/** On a phone so many rows, and the rest on demand: what is below the table must be reachable. */
const PHONE_ROWS = 12;
/** An address is rewritten once the reader pauses; browsers refuse more than some hundred in half a minute. */
const ADDRESS_AFTER_MS = 300;

interface EndpointTableProps {
  rows: Endpoints;
  view: View;
  services: ServiceCount[];
  /** All endpoints with a request in the window; more than `rows` while the rest is under way. */
  total: number;
  /** When counting began. */
  since_s: number | null;
}

/** The filter as it is typed: the table follows at once, the address when the reader pauses. */
function useFilter(inAddress: string): [string, (filter: string) => void] {
  const [typed, type] = useState(inAddress);
  const written = useRef(inAddress);
  useEffect(() => {
    if (inAddress !== written.current) type((written.current = inAddress));
  }, [inAddress]);
  useEffect(() => {
    if (typed === written.current) return;
    const timer = setTimeout(() => show({ filter: (written.current = typed) }), ADDRESS_AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, type];
}

export function EndpointTable({ rows, view, services, total, since_s }: EndpointTableProps) {
  const table = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const width = useWidth();
  const [filter, setFilter] = useFilter(view.filter);
  const [all, showAll] = useState(false);
  const sort = sortFrom(view.sort);
  const order = useOrder(rows, filter, sort, () => table.current);
  const shown = width === 'phone' && !all ? Math.min(PHONE_ROWS, order.length) : order.length;
  const height = HEIGHTS[width];
  const inView = useRowsInView(body, shown, height);
  const focused = useFocusedRow(table, shown, height);
  const indexes = indexesOf(inView.first, inView.end, focused, shown);
  const ids = indexes.map((index) => rows.id[order[index]!]!);
  const { current: drawn } = useRef(new DrawnRows());
  drawn.keep(ids);
  const trendOf = useSparklines(asked(view), width === 'phone' ? [] : ids, since_s);

  return (
    <section class="panel" aria-label="Endpoints">
      <FilterBar filter={filter} services={services} total={total} onFilter={setFilter} />
      <div
        ref={table}
        class={`endpoints ${width} ${rows.compared ? 'compared' : ''}`}
        role="table"
        aria-label="Endpoints"
        aria-rowcount={order.length + 1}
      >
        <div class="sticky" role="rowgroup">
          <Head sort={sort} compared={rows.compared} width={width} onSort={(next) => show({ sort: sortText(next) })} />
        </div>
        <div ref={body} class="rows" role="rowgroup" style={{ height: `${shown * height}px` }}>
          {ids.map((id, i) =>
            drawn.row(id, {
              rows,
              row: order[indexes[i]!]!,
              index: indexes[i]!,
              top_px: indexes[i]! * height,
              width,
              href: linkTo(`/endpoints/${id}`, carried(view)),
              trend: trendOf(id),
            }),
          )}
        </div>
      </div>
      <Below filter={filter} found={order.length} shown={shown} total={total} clear={() => setFilter('')} showAll={() => showAll(true)} />
    </section>
  );
}

/** The rows to draw: those in view, and the one with the focus, which must not lose it by scrolling away. */
function indexesOf(first: number, end: number, focused: number | null, shown: number): number[] {
  const indexes = Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  if (focused == null || focused >= shown || (focused >= first && focused < end)) return indexes;
  return focused < first ? [focused, ...indexes] : [...indexes, focused];
}

interface BelowProps {
  filter: string;
  found: number;
  shown: number;
  total: number;
  clear: () => void;
  showAll: () => void;
}

function Below({ filter, found, shown, total, clear, showAll }: BelowProps) {
  if (found > shown) {
    return (
      <p class="below">
        <button type="button" class="button small" onClick={showAll}>
          Show all {grouped(found)}
        </button>
      </p>
    );
  }
  if (found > 0 || total === 0) return null;
  const action = (
    <button type="button" class="button small" onClick={clear}>
      Clear the filter
    </button>
  );
  return (
    <div class="below">
      <Statement title={`No endpoint matches “${filter.trim()}”.`} action={action}>
        {grouped(total)} {total === 1 ? 'endpoint' : 'endpoints'} had requests in this window.
      </Statement>
    </div>
  );
}

/** The row that has the focus; `j` and `k` move it, and bring it into view. */
function useFocusedRow(table: { current: HTMLElement | null }, shown: number, height: number): number | null {
  const [focused, focus] = useState<number | null>(null);
  const wanted = useRef<number | null>(null);
  const latest = useRef({ shown, height });
  latest.current = { shown, height };

  useEffect(() => {
    const room = table.current!;
    const taken = (event: FocusEvent) => {
      const row = (event.target as Element).closest<HTMLElement>('[data-row]');
      focus(row ? Number(row.dataset.row) : null);
    };
    const left = (event: FocusEvent) => !room.contains(event.relatedTarget as Node | null) && wanted.current == null && focus(null);
    room.addEventListener('focusin', taken);
    room.addEventListener('focusout', left);
    return () => {
      room.removeEventListener('focusin', taken);
      room.removeEventListener('focusout', left);
    };
  }, []);

  useEffect(() => {
    if (wanted.current == null) return;
    const link = table.current?.querySelector<HTMLElement>(`[data-row="${wanted.current}"] a`);
    wanted.current = null;
    link?.focus({ preventScroll: true });
    link?.closest('[data-row]')?.scrollIntoView({ block: 'nearest' });
  });

  const move = (by: number) => {
    const { shown } = latest.current;
    if (!shown) return;
    const row = table.current?.querySelector<HTMLElement>('[data-row]:focus-within');
    const next = Math.max(0, Math.min(shown - 1, row ? Number(row.dataset.row) + by : 0));
    wanted.current = next;
    focus((old) => (old === next ? null : next));
  };
  useKeys(useMemo(() => ({ j: () => move(1), k: () => move(-1) }), []));
  return focused;
}
