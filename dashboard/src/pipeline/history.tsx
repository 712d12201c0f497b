// The last hour of backlog and freshness, as this API saw it since it started.

import { useMemo } from 'preact/hooks';
import type { Pipeline } from '../api/answers';
import { ChartPanel } from '../chart/chart-panel';
import type { Lane, Layer } from '../chart/frame';
import { Plot } from '../chart/plot';
import { greatest } from '../chart/columns';
import { linearTicks, roundUp } from '../chart/ticks';
import type { Timeline } from '../chart/timeline';
import { stepText, useCursorStep } from '../chart/timeline';
import type { Quantity } from '../format/numbers';
import { NONE, count, counted, words } from '../format/numbers';
import { behind } from './figures';

const HEIGHT = 120;
const SAMPLE_S = 15;

type Samples = Pipeline['history'];

function timelineOf({ start_s }: Samples): Timeline {
  const end_s = (start_s[start_s.length - 1] ?? 0) + SAMPLE_S;
  return { start_s, step_s: SAMPLE_S, through_s: end_s, now_s: end_s };
}

interface Line {
  title: string;
  says: string;
  values: (number | null)[];
  ink: Layer['ink'];
  area?: Layer['area'];
  /** Of the whole axis. */
  least: number;
  text: (value: number | null) => Quantity;
  spoken: (value: number | null) => string;
}

function Readout({ line, of }: { line: Timeline; of: Line }) {
  const step = useCursorStep(line);
  if (step == null) return <span class="muted">{of.says}</span>;
  return (
    <div class="readout">
      <span class="moment">{stepText(line, step)}</span>
      <b>{of.spoken(of.values[step] ?? null)}</b>
    </div>
  );
}

function Chart({ line, of }: { line: Timeline; of: Line }) {
  const { lanes, layers } = useMemo(() => {
    const max = roundUp(Math.max(of.least, greatest(of.values)));
    const lane: Lane = { height: HEIGHT, min: 0, max, ticks: linearTicks(max), text: (value) => words(of.text(value)) };
    const layer: Layer = { name: of.title, lane: 0, values: of.values, ink: of.ink, area: of.area, width: 1.6, dot: true };
    return { lanes: [lane], layers: [layer] };
  }, [of.values]);
  const columns = [{ name: of.title, text: (i: number) => of.spoken(of.values[i] ?? null) }];
  return (
    <ChartPanel title={of.title} line={line} columns={columns} beside={<Readout line={line} of={of} />}>
      {line.start_s.length > 1 ? (
        <Plot
          zooms={false}
          label={`${of.title} over the last hour`}
          line={line}
          lanes={lanes}
          layers={layers}
          marks={[]}
          speak={(i) => of.spoken(of.values[i] ?? null)}
        />
      ) : (
        <p class="secondary">Kept since this API started; the first minute is on its way.</p>
      )}
    </ChartPanel>
  );
}

/** Thousands on an axis: `4 k`. */
function events(value: number | null): Quantity {
  return value != null && value >= 1_000 && value < 1e6 ? { text: String(value / 1_000), unit: 'k' } : count(value);
}

export function History({ history }: { history: Samples }) {
  const line = useMemo(() => timelineOf(history), [history]);
  const backlog: Line = {
    title: 'Backlog',
    says: 'accepted, not applied; last hour',
    values: history.backlog,
    ink: 'requests',
    area: 'requests-area',
    least: 10,
    text: events,
    spoken: (value) => (value == null ? NONE : counted(value, 'event')),
  };
  const freshness: Line = {
    title: 'Freshness',
    says: 'accepted to counted, slowest shard',
    values: history.freshness_ms,
    ink: 'p95',
    least: 1_000,
    text: behind,
    spoken: (value) => words(behind(value)),
  };
  return (
    <div class="columns">
      <Chart line={line} of={backlog} />
      <Chart line={line} of={freshness} />
    </div>
  );
}
