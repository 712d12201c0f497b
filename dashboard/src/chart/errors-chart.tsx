// Failures by status class in each step: 4xx at the bottom, 5xx hatched on them.

import { useMemo } from 'preact/hooks';
import type { Mark, Series } from '../api/answers';
import { count, grouped } from '../format/numbers';
import { ChartPanel } from './chart-panel';
import { countedOnly, greatest } from './columns';
import type { Lane, Layer } from './frame';
import { Plot } from './plot';
import { Value } from './readout';
import { linearTicks, roundUp, stepWords } from './ticks';
import type { Timeline } from './timeline';
import { stepText, useCursorStep } from './timeline';

interface ErrorsChartProps {
  line: Timeline;
  series: Series;
  marks: Mark[];
  height: number;
}

const LEAST_REACH = 4;

function draw({ line, series, height }: ErrorsChartProps): { lanes: Lane[]; layers: Layer[] } {
  const client = countedOnly(line, series.status_4xx);
  const server = countedOnly(line, series.status_5xx);
  const both = client.map((n, i) => (n ?? 0) + (server[i] ?? 0));
  const max = roundUp(Math.max(LEAST_REACH, greatest(both)));
  return {
    lanes: [{ height, min: 0, max, ticks: linearTicks(max), text: grouped }],
    layers: [
      { name: '4xx', lane: 0, values: client, ink: '4xx', bars: true },
      { name: '5xx', lane: 0, values: server, base: client.map((n) => n ?? 0), ink: '5xx', bars: true, hatched: true },
    ],
  };
}

export function ErrorsChart(props: ErrorsChartProps) {
  const { line, series, marks, height } = props;
  const { lanes, layers } = useMemo(() => draw(props), [line, series, height]);
  const columns = [
    { name: '5xx', text: (i: number) => grouped(series.status_5xx[i] ?? 0) },
    { name: '4xx', text: (i: number) => grouped(series.status_4xx[i] ?? 0) },
    { name: 'Requests', text: (i: number) => grouped(series.requests[i] ?? 0) },
  ];
  return (
    <ChartPanel title="Errors by status class" line={line} columns={columns} beside={<Readout {...props} />}>
      <Plot
        label="Errors by status class over time"
        line={line}
        lanes={lanes}
        layers={layers}
        marks={marks}
        speak={(i) => `${series.status_5xx[i]} server errors, ${series.status_4xx[i]} client errors`}
      />
    </ChartPanel>
  );
}

function Readout({ line, series }: ErrorsChartProps) {
  const step = useCursorStep(line);
  if (step == null) {
    return (
      <div class="readout">
        <Value ink="5xx" kind="hatched" name="5xx" />
        <Value ink="4xx" kind="square" name="4xx" />
        <span class="muted">in {stepWords(line.step_s)}, stacked</span>
      </div>
    );
  }
  return (
    <div class="readout">
      <span class="moment">{stepText(line, step)}</span>
      <Value ink="5xx" kind="hatched" name="5xx" value={count(series.status_5xx[step])} />
      <Value ink="4xx" kind="square" name="4xx" value={count(series.status_4xx[step])} />
      <span class="muted">of {grouped(series.requests[step] ?? 0)}</span>
    </div>
  );
}
