// The heat map's numbers: a row a stretch of time, a column a band of latency. Before them the whole window.

import { useMemo } from 'preact/hooks';
import type { Heat } from '../api/answers';
import { NONE, duration, grouped, words } from '../format/numbers';
import { moment } from '../format/times';
import type { Column } from '../shell/small-table';
import { Table } from '../shell/small-table';
import type { Band } from './grid';
import { bandsOf, inBands } from './grid';
import type { Timeline } from './timeline';
import { beginOf, endOf, isCounted } from './timeline';

/** More columns would not be read. */
const BANDS_MAX = 10;

export interface HeatTableProps {
  line: Timeline;
  heat: Heat;
  /** Requests of the whole window, by the heat map's bins. */
  count: number[];
  /** The same of the compared period, and its name. */
  before: number[] | null;
  beforeName: string;
}

interface Row {
  id: string | number;
  name: string;
  /** By band; null where nothing is counted. */
  counts: number[] | null;
}

function rowsOf({ line, heat, count, before, beforeName }: HeatTableProps): { bands: Band[]; rows: Row[] } {
  const { bands, bins, counts } = bandsOf(heat, BANDS_MAX);
  const span_s = endOf(line) - beginOf(line);
  const rows: Row[] = [{ id: 'now', name: 'Whole window', counts: inBands(count, bins) }];
  if (before) rows.push({ id: 'before', name: beforeName, counts: inBands(before, bins) });
  heat.start_s.forEach((s, i) => {
    rows.push({ id: s, name: moment(s, span_s), counts: isCounted(line, s, s + heat.step_seconds) ? counts[i]! : null });
  });
  return { bands, rows };
}

function nameOf({ lower_ms, upper_ms }: Band): string {
  const upper = words(duration(upper_ms));
  return lower_ms == null ? `up to ${upper}` : `${words(duration(lower_ms))} – ${upper}`;
}

export function HeatTable(props: HeatTableProps) {
  const { line, heat, count, before } = props;
  const { bands, rows } = useMemo(() => rowsOf(props), [line, heat, count, before]);
  const columns: Column<Row>[] = [
    { name: 'Time', cell: ({ name }) => name },
    ...bands.map((band, i) => ({ name: nameOf(band), class: 'number', cell: ({ counts }: Row) => (counts ? grouped(counts[i] ?? 0) : NONE) })),
  ];
  return <Table columns={columns} rows={rows} id={({ id }) => id} />;
}
