// A time chart: uPlot draws the lines, paint.ts the paper, track.tsx the cursor.

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { theme } from '../theme';
import type { Lane, Layer } from './frame';
import { BOTTOM_PX, LEFT_PX, TOP_PX, heightOf, laneRange } from './frame';
import { failureHatch, ink } from './ink';
import type { Sheet } from './paint';
import { paintGround, paintWords } from './paint';
import type { Timeline } from './timeline';
import { beginOf, endOf, middleOf, stepSeconds } from './timeline';
import { Track } from './track';

export interface PlotProps extends Sheet {
  label: string;
  /** Room on the right, for the lines' names. */
  right?: number;
  /** Whether a drag chooses a range: on pages that show a window. */
  zooms?: boolean;
  /** What a screen reader hears of a step. */
  speak: (step: number) => string;
}

/** Bars of whole steps; from each other by a pixel where there is room. */
function barsOf(sheet: () => Sheet, index: number): uPlot.Series.PathBuilder {
  return (u, _series, first, last) => {
    const { line, layers } = sheet();
    const layer = layers[index]!;
    const fill = new Path2D();
    const y = (value: number) => u.valToPos(value, `y${layer.lane}`, true);
    const space = u.valToPos(line.step_s, 'x', true) - u.valToPos(0, 'x', true) > 4 * devicePixelRatio ? 1 : 0;
    for (let i = first; i <= last; i++) {
      const value = layer.values[i];
      if (!value) continue;
      const x0 = Math.round(u.valToPos(line.start_s[i]!, 'x', true)) + space;
      const x1 = Math.round(u.valToPos(line.start_s[i]! + stepSeconds(line, i), 'x', true));
      const base = y(layer.base?.[i] ?? 0);
      const top = Math.min(y((layer.base?.[i] ?? 0) + value), base - 0.5);
      fill.rect(x0, top, Math.max(1, x1 - x0), base - top);
    }
    return { stroke: null, fill, clip: null, band: null, gaps: null, flags: 1 } as unknown as uPlot.Series.Paths;
  };
}

/** Points without a neighbour, which no line would show. */
function lonely(u: uPlot, series: number): number[] {
  const values = u.data[series]!;
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  }
  return found;
}

function seriesOf(layer: Layer, index: number, sheet: () => Sheet): uPlot.Series {
  const current = () => sheet().layers[index]!;
  const colour = () => ink(current().ink);
  const base = { label: layer.name, scale: `y${layer.lane}` };
  if (layer.bars) {
    const fill = ((u: uPlot) => (layer.hatched ? failureHatch(u.ctx) : colour())) as uPlot.Series.Fill;
    return { ...base, fill, width: 0, paths: barsOf(sheet, index), points: { show: false } };
  }
  return {
    ...base,
    stroke: colour,
    width: layer.width ?? 1.5,
    dash: layer.dashed ? [3, 3] : undefined,
    fill: layer.area ? () => ink(current().area!) : undefined,
    fillTo: layer.area ? () => sheet().lanes[layer.lane]!.min : undefined,
    points: { show: true, size: 4, width: 0, fill: colour, filter: (u, series) => lonely(u, series) },
  };
}

function optionsOf(width: number, right: number, sheet: () => Sheet): uPlot.Options {
  const { lanes, layers } = sheet();
  const scales: uPlot.Scales = { x: { time: false, range: () => [beginOf(sheet().line), endOf(sheet().line)] } };
  lanes.forEach((lane, index) => {
    scales[`y${index}`] = { distr: lane.log ? 3 : 1, range: () => laneRange(sheet().lanes, index) };
  });
  return {
    width,
    height: heightOf(lanes),
    padding: [TOP_PX, right, BOTTOM_PX, LEFT_PX],
    legend: { show: false },
    cursor: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales,
    axes: [{ show: false }, { show: false }],
    series: [{}, ...layers.map((layer, index) => seriesOf(layer, index, sheet))],
    hooks: { drawClear: [(u) => paintGround(u, sheet())], draw: [(u) => paintWords(u, sheet())] },
  };
}

function dataOf(line: Timeline, layers: Layer[]): uPlot.AlignedData {
  return [line.start_s.map((_, i) => middleOf(line, i)), ...layers.map((layer) => layer.values)] as uPlot.AlignedData;
}

/** What a chart cannot change in place. */
function shapeOf(lanes: Lane[], layers: Layer[], right: number): string {
  return JSON.stringify([right, lanes.map((lane) => [lane.height, lane.log]), layers.map((layer) => [layer.name, layer.lane, layer.bars])]);
}

export function Plot(props: PlotProps) {
  const { line, lanes, layers, right = 12, zooms = true } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const sheet = useRef<Sheet>(props);
  sheet.current = props;
  const shape = shapeOf(lanes, layers, right);

  useLayoutEffect(() => {
    const room = host.current!;
    const u = new uPlot(optionsOf(room.clientWidth, right, () => sheet.current), dataOf(sheet.current.line, sheet.current.layers), room);
    plot.current = u;
    const resized = new ResizeObserver(() => {
      const width = room.clientWidth;
      if (width && width !== u.width) u.setSize({ width, height: u.height });
    });
    resized.observe(room);
    const themed = theme.watch(() => requestAnimationFrame(() => u.redraw(false)));
    return () => {
      resized.disconnect();
      themed();
      u.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(line, layers));
  }, [line, layers]);

  const dots = (step: number) =>
    layers
      .filter((layer) => layer.dot && layer.values[step] != null)
      .map((layer) => ({ ink: layer.ink, y: plot.current ? plot.current.valToPos(layer.values[step]!, `y${layer.lane}`) + TOP_PX : 0 }));
  return (
    <div class="chart">
      <div class="chart-paper" ref={host} aria-hidden="true" style={{ height: `${heightOf(lanes)}px` }} />
      <Track line={line} label={props.label} right={right} zooms={zooms} speak={props.speak} dots={dots} />
    </div>
  );
}
