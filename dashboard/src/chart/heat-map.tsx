// The latency distribution over time: a column a stretch of time, a cell a bin of the sketch, a stronger colour more requests.
// A cell with nothing in it is not drawn, so a dip to zero is a gap and not a pale stripe.

import { useEffect, useMemo, useRef } from 'preact/hooks';
import { theme } from '../theme';
import { useWatched } from '../store';
import type { Grid } from './grid';
import { durationTick } from './latency-chart';
import { BOTTOM_PX, LEFT_PX, TOP_PX } from './frame';
import { axisFont, heatRamp, ink } from './ink';
import { logTicks, timeTicks } from './ticks';
import type { Timeline } from './timeline';
import { beginOf, endOf, middleOf } from './timeline';
import { Track } from './track';
import { useRoom } from './use-room';

interface HeatMapProps {
  line: Timeline;
  grid: Grid;
  p50: (number | null)[];
  p99: (number | null)[];
  height: number;
  label: string;
  speak: (step: number) => string;
}

const RIGHT_PX = 1;

/** Where things are on the canvas, in device pixels. */
interface Paper {
  pen: CanvasRenderingContext2D;
  dpr: number;
  left: number;
  top: number;
  width: number;
  height: number;
  x: (s: number) => number;
  y: (ms: number) => number;
}

function paperOf(canvas: HTMLCanvasElement, { line, grid, height }: HeatMapProps, width_px: number): Paper {
  const dpr = Math.max(1, devicePixelRatio);
  canvas.width = Math.round(width_px * dpr);
  canvas.height = Math.round(height * dpr);
  const left = Math.round(LEFT_PX * dpr);
  const top = Math.round(TOP_PX * dpr);
  const width = canvas.width - left - Math.round(RIGHT_PX * dpr);
  const inner = canvas.height - top - Math.round(BOTTOM_PX * dpr);
  const [from_s, to_s] = [beginOf(line), endOf(line)];
  const span = Math.log(grid.max_ms / grid.min_ms);
  return {
    pen: canvas.getContext('2d')!,
    dpr,
    left,
    top,
    width,
    height: inner,
    x: (s) => left + ((s - from_s) / (to_s - from_s)) * width,
    y: (ms) => top + inner - (Math.log(ms / grid.min_ms) / span) * inner,
  };
}

/** Cells batched by colour: twelve fills, however many cells. */
function drawCells({ pen, x, y }: Paper, grid: Grid): void {
  const ramp = heatRamp();
  const paths = ramp.map(() => new Path2D());
  for (const cell of grid.cells) {
    const shade = Math.min(ramp.length - 1, Math.floor(Math.sqrt(cell.count / grid.most) * ramp.length));
    const [x0, x1] = [Math.round(x(cell.from_s)), Math.round(x(cell.to_s))];
    const [y0, y1] = [Math.round(y(cell.upper_ms)), Math.round(y(cell.lower_ms))];
    paths[shade]!.rect(x0, y0, Math.max(1, x1 - x0), Math.max(1, y1 - y0));
  }
  paths.forEach((path, i) => {
    pen.fillStyle = ramp[i]!;
    pen.fill(path);
  });
}

function drawAxes(paper: Paper, line: Timeline, grid: Grid): void {
  const { pen, dpr, left, top, width, height, x, y } = paper;
  pen.fillStyle = ink('text3');
  pen.strokeStyle = ink('edge');
  pen.lineWidth = dpr;
  pen.font = axisFont();
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  pen.beginPath();
  for (const tick of logTicks(grid.min_ms, grid.max_ms)) {
    const at = Math.round(y(tick)) + 0.5;
    pen.fillText(durationTick(tick), left - 7 * dpr, at);
    pen.moveTo(left - 4 * dpr, at);
    pen.lineTo(left, at);
  }
  pen.textAlign = 'center';
  pen.textBaseline = 'alphabetic';
  for (const tick of timeTicks(beginOf(line), endOf(line), width / dpr)) {
    const at = Math.round(x(tick.s)) + 0.5;
    pen.font = axisFont(tick.strong);
    const half = pen.measureText(tick.text).width / 2;
    if (at + half <= left + width + 2 * dpr && at - half >= left - 30 * dpr) pen.fillText(tick.text, at, top + height + 16 * dpr);
    pen.moveTo(at, top + height);
    pen.lineTo(at, top + height + 4 * dpr);
  }
  pen.stroke();
  pen.strokeStyle = ink('line');
  pen.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
}

function drawLine({ pen, dpr, x, y }: Paper, line: Timeline, values: (number | null)[], dashed: boolean): void {
  const path = new Path2D();
  let on = false;
  values.forEach((ms, i) => {
    if (ms == null || ms <= 0) return void (on = false);
    const [px, py] = [x(middleOf(line, i)), y(ms)];
    if (on) path.lineTo(px, py);
    else path.moveTo(px, py);
    on = true;
  });
  pen.lineJoin = 'round';
  pen.strokeStyle = ink('halo');
  pen.lineWidth = 3.1 * dpr;
  pen.setLineDash([]);
  pen.stroke(path);
  pen.strokeStyle = ink('text');
  pen.lineWidth = 1.1 * dpr;
  pen.setLineDash(dashed ? [3 * dpr, 2 * dpr] : []);
  pen.stroke(path);
  pen.setLineDash([]);
}

function draw(canvas: HTMLCanvasElement, props: HeatMapProps, width_px: number): void {
  const { line, grid } = props;
  const paper = paperOf(canvas, props, width_px);
  drawAxes(paper, line, grid);
  // Columns and merged cells may reach beyond the time axis.
  paper.pen.save();
  paper.pen.beginPath();
  paper.pen.rect(paper.left, paper.top, paper.width, paper.height);
  paper.pen.clip();
  drawCells(paper, grid);
  drawLine(paper, line, props.p50, true);
  drawLine(paper, line, props.p99, false);
  drawGaps(paper, line, props.p99);
  paper.pen.restore();
}

/** Words in a gap wide enough for them. */
const GAP_PX = 14;

function drawGaps({ pen, dpr, x, top, height }: Paper, line: Timeline, values: (number | null)[]): void {
  pen.font = axisFont();
  pen.fillStyle = ink('text3');
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  let begin: number | null = null;
  for (let i = 0; i <= values.length; i++) {
    const none = i < values.length && values[i] == null && line.start_s[i]! + line.step_s <= line.through_s;
    if (none) begin ??= i;
    if (none || begin == null) continue;
    const [x0, x1] = [x(line.start_s[begin]!), x(line.start_s[i - 1]! + line.step_s)];
    begin = null;
    if (x1 - x0 < GAP_PX * dpr) continue;
    pen.save();
    pen.translate((x0 + x1) / 2, top + height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText('no requests', 0, 0);
    pen.restore();
  }
}

export function HeatMap(props: HeatMapProps) {
  const [room, width] = useRoom(0);
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = useWatched(theme);
  useEffect(() => {
    if (width > LEFT_PX + RIGHT_PX) draw(canvas.current!, props, width);
  }, [width, colours, props.line, props.grid, props.p50, props.p99, props.height]);
  return (
    <div class="chart" ref={room} style={{ height: `${props.height}px` }}>
      <div class="heat" role="img" aria-label={props.label}>
        <canvas ref={canvas} />
      </div>
      <Track line={props.line} label="Cursor of the heat map" right={RIGHT_PX} speak={props.speak} />
    </div>
  );
}

/** What a colour means, and the two lines. */
export function HeatLegend({ most }: { most: string }) {
  const colours = useWatched(theme);
  const ramp = useMemo(() => heatRamp(), [colours]);
  return (
    <>
      <span class="legend">
        requests per cell <span>1</span>
        <span class="ramp" aria-hidden="true">
          {ramp.map((colour) => (
            <i key={colour} style={{ background: colour }} />
          ))}
        </span>
        <span>{most}</span>
      </span>
      <span class="legend">
        <svg width="22" height="8" aria-hidden="true">
          <path d="M0 4H22" stroke="currentColor" stroke-width="1.2" />
        </svg>
        p99
        <svg width="22" height="8" aria-hidden="true">
          <path d="M0 4H22" stroke="currentColor" stroke-width="1.2" stroke-dasharray="3 2" />
        </svg>
        p50
      </span>
    </>
  );
}
