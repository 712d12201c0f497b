// The table's data: the answer's columns in typed arrays, so that 5,000 rows are filtered and sorted within a frame.
// NaN stands for "no value".

import type { Rows } from '../api/answers';

export interface Endpoints {
  size: number;
  compared: boolean;
  services: string[];
  id: string[];
  service: string[];
  method: string[];
  route: string[];
  requests: Float64Array;
  status: { '2xx': Float64Array; '3xx': Float64Array; '4xx': Float64Array; '5xx': Float64Array };
  p50: Float64Array;
  p90: Float64Array;
  p95: Float64Array;
  p99: Float64Array;
  beforeRequests: Float64Array;
  before5xx: Float64Array;
  beforeP99: Float64Array;
  /** What a search for text looks in, lower case. */
  text: string[];
}

function numbers(column: readonly (number | null)[] | undefined, size: number): Float64Array {
  const out = new Float64Array(size).fill(NaN);
  column?.forEach((value, i) => {
    if (value != null) out[i] = value;
  });
  return out;
}

export function endpointsOf(rows: Rows): Endpoints {
  const size = rows.id.length;
  const service = rows.service.map((index) => rows.services[index] ?? '');
  const method = rows.method.map((index) => rows.methods[index] ?? '');
  const text = rows.route.map((route, i) => `${service[i]} ${method[i]} ${route}`.toLowerCase());
  const column = (name: keyof Rows) => numbers(rows[name] as (number | null)[] | undefined, size);
  return {
    size,
    compared: rows.before_requests !== undefined,
    services: rows.services,
    id: rows.id,
    service,
    method,
    route: rows.route,
    requests: column('requests'),
    status: { '2xx': column('status_2xx'), '3xx': column('status_3xx'), '4xx': column('status_4xx'), '5xx': column('status_5xx') },
    p50: column('p50'),
    p90: column('p90'),
    p95: column('p95'),
    p99: column('p99'),
    beforeRequests: column('before_requests'),
    before5xx: column('before_status_5xx'),
    beforeP99: column('before_p99'),
    text,
  };
}

/** A cell's value, null where there is none. */
export function cell(column: Float64Array, row: number): number | null {
  const value = column[row];
  return value === undefined || Number.isNaN(value) ? null : value;
}

/** The share of a row's requests that a class has; null without requests. */
export function shareOf(part: Float64Array, requests: Float64Array, row: number): number | null {
  const n = requests[row]!;
  return n > 0 ? part[row]! / n : null;
}
