// Requests over time from 0, what they were before, and under them, on the same axis, the share that failed: 0.3 % stacked on
// 1,500 a second would be invisible.

import { useMemo } from 'preact/hooks';
import type { Mark, Series } from '../api/answers';
import { grouped, rate, ratio, words } from '../format/numbers';
import { ChartPanel } from './chart-panel';
import { countedOnly, formerRates, greatest, rates, running, shares } from './columns';
import type { Lane, Layer } from './frame';
import { axisText } from './paint';
import { Plot } from './plot';
import { Value } from './readout';
import { linearTicks, roundUp } from './ticks';
import type { Timeline } from './timeline';
import { stepText, useCursorStep } from './timeline';

interface RateChartProps {
  line: Timeline;
  series: Series;
  before: Series | null;
  /** `24 h before` */
  beforeName: string;
  marks: Mark[];
  /** Height of the lane of rates, and of failures; 0: no such lane. */
  height: number;
  failures: number;
}

/** The least reach of the failures' lane, so that single failures stay small. */
const LEAST_SHARE = 0.002;

interface Drawn {
  perMinute: boolean;
  now: (number | null)[];
  then: (number | null)[] | null;
  failed: (number | null)[];
  lanes: Lane[];
  layers: Layer[];
}

function numberText(value: number): string {
  return value >= 10 ? grouped(value) : String(Number(value.toPrecision(3)));
}

function draw({ line, series, before, height, failures }: RateChartProps): Drawn {
  const now = rates(line, series.requests);
  const then = before && formerRates(line, before.requests);
  const failed = countedOnly(line, shares(series.status_5xx, series.requests));
  // Few requests read better a minute than as fractions a second.
  const perMinute = greatest(now, then ?? []) < 1;
  const scale = perMinute ? 60 : 1;
  const scaled = (values: (number | null)[]) => (perMinute ? values.map((v) => (v == null ? null : v * scale)) : values);
  const { over, running: last } = running(line, scaled(now));
  const max = roundUp(greatest(scaled(now), scaled(then ?? [])) * 1.02);
  const lanes: Lane[] = [{ height, min: 0, max, ticks: linearTicks(max), text: numberText }];
  const layers: Layer[] = [];
  if (then) layers.push({ name: 'before', lane: 0, values: scaled(then), ink: 'previous', width: 1.25, dashed: true });
  layers.push({ name: 'now', lane: 0, values: over, ink: 'requests', width: 1.6, area: 'requests-area', dot: true, zeros: true });
  layers.push({ name: 'running', lane: 0, values: last, ink: 'requests', width: 1.6, dashed: true, dot: true });
  if (failures) {
    const most = roundUp(Math.max(LEAST_SHARE, greatest(failed)));
    const percent = (value: number) => (value === 0 ? '0' : axisText(String(Number((value * 100).toPrecision(2))), '%'));
    lanes.push({ height: failures, min: 0, max: most, ticks: [0, most], text: percent });
    layers.push({ name: 'failed', lane: 1, values: failed, ink: '5xx', bars: true, hatched: true });
  }
  return { perMinute, now, then, failed, lanes, layers };
}

export function RateChart(props: RateChartProps) {
  const { line, series, before, beforeName, marks, height, failures } = props;
  const drawn = useMemo(() => draw(props), [line, series, before, height, failures]);
  const title = drawn.perMinute ? 'Requests per minute' : 'Requests per second';
  const columns = [
    { name: 'Requests', text: (i: number) => grouped(series.requests[i] ?? 0) },
    { name: 'Rate', text: (i: number) => words(rate(drawn.now[i])) },
    ...(drawn.then ? [{ name: beforeName, text: (i: number) => words(rate(drawn.then![i])) }] : []),
    { name: 'Error ratio', text: (i: number) => words(ratio(drawn.failed[i])) },
  ];
  return (
    <ChartPanel title={title} line={line} columns={columns} beside={<Readout {...props} drawn={drawn} />}>
      <Plot
        label={failures ? `${title} and error ratio over time` : `${title} over time`}
        line={line}
        lanes={drawn.lanes}
        layers={drawn.layers}
        marks={marks}
        named
        speak={(i) => `${words(rate(drawn.now[i]))} requests, error ratio ${words(ratio(drawn.failed[i]))}`}
      />
    </ChartPanel>
  );
}

function Readout({ line, beforeName, failures, drawn }: RateChartProps & { drawn: Drawn }) {
  const step = useCursorStep(line);
  if (step == null) {
    return (
      <div class="readout">
        <Value ink="requests" name="now" />
        {drawn.then && <Value ink="previous" kind="dashed" name={beforeName} />}
        {failures > 0 && <Value ink="5xx" kind="hatched" name="5xx share of requests, below" />}
      </div>
    );
  }
  return (
    <div class="readout">
      <span class="moment">{stepText(line, step)}</span>
      <Value ink="requests" value={rate(drawn.now[step])} />
      {drawn.then && <Value ink="previous" kind="dashed" value={rate(drawn.then[step])} quiet />}
      {failures > 0 && (
        <span class="whole">
          <Value ink="5xx" kind="hatched" value={ratio(drawn.failed[step])} /> 5xx
        </span>
      )}
    </div>
  );
}
