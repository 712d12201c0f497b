// The whole window's distribution on the heat map's own latency axis, with the quantiles across, and what it was before.

import type { Durations, Heat } from '../api/answers';
import { THIN, duration, words } from '../format/numbers';
import { BOTTOM_PX, TOP_PX } from './frame';
import type { Grid } from './grid';
import { inBands } from './grid';
import { durationTick } from './latency-chart';
import { spread } from './paint';
import { logTicks } from './ticks';
import { useRoom } from './use-room';

interface DistributionProps {
  heat: Heat;
  count: number[];
  before: number[] | null;
  grid: Grid;
  durations: Durations;
  height: number;
  /** Its own axis, where it does not stand beside the heat map. */
  axis: boolean;
}

const QUANTILES = ['p50', 'p90', 'p95', 'p99'] as const;
/** Room for `p99 4.83 s`. */
const NAMES_PX = 104;
const NAME_ROOM_PX = 13;
const AXIS_PX = 48;

/** Shares of all requests, in the grid's rows. */
function rowsOf(count: number[], bins: number): number[] {
  const total = count.reduce((sum, n) => sum + n, 0) || 1;
  return inBands(count, bins).map((n) => n / total);
}

export function Distribution(props: DistributionProps) {
  const { heat, count, before, grid, durations, height, axis } = props;
  const [room, width] = useRoom(260);
  const left = axis ? AXIS_PX : 8;
  const inner = height - TOP_PX - BOTTOM_PX;
  const y = (ms: number) => TOP_PX + inner - (Math.log(ms / grid.min_ms) / Math.log(grid.max_ms / grid.min_ms)) * inner;
  const edges = (row: number): [number, number] => {
    const last = heat.bin_upper_ms.length - 1;
    const lower = row === 0 ? grid.min_ms : heat.bin_lower_ms[row * grid.bins]!;
    return [y(heat.bin_upper_ms[Math.min(last, (row + 1) * grid.bins - 1)]!), y(lower)];
  };
  const now = rowsOf(count, grid.bins);
  const then = before && rowsOf(before, grid.bins);
  const most = Math.max(...now, ...(then ?? []), Number.EPSILON);
  const reach = Math.max(20, width - left - NAMES_PX);
  const x = (share: number) => left + (share / most) * reach;
  const label = `Distribution: ${QUANTILES.map((q) => `${q} ${words(duration(durations[q]))}`).join(', ')}`;
  return (
    <div class="distribution" ref={room} role="img" aria-label={label} style={{ height: `${height}px` }}>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        {now.map((share, row) => {
          const [top, bottom] = edges(row);
          return share > 0 && <rect key={row} class="bar-now" x={left} y={top + 0.5} width={Math.max(0.8, x(share) - left)} height={Math.max(1, bottom - top - 1)} />;
        })}
        {then && <path class="bar-before" d={outline(then, edges, x)} />}
        <path class="base" d={`M${left + 0.5} ${TOP_PX}V${TOP_PX + inner}`} />
        {axis && logTicks(grid.min_ms, grid.max_ms).map((tick) => <text key={tick} x={left - 7} y={y(tick) + 3.5} text-anchor="end">{durationTick(tick)}</text>)}
        <Quantiles durations={durations} y={y} left={left} right={width - NAMES_PX} bottom={TOP_PX + inner} />
        <text x={left + 2} y={height - 6}>
          0
        </text>
        <text x={left + reach} y={height - 6} text-anchor="end">
          {(most * 100).toFixed(1)}
          {THIN}% of requests
        </text>
      </svg>
    </div>
  );
}

/** The former distribution as a line round its bars. */
function outline(shares: number[], edges: (row: number) => [number, number], x: (share: number) => number): string {
  return shares.map((share, row) => `${row === 0 ? `M${x(share).toFixed(1)} ${edges(0)[1].toFixed(1)}` : ''}H${x(share).toFixed(1)}V${edges(row)[0].toFixed(1)}`).join('');
}

interface QuantilesProps {
  durations: Durations;
  y: (ms: number) => number;
  left: number;
  right: number;
  bottom: number;
}

function Quantiles({ durations, y, left, right, bottom }: QuantilesProps) {
  const marks = QUANTILES.filter((name) => durations[name] != null)
    .map((name) => ({ name, ms: durations[name]!, line: y(durations[name]!), y: y(durations[name]!) }))
    .sort((a, b) => a.y - b.y);
  spread(marks, NAME_ROOM_PX, bottom);
  return (
    <>
      {marks.map((mark) => (
        <g key={mark.name}>
          <path class={`quantile ink-${mark.name}`} d={`M${left} ${mark.line.toFixed(1)}H${right + 6}L${right + 12} ${mark.y.toFixed(1)}`} />
          <text class="quantile-name" x={right + 15} y={mark.y + 4}>
            {mark.name} <tspan>{words(duration(mark.ms))}</tspan>
          </text>
        </g>
      ))}
    </>
  );
}
