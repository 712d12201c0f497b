import { useMemo, useState } from 'preact/hooks';
import type { Endpoint } from '../api/answers';
import { ChartBody } from '../chart/chart-body';
import { countedOnly } from '../chart/columns';
import { Distribution } from '../chart/distribution';
import { BOTTOM_PX, LEFT_PX, TOP_PX } from '../chart/frame';
import { gridOf, withoutGap } from '../chart/grid';
import { HeatLegend, HeatMap } from '../chart/heat-map';
import { HeatTable } from '../chart/heat-table';
import { stepWords } from '../chart/ticks';
import type { Timeline } from '../chart/timeline';
import { useRoom } from '../chart/use-room';
import type { Comparison } from '../compare';
import { duration, grouped, words } from '../format/numbers';
import { Panel } from '../shell/panel';
import type { Width } from '../width';

interface HeatPanelProps {
  answer: Endpoint;
  line: Timeline;
  comparison: Comparison | null;
  width: Width;
}

const TITLE = 'Latency distribution over time';
/** The narrowest plot, and how wide one is before it is there. */
const LEAST_PX = 60;
const FIRST_PX = 800;

/** Where every request was, over time and over the whole window, on one latency axis. */
export function HeatPanel({ answer, line, comparison, width }: HeatPanelProps) {
  const { series, summary } = answer;
  const { heat, distribution } = useMemo(() => withoutGap(answer), [answer]);
  const [turned, set] = useState(false);
  const [room, room_px] = useRoom(FIRST_PX + LEFT_PX);
  const plot_px = Math.max(LEAST_PX, room_px - LEFT_PX);
  const phone = width === 'phone';
  const height = phone ? 240 : 300;
  const grid = useMemo(() => gridOf(heat, plot_px, height - TOP_PX - BOTTOM_PX), [heat, plot_px, height]);
  const p50 = useMemo(() => countedOnly(line, series.p50), [line, series]);
  const p99 = useMemo(() => countedOnly(line, series.p99), [line, series]);
  const before = comparison ? distribution.before : null;
  const numbers = () => <HeatTable line={line} heat={heat} count={distribution.count} before={before} beforeName={comparison?.legend ?? ''} />;
  return (
    <Panel title={TITLE} class="gap" beside={!turned && <HeatLegend most={grouped(grid.most)} />}>
      <ChartBody title={TITLE} turned={turned} turn={() => set(!turned)} numbers={numbers}>
        <div class="heat-room">
          <div ref={room}>
            <HeatMap
              line={line}
              grid={grid}
              p50={p50}
              p99={p99}
              height={height}
              label={`Latency heat map; half of the requests took up to ${words(duration(summary.duration_ms.p50))}`}
              speak={(i) => `p50 ${words(duration(p50[i]))}, p99 ${words(duration(p99[i]))}`}
            />
          </div>
          <Distribution
            heat={heat}
            count={distribution.count}
            before={before}
            grid={grid}
            durations={summary.duration_ms}
            height={height}
            axis={phone}
          />
        </div>
      </ChartBody>
      <p class="panel-body muted fine">
        {turned
          ? `Requests by their latency, in steps of ${inFigures(heat.step_seconds)}.`
          : howToRead(phone, inFigures(grid.column_s), before && comparison ? comparison.period : null)}
      </p>
    </Panel>
  );
}

/** `1 hour`, where others say `an hour`. */
function inFigures(step_s: number): string {
  return stepWords(step_s).replace(/^an? /, '1 ');
}

function howToRead(phone: boolean, step: string, dashed: string | null): string {
  return (
    `${phone ? 'Above' : 'Left'}: each cell is a latency bin of ${step}, a stronger colour is more requests (square root). ` +
    `${phone ? 'Below' : 'Right'}: the whole window on the same axis${dashed ? `, dashed: ${dashed}` : ''}.`
  );
}
