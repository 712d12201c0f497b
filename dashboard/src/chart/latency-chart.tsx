// Quantiles over time, on a logarithmic axis unless the reader wants another. A step without requests has none: its lines break.

import { useMemo } from 'preact/hooks';
import type { Mark, Series } from '../api/answers';
import { duration, words } from '../format/numbers';
import { show } from '../view';
import { ChartPanel } from './chart-panel';
import { countedOnly, greatest, running, smallest } from './columns';
import type { Lane, Layer } from './frame';
import { axisText } from './paint';
import { Plot } from './plot';
import { Value } from './readout';
import { linearTicks, logBounds, logTicks, roundUp } from './ticks';
import type { Timeline } from './timeline';
import { stepText, useCursorStep } from './timeline';

const QUANTILES = ['p50', 'p90', 'p95', 'p99'] as const;
const WIDTHS = { p50: 1.4, p90: 1.4, p95: 1.6, p99: 2 };
/** Room for the lines' names. */
const NAMES_PX = 36;

interface LatencyChartProps {
  title: string;
  line: Timeline;
  series: Series;
  before: Series | null;
  beforeName: string;
  marks: Mark[];
  log: boolean;
  height: number;
}

export function durationTick(ms: number): string {
  const { text, unit } = duration(ms);
  return axisText(ms === 0 ? '0' : text.includes('.') ? text.replace(/\.?0+$/, '') : text, ms === 0 ? '' : unit);
}

function laneOf(values: (number | null)[][], log: boolean, height: number): Lane {
  const most = greatest(...values);
  const least = smallest(...values);
  if (!log || least == null) {
    const max = roundUp((most || 1) * 1.02);
    return { height, min: 0, max, ticks: linearTicks(max), text: durationTick };
  }
  const [min, max] = logBounds(least, most);
  return { height, min, max, log: true, ticks: logTicks(min, max), text: durationTick };
}

function draw({ line, series, before, log, height }: LatencyChartProps): { lanes: Lane[]; layers: Layer[] } {
  const lines = QUANTILES.map((name) => countedOnly(line, series[name]));
  const former = before && [...before.p99];
  // A point at or below 0 has no place on a logarithmic axis; no request takes no time, so there is none but by rounding.
  const placed = (values: (number | null)[]) => (log ? values.map((v) => (v != null && v <= 0 ? null : v)) : values);
  const layers: Layer[] = [];
  if (former) layers.push({ name: 'before', lane: 0, values: placed(former), ink: 'previous', width: 1.25, dashed: true });
  QUANTILES.forEach((name, i) => {
    const { over, running: last } = running(line, placed(lines[i]!));
    layers.push({ name, lane: 0, values: over, ink: name, width: WIDTHS[name], dot: true, end: name });
    layers.push({ name: `${name} running`, lane: 0, values: last, ink: name, width: WIDTHS[name], dashed: true, dot: true });
  });
  return { lanes: [laneOf(former ? [...lines, former] : lines, log, height)], layers };
}

export function LatencyChart(props: LatencyChartProps) {
  const { title, line, series, before, beforeName, marks, log, height } = props;
  const { lanes, layers } = useMemo(() => draw(props), [line, series, before, log, height]);
  const columns = [
    ...QUANTILES.map((name) => ({ name: name as string, text: (i: number) => words(duration(series[name][i])) })),
    ...(before ? [{ name: `p99, ${beforeName}`, text: (i: number) => words(duration(before.p99[i])) }] : []),
  ];
  return (
    <ChartPanel title={title} line={line} columns={columns} beside={<Readout {...props} />}>
      <Plot
        label={`${title} ${QUANTILES.join(', ')} over time, ${log ? 'logarithmic' : 'linear'} axis`}
        line={line}
        lanes={lanes}
        layers={layers}
        marks={marks}
        right={NAMES_PX}
        speak={(i) => QUANTILES.map((name) => `${name} ${words(duration(series[name][i]))}`).join(', ')}
      />
    </ChartPanel>
  );
}

function Readout({ line, series, before, beforeName, log }: LatencyChartProps) {
  const step = useCursorStep(line);
  return (
    <>
      <button type="button" class="button small" aria-pressed={log} title="Logarithmic latency axis (l)" onClick={() => show({ log: !log })}>
        log
      </button>
      <div class="readout long">
        {step != null && <span class="moment">{stepText(line, step)}</span>}
        {step != null && QUANTILES.map((name) => <Value key={name} ink={name} name={name} value={duration(series[name][step])} />)}
        {step == null && before && <Value ink="previous" kind="dashed" name={`p99, ${beforeName}`} />}
      </div>
    </>
  );
}
