// A time chart's paper: lanes above each other on one time axis, the grid, its labels. All in CSS pixels.

import type { Ink } from './ink';

export interface Lane {
  height: number;
  min: number;
  max: number;
  log?: boolean;
  ticks: number[];
  text: (value: number) => string;
}

export interface Layer {
  name: string;
  values: (number | null)[];
  /** Index of its lane. */
  lane: number;
  ink: Ink;
  width?: number;
  dashed?: boolean;
  /** Filled down to the base line. */
  area?: Ink;
  /** Bars instead of a line, standing on `base` where there is one. */
  bars?: boolean;
  hatched?: boolean;
  base?: number[];
  /** Stretches of 0 are labelled: a zero is a fact. */
  zeros?: boolean;
  /** A dot at the cursor. */
  dot?: boolean;
  /** Its name at the line's end. */
  end?: string;
}

export const LEFT_PX = 48;
export const TOP_PX = 6;
export const BOTTOM_PX = 22;
const GAP_PX = 14;

/** The chart's whole height. */
export function heightOf(lanes: Lane[]): number {
  return TOP_PX + innerHeight(lanes) + BOTTOM_PX;
}

function innerHeight(lanes: Lane[]): number {
  return lanes.reduce((sum, lane) => sum + lane.height, 0) + GAP_PX * (lanes.length - 1);
}

/** Where a lane begins, from the top of the plot. */
export function laneTop(lanes: Lane[], index: number): number {
  return lanes.slice(0, index).reduce((sum, lane) => sum + lane.height + GAP_PX, 0);
}

/** The range a scale needs over the whole plot so that a lane's values fall into its lane alone. */
export function laneRange(lanes: Lane[], index: number): [number, number] {
  const lane = lanes[index]!;
  const top = laneTop(lanes, index);
  const below = innerHeight(lanes) - top - lane.height;
  if (lane.log) return [lane.min, lane.max];
  const perPixel = (lane.max - lane.min) / lane.height;
  return [lane.min - below * perPixel, lane.max + top * perPixel];
}
