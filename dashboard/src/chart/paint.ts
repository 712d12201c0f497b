// What is drawn under and over the lines: grid, labels, marks, the hatched stretch, the names at the lines' ends.
// Device pixels; `u.bbox` is the plot.

import type uPlot from 'uplot';
import type { Mark } from '../api/answers';
import { THIN } from '../format/numbers';
import { DAY_S, hourMinute, moment, sameDay } from '../format/times';
import type { Lane, Layer } from './frame';
import { laneTop } from './frame';
import { axisFont, ink, uncountedHatch } from './ink';
import { timeTicks } from './ticks';
import type { Timeline } from './timeline';
import { beginOf, endOf, stepSeconds, uncounted } from './timeline';

export interface Sheet {
  line: Timeline;
  lanes: Lane[];
  layers: Layer[];
  marks: Mark[];
  /** Whether the marks are named here; one chart of a page does. */
  named?: boolean;
}

const dpr = () => devicePixelRatio;

/** A time's place, in whole device pixels. */
function xOf(u: uPlot, s: number): number {
  return Math.round(u.valToPos(s, 'x', true));
}

function yOf(u: uPlot, lane: number, value: number): number {
  return u.valToPos(value, `y${lane}`, true);
}

function stroke(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function paintRows(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  const { left, width, top } = u.bbox;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  sheet.lanes.forEach((lane, index) => {
    lane.ticks.forEach((tick, k) => {
      const y = Math.round(yOf(u, index, tick)) + 0.5;
      ctx.strokeStyle = ink(k === 0 ? 'line' : 'grid');
      stroke(ctx, left, y, left + width, y);
      ctx.fillStyle = ink('text3');
      ctx.fillText(lane.text(tick), left - 7 * dpr(), Math.max(y, top + laneTop(sheet.lanes, index) * dpr()));
    });
  });
}

function paintTimes(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  const { left, width, top, height } = u.bbox;
  const from_s = beginOf(sheet.line);
  ctx.textBaseline = 'alphabetic';
  for (const tick of timeTicks(from_s, endOf(sheet.line), width / dpr())) {
    const x = xOf(u, tick.s) + 0.5;
    ctx.strokeStyle = ink('grid');
    stroke(ctx, x, top, x, top + height);
    ctx.font = axisFont(tick.strong);
    ctx.fillStyle = ink(tick.strong ? 'text2' : 'text3');
    const half = ctx.measureText(tick.text).width / 2;
    if (x + half > left + width + 12 * dpr()) continue;
    ctx.textAlign = x - half < left - 4 * dpr() ? 'left' : 'center';
    ctx.fillText(tick.text, x, top + height + 16 * dpr());
  }
  ctx.font = axisFont();
}

/** A stretch's left edge and width, cut to the plot; null where nothing of it is to be seen. */
function stretch(u: uPlot, from_s: number, to_s: number): [number, number] | null {
  const { left, width } = u.bbox;
  const x0 = Math.max(left, xOf(u, from_s));
  const x1 = Math.min(left + width, xOf(u, to_s));
  return x1 > x0 ? [x0, x1 - x0] : null;
}

function paintMarks(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  const { top, height } = u.bbox;
  for (const mark of sheet.marks) {
    const place = stretch(u, mark.from_s, mark.to_s);
    if (!place) continue;
    ctx.fillStyle = ink('5xx');
    ctx.globalAlpha = 0.075;
    ctx.fillRect(place[0], top, place[1], height);
    ctx.globalAlpha = 1;
  }
}

function paintUncounted(u: uPlot, sheet: Sheet): void {
  const lag = uncounted(sheet.line);
  const place = lag && stretch(u, lag.from_s, lag.to_s);
  if (!place) return;
  u.ctx.fillStyle = uncountedHatch(u.ctx);
  u.ctx.globalAlpha = 0.5;
  u.ctx.fillRect(place[0], u.bbox.top, place[1], u.bbox.height);
  u.ctx.globalAlpha = 1;
}

/** Under the lines. */
export function paintGround(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  ctx.save();
  ctx.font = axisFont();
  ctx.lineWidth = Math.max(1, Math.round(dpr()));
  paintRows(u, sheet);
  paintTimes(u, sheet);
  paintMarks(u, sheet);
  paintUncounted(u, sheet);
  ctx.restore();
}

/** A bar over a stretch with words beside it, on the side that has room; the longest words that fit. */
function caption(u: uPlot, place: [number, number], texts: string[], colour: string, edge: string): void {
  const { ctx } = u;
  const { left, width, top } = u.bbox;
  ctx.fillStyle = edge;
  ctx.fillRect(place[0], top - dpr(), place[1], 3 * dpr());
  ctx.font = axisFont(true);
  const room = 10 * dpr();
  const fits = (text: string): 'right' | 'left' | null => {
    const size = ctx.measureText(text).width + room;
    if (place[0] + place[1] + size < left + width) return 'right';
    return place[0] - size > left ? 'left' : null;
  };
  const text = texts.find(fits);
  if (!text) return;
  const right = fits(text) === 'right';
  const x = right ? place[0] + place[1] + 6 * dpr() : place[0] - 6 * dpr();
  ctx.textAlign = right ? 'left' : 'right';
  ctx.textBaseline = 'alphabetic';
  haloed(ctx, text, x, top + 9 * dpr(), colour);
}

function haloed(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string): void {
  ctx.lineJoin = 'round';
  ctx.lineWidth = 3 * dpr();
  ctx.strokeStyle = ink('surface');
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

/** `errors ×57, 02:40 – 04:10`, and shorter. */
export function markTexts(mark: Mark, window_s: number): string[] {
  const errors = mark.factor == null ? 'new errors' : `errors ×${Math.round(mark.factor)}`;
  // Within a day or so the clock is enough, for the axis is below.
  const short = window_s <= 1.5 * DAY_S;
  const since = short ? hourMinute(mark.from_s) : moment(mark.from_s, window_s);
  const until = short || sameDay(mark.from_s, mark.to_s) ? hourMinute(mark.to_s) : moment(mark.to_s, window_s);
  return [`${errors}, ${since} – ${until}`, errors];
}

function paintNames(u: uPlot, sheet: Sheet): void {
  const window_s = endOf(sheet.line) - beginOf(sheet.line);
  for (const mark of sheet.named ? sheet.marks : []) {
    const place = stretch(u, mark.from_s, mark.to_s);
    if (place) caption(u, place, markTexts(mark, window_s), ink('bad'), ink('5xx'));
  }
  const lag = uncounted(sheet.line);
  const place = lag && stretch(u, lag.from_s, lag.to_s);
  if (place) caption(u, place, ['not counted yet'], ink('text2'), ink('edge'));
}

/** The value a line ends at: its last one. */
function lastValue(values: (number | null)[]): number | null {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] != null) return values[i]!;
  return null;
}

const NAME_ROOM_PX = 12;

function paintEnds(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  const ends = sheet.layers
    .map((layer, place) => ({ layer, place, value: layer.end ? lastValue(layer.values) : null }))
    .filter((end) => end.value != null)
    .map((end) => ({ text: end.layer.end!, place: end.place, y: Math.round(yOf(u, end.layer.lane, end.value!)) }))
    // Lines that end together: the highest quantile, which is drawn last, stands on top.
    .sort((a, b) => a.y - b.y || b.place - a.place);
  spread(ends, NAME_ROOM_PX * dpr(), u.bbox.top + u.bbox.height);
  ctx.font = axisFont(true);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = ink('text2');
  for (const end of ends) ctx.fillText(end.text, u.bbox.left + u.bbox.width + 5 * dpr(), end.y);
}

/** Moves places (ascending) apart so that their texts do not touch, and up again where they would leave the plot. */
export function spread(places: { y: number }[], room: number, bottom: number): void {
  for (let i = 1; i < places.length; i++) places[i]!.y = Math.max(places[i]!.y, places[i - 1]!.y + room);
  let limit = bottom;
  for (let i = places.length - 1; i >= 0; i--) {
    places[i]!.y = Math.min(places[i]!.y, limit);
    limit = places[i]!.y - room;
  }
}

/** A stretch of zeros narrower than this has no room for its label, and is seen all the same. */
const ZERO_ROOM_PX = 8;

function paintZeros(u: uPlot, sheet: Sheet): void {
  const { ctx } = u;
  ctx.font = axisFont();
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  for (const layer of sheet.layers.filter((one) => one.zeros)) {
    for (const [first, last] of zeroRuns(layer.values)) {
      const x0 = xOf(u, sheet.line.start_s[first]!);
      const x1 = xOf(u, sheet.line.start_s[last]! + stepSeconds(sheet.line, last));
      if (x1 - x0 >= ZERO_ROOM_PX * dpr()) haloed(ctx, '0', (x0 + x1) / 2, yOf(u, layer.lane, 0) - 5 * dpr(), ink('text3'));
    }
  }
}

/** Stretches of 0 with something on both sides; a line that is all zeros needs no labels. */
export function zeroRuns(values: (number | null)[]): [number, number][] {
  const runs: [number, number][] = [];
  let first = -1;
  values.forEach((value, i) => {
    if (value === 0 && first < 0) first = i;
    if (value !== 0 && first >= 0) {
      if (first > 0 && value != null) runs.push([first, i - 1]);
      first = -1;
    }
  });
  return runs.length <= 12 ? runs : [];
}

/** Over the lines. */
export function paintWords(u: uPlot, sheet: Sheet): void {
  u.ctx.save();
  paintZeros(u, sheet);
  paintNames(u, sheet);
  paintEnds(u, sheet);
  u.ctx.restore();
}

/** A tick's text with its unit; the axis says a unit once a line. */
export function axisText(text: string, unit: string): string {
  return unit ? `${text.replace(/\.0+$/, '')}${THIN}${unit}` : text;
}
