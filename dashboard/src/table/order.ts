// Which rows, in which order. Rows without a value come last either way; ties go by requests, then by name.

import { countChange, quantileChange } from '../format/change';
import type { Endpoints } from './endpoints';
import { cell } from './endpoints';
import { filterTest } from './filter';

export const SORTS = ['endpoint', 'requests', 'change', 'errors', 'p50', 'p95', 'p99', 'p99_change'] as const;
export type SortName = (typeof SORTS)[number];

export interface Sort {
  by: SortName;
  descending: boolean;
}

/** Reads `-p99`; what is unknown is by requests. */
export function sortFrom(text: string): Sort {
  const by = SORTS.find((name) => name === text.replace(/^-/, ''));
  return by ? { by, descending: text.startsWith('-') } : { by: 'requests', descending: true };
}

export function sortText(sort: Sort): string {
  return (sort.descending ? '-' : '') + sort.by;
}

/** A click on a header: numbers descend first, names ascend; the same header again turns it round. */
export function clicked(sort: Sort, by: SortName): Sort {
  return { by, descending: sort.by === by ? !sort.descending : by !== 'endpoint' };
}

/** Each row's place by service, route and method. */
function nameRanks(rows: Endpoints): Float64Array {
  const names = rows.service.map((service, i) => `${service}\u0000${rows.route[i]}\u0000${rows.method[i]}`);
  const order = names.map((_, i) => i).sort((a, b) => (names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : 0));
  const ranks = new Float64Array(rows.size);
  order.forEach((row, rank) => (ranks[row] = rank));
  return ranks;
}

function derived(rows: Endpoints, value: (row: number) => number | null): Float64Array {
  return Float64Array.from({ length: rows.size }, (_, row) => value(row) ?? NaN);
}

function keyOf(rows: Endpoints, by: SortName, ranks: Float64Array): Float64Array {
  switch (by) {
    case 'endpoint':
      return ranks;
    case 'change':
      // New ones have grown beyond any factor.
      return derived(rows, (row) => (rows.beforeRequests[row] === 0 ? Infinity : countChange(rows.requests[row]!, cell(rows.beforeRequests, row)).factor));
    case 'errors':
      return derived(rows, (row) => (rows.requests[row]! > 0 ? rows.status['5xx'][row]! / rows.requests[row]! : null));
    case 'p99_change':
      return derived(rows, (row) => quantileChange(cell(rows.p99, row), cell(rows.beforeP99, row), rows.requests[row]!).factor);
    default:
      return rows[by];
  }
}

function sorted(shown: Uint32Array, key: Float64Array, descending: boolean, requests: Float64Array, ranks: Float64Array): Uint32Array {
  const turn = descending ? -1 : 1;
  return shown.sort((a, b) => {
    const x = key[a]!;
    const y = key[b]!;
    if (x !== y) {
      if (Number.isNaN(x)) return Number.isNaN(y) ? requests[b]! - requests[a]! || ranks[a]! - ranks[b]! : 1;
      return Number.isNaN(y) ? -1 : (x < y ? -1 : 1) * turn;
    }
    return requests[b]! - requests[a]! || ranks[a]! - ranks[b]!;
  });
}

const ranksOf = new WeakMap<Endpoints, Float64Array>();

/** The rows that pass the filter, in order. */
export function ordered(rows: Endpoints, filter: string, sort: Sort): Uint32Array {
  let ranks = ranksOf.get(rows);
  if (!ranks) ranksOf.set(rows, (ranks = nameRanks(rows)));
  const test = filterTest(rows, filter);
  const shown = new Uint32Array(rows.size);
  let n = 0;
  for (let row = 0; row < rows.size; row++) if (test(row)) shown[n++] = row;
  return sorted(shown.subarray(0, n), keyOf(rows, sort.by, ranks), sort.descending, rows.requests, ranks);
}

/** An order of other rows, kept: those that are still there where they were, new ones that pass the filter at the end. */
export function kept(before: readonly string[], rows: Endpoints, filter: string, sort: Sort): Uint32Array {
  const at = new Map(rows.id.map((id, row) => [id, row]));
  const stay: number[] = [];
  for (const id of before) {
    const row = at.get(id);
    if (row === undefined) continue;
    stay.push(row);
    at.delete(id);
  }
  for (const row of ordered(rows, filter, sort)) if (at.has(rows.id[row]!)) stay.push(row);
  return Uint32Array.from(stay);
}
