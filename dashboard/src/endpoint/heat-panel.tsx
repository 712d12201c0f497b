import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Endpoint } from '../api/answers';
import { Distribution } from '../chart/distribution';
import { gridOf, withoutGap } from '../chart/grid';
import { BOTTOM_PX, LEFT_PX, TOP_PX } from '../chart/frame';
import { HeatLegend, HeatMap } from '../chart/heat-map';
import { stepWords } from '../chart/ticks';
import type { Timeline } from '../chart/timeline';
import { countedOnly } from '../chart/columns';
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

/** Where every request was, over time and over the whole window, on one latency axis. */
export function HeatPanel({ answer, line, comparison, width }: HeatPanelProps) {
  const { series, summary } = answer;
  const { heat, distribution } = useMemo(() => withoutGap(answer), [answer]);
  const room = useRef<HTMLDivElement>(null);
  const [plot_px, measure] = useState(800);
  useEffect(() => {
    const resized = new ResizeObserver(() => measure(Math.max(60, room.current!.clientWidth - LEFT_PX)));
    resized.observe(room.current!);
    return () => resized.disconnect();
  }, []);
  const phone = width === 'phone';
  const height = phone ? 240 : 300;
  const grid = useMemo(() => gridOf(heat, plot_px, height - TOP_PX - BOTTOM_PX), [heat, plot_px, height]);
  const p50 = useMemo(() => countedOnly(line, series.p50), [line, series]);
  const p99 = useMemo(() => countedOnly(line, series.p99), [line, series]);
  const before = comparison ? distribution.before : null;
  return (
    <Panel title="Latency distribution over time" class="gap" beside={<HeatLegend most={grouped(grid.most)} />}>
      <div class="panel-body heat-room">
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
      <p class="panel-body muted fine">
        {phone ? 'Above' : 'Left'}: each cell is a latency bin of {stepWords(grid.column_s).replace(/^an? /, '1 ')}, a stronger colour is more
        requests (square root). {phone ? 'Below' : 'Right'}: the whole window on the same axis
        {before && comparison ? `, dashed: ${comparison.period}` : ''}.
      </p>
    </Panel>
  );
}
