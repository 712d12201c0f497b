// A row's two pictures: the shares of the status classes, and its latency on one axis for all rows.

import { grouped, ratio, words } from '../format/numbers';
import type { Endpoints } from './endpoints';
import { cell } from './endpoints';

const CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;
/** A smaller share would be less than a pixel. */
const LEAST_SHARE = 0.005;

export function ClassBar({ rows, row }: { rows: Endpoints; row: number }) {
  const requests = rows.requests[row]!;
  if (!requests) return <span class="muted">–</span>;
  const share = (name: (typeof CLASSES)[number]) => rows.status[name][row]! / requests;
  const label = CLASSES.map((name) => `${name} ${grouped(rows.status[name][row]!)} (${words(ratio(share(name)))})`).join(', ');
  return (
    <div class="class-bar" role="img" aria-label={label} title={label}>
      {CLASSES.filter((name) => share(name) >= LEAST_SHARE).map((name) => (
        <i key={name} class={`class-${name}`} style={{ flexGrow: share(name) * 1000 }} />
      ))}
    </div>
  );
}

export const STRIP_PX = 132;
const EDGE_PX = 4;
const FROM_MS = 1;
const TO_MS = 10_000;
const DECADES = [1, 10, 100, 1_000, 10_000];

/** A latency's place on the axis all rows share: 1 ms to 10 s. */
function at(ms: number): number {
  const part = Math.log(Math.max(FROM_MS, Math.min(TO_MS, ms)) / FROM_MS) / Math.log(TO_MS / FROM_MS);
  return EDGE_PX + part * (STRIP_PX - 2 * EDGE_PX);
}

export function LatencyStrip({ rows, row }: { rows: Endpoints; row: number }) {
  const p50 = cell(rows.p50, row);
  const p95 = cell(rows.p95, row);
  const p99 = cell(rows.p99, row);
  return (
    <svg class="strip" width={STRIP_PX} height="32" viewBox={`0 0 ${STRIP_PX} 32`} aria-hidden="true">
      <path class="strip-grid" d={DECADES.map((ms) => `M${at(ms)} 0V32`).join('')} />
      {p50 != null && p95 != null && p99 != null && (
        <>
          <path class="strip-p50" d={`M${at(p50)} 16H${at(p99)}`} />
          <path class="strip-p95" d={`M${at(p50)} 16H${at(p95)}`} />
          <path class="strip-p99" d={`M${at(p99)} 10.5V21.5`} />
          <circle class="strip-ring" cx={at(p50)} cy="16" r="3.4" />
        </>
      )}
    </svg>
  );
}

/** The axis over the strips. */
export function StripAxis() {
  return (
    <svg class="strip-axis" width={STRIP_PX} height="11" viewBox={`0 0 ${STRIP_PX} 11`} aria-hidden="true">
      <text x={EDGE_PX} y="9">
        1 ms
      </text>
      <text x={STRIP_PX / 2} y="9" text-anchor="middle">
        100 ms
      </text>
      <text x={STRIP_PX - EDGE_PX} y="9" text-anchor="end">
        10 s
      </text>
    </svg>
  );
}
