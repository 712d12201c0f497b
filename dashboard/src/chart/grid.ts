// The heat map's cells, merged until each is large enough to be seen: at least 6 px either way.

import type { Heat } from '../api/answers';

export interface GridCell {
  from_s: number;
  to_s: number;
  lower_ms: number;
  upper_ms: number;
  count: number;
}

export interface Grid {
  cells: GridCell[];
  /** The most requests in one cell. */
  most: number;
  /** The latency axis: the first and the last bin with a request, so the slowest is always in it. */
  min_ms: number;
  max_ms: number;
  /** What of time and of bins one cell holds. */
  column_s: number;
  bins: number;
}

/** The least size of a cell. */
export const CELL_PX = 6;

/** How many of `n` parts of `room` pixels go into one so that it is `CELL_PX` at least. */
export function mergedBy(n: number, room_px: number): number {
  return n > 0 ? Math.max(1, Math.ceil((n * CELL_PX) / Math.max(room_px, CELL_PX))) : 1;
}

/** How far below the others the bin of exactly 0 ms is drawn: a logarithmic axis has no place for it. */
const BELOW = 0.9;

/**
 * Durations of exactly 0 ms have a bin of their own, decades below all others. The empty bins between are left out, and it is
 * drawn just under them.
 */
export function withoutGap<T extends { heat: Heat; distribution: { count: number[]; before: number[] | null } }>(answer: T): T {
  const { heat, distribution } = answer;
  if (heat.bin_lower_ms[0] !== 0) return answer;
  const used = (bin: number) => heat.bin_lower_ms[bin]! > 0 && (distribution.count[bin]! > 0 || !!distribution.before?.[bin]);
  const first = heat.bin_lower_ms.findIndex((_, bin) => used(bin));
  if (first < 1) return answer;
  const cut = (values: number[]) => [values[0]!, ...values.slice(first)];
  const edge = heat.bin_lower_ms[first]!;
  return {
    ...answer,
    heat: {
      ...heat,
      bin_lower_ms: [edge * BELOW, ...heat.bin_lower_ms.slice(first)],
      bin_upper_ms: [edge, ...heat.bin_upper_ms.slice(first)],
      bin: heat.bin.map((bin) => (bin === 0 ? 0 : bin - first + 1)),
    },
    distribution: { count: cut(distribution.count), before: distribution.before && cut(distribution.before) },
  };
}

/** The cells of an answer for a plot of so many pixels. */
export function gridOf(heat: Heat, width_px: number, height_px: number): Grid {
  const columns = mergedBy(heat.start_s.length, width_px);
  const bins = mergedBy(heat.bin_lower_ms.length, height_px);
  const rows = Math.ceil(heat.bin_lower_ms.length / bins);
  const sums = new Map<number, number>();
  for (let i = 0; i < heat.count.length; i++) {
    const key = Math.floor(heat.column[i]! / columns) * rows + Math.floor(heat.bin[i]! / bins);
    sums.set(key, (sums.get(key) ?? 0) + heat.count[i]!);
  }
  const last = heat.bin_upper_ms.length - 1;
  const column_s = heat.step_seconds * columns;
  let most = 0;
  const cells: GridCell[] = [];
  for (const [key, count] of sums) {
    const from_s = heat.start_s[Math.floor(key / rows) * columns]!;
    const bin = (key % rows) * bins;
    most = Math.max(most, count);
    cells.push({
      from_s,
      to_s: from_s + column_s,
      lower_ms: lowerEdge(heat, bin),
      upper_ms: heat.bin_upper_ms[Math.min(last, bin + bins - 1)]!,
      count,
    });
  }
  return { cells, most, min_ms: lowerEdge(heat, 0), max_ms: heat.bin_upper_ms[last] ?? 1000, column_s, bins };
}

export interface Band {
  /** Null: from 0 on. */
  lower_ms: number | null;
  upper_ms: number;
}

/** The heat map's counts in at most so many bands of latency, by step and band; `bins` go into one band. */
export function bandsOf(heat: Heat, most: number): { bands: Band[]; bins: number; counts: number[][] } {
  const n = heat.bin_lower_ms.length;
  const bins = Math.max(1, Math.ceil(n / most));
  const bands = Array.from({ length: Math.ceil(n / bins) }, (_, band) => ({
    lower_ms: band === 0 ? null : heat.bin_lower_ms[band * bins]!,
    upper_ms: heat.bin_upper_ms[Math.min(n, (band + 1) * bins) - 1]!,
  }));
  const counts = heat.start_s.map(() => bands.map(() => 0));
  heat.count.forEach((count, i) => (counts[heat.column[i]!]![Math.floor(heat.bin[i]! / bins)]! += count));
  return { bands, bins, counts };
}

/** Counts by bin added up, so many bins each. */
export function inBands(count: number[], bins: number): number[] {
  const bands: number[] = [];
  count.forEach((n, bin) => (bands[Math.floor(bin / bins)] = (bands[Math.floor(bin / bins)] ?? 0) + n));
  return bands;
}

/** A bin's lower edge. The lowest bin begins at 0, which a logarithmic axis has no place for. */
function lowerEdge(heat: Heat, bin: number): number {
  const lower = heat.bin_lower_ms[bin];
  if (lower === undefined) return 1;
  return lower > 0 ? lower : (heat.bin_upper_ms[bin] ?? 2) / 2;
}
