import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countedOnly, rates, running } from '../src/chart/columns';
import { laneRange } from '../src/chart/frame';
import { bandsOf, gridOf, inBands, mergedBy, withoutGap } from '../src/chart/grid';
import { linearTicks, logBounds, logTicks, roundUp, timeTicks } from '../src/chart/ticks';
import type { Timeline } from '../src/chart/timeline';
import { countedSeconds, stepAt, uncounted } from '../src/chart/timeline';

const zone = process.env.TZ;
beforeAll(() => void (process.env.TZ = 'Europe/Berlin'));
afterAll(() => void (process.env.TZ = zone));

const at = (text: string) => Date.parse(text) / 1000;

describe('an axis from 0', () => {
  it.each([
    [0, 1],
    [0.0021, 0.0025],
    [1, 1],
    [1.01, 1.5],
    [9.9, 10],
    [1780, 2000],
    [10_000, 10_000],
  ])('that holds %d ends at %d', (value, end) => expect(roundUp(value)).toBeCloseTo(end, 10));
  it('has at most five parts, and ends with its end', () => {
    for (const end of [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 0.025, 1500, 4e6]) {
      const ticks = linearTicks(end);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks[0]).toBe(0);
      expect(ticks[ticks.length - 1]).toBeCloseTo(end, 9);
    }
  });
});

describe('a logarithmic axis', () => {
  it('holds its values with room', () => {
    expect(logBounds(33, 5170)).toEqual([30, 10_000]);
    const [low, high] = logBounds(0.9, 0.95);
    expect(low).toBeLessThan(0.9);
    expect(high).toBeGreaterThan(0.95);
  });
  it('has lines 1, 1-3 or 1-2-5 by its span', () => {
    expect(logTicks(10, 10_000)).toEqual([10, 100, 1000, 10_000]);
    expect(logTicks(100, 10_000)).toEqual([100, 300, 1000, 3000, 10_000]);
    expect(logTicks(20, 500)).toEqual([20, 50, 100, 200, 500]);
  });
  it('always has at least two lines', () => {
    for (const [low, high] of [[20, 30], [3, 5], [300, 500], [0.2, 0.3]] as const) expect(logTicks(low, high).length).toBeGreaterThan(1);
  });
});

describe('a time axis', () => {
  it('stands at round local hours, midnight by its day', () => {
    const ticks = timeTicks(at('2026-03-11T13:30:00Z'), at('2026-03-12T13:30:00Z'), 600);
    expect(ticks.map((tick) => tick.text)).toEqual(['15:00', '18:00', '21:00', 'Thu 12', '03:00', '06:00', '09:00', '12:00']);
    expect(ticks.filter((tick) => tick.strong).map((tick) => tick.text)).toEqual(['Thu 12']);
  });
  it('keeps to the clock when it changes', () => {
    const ticks = timeTicks(at('2026-03-28T23:00:00Z'), at('2026-03-29T22:00:00Z'), 600);
    expect(ticks.every((tick) => tick.strong || /^(03|06|09|12|15|18|21):00$/.test(tick.text))).toBe(true);
  });
  it('has days for a week, months for a year', () => {
    expect(timeTicks(at('2026-03-05T13:00:00Z'), at('2026-03-12T13:00:00Z'), 600).map((tick) => tick.text)).toEqual([
      '6 Mar', '7 Mar', '8 Mar', '9 Mar', '10 Mar', '11 Mar', '12 Mar',
    ]);
    expect(timeTicks(at('2025-03-12T00:00:00Z'), at('2026-03-12T00:00:00Z'), 300).some((tick) => tick.text === '2026')).toBe(true);
  });
  it('has few labels where there is little room', () => {
    for (const length of [300, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400]) {
      const ticks = timeTicks(at('2026-03-12T13:30:00Z') - length, at('2026-03-12T13:30:00Z'), 250);
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });
});

const line: Timeline = { start_s: [0, 60, 120, 180], step_s: 60, through_s: 150, now_s: 151 };
const lagging: Timeline = { ...line, now_s: 200 };

describe('a timeline', () => {
  it('knows what of a step is counted', () => {
    expect([0, 1, 2, 3].map((i) => countedSeconds(line, i))).toEqual([60, 60, 30, 0]);
    expect(countedSeconds({ ...line, through_s: 124, now_s: 124 }, 2), 'too little to tell').toBe(0);
    expect(countedSeconds(lagging, 2), 'other shards may be ahead').toBe(0);
    expect(stepAt(line, 119)).toBe(1);
    expect(stepAt(line, 999)).toBe(3);
  });
  it('hatches what is not counted, and no ordinary lag', () => {
    expect(uncounted(lagging)).toEqual({ from_s: 150, to_s: 200 });
    expect(uncounted(line)).toBeNull();
    expect(uncounted({ ...line, through_s: 1000, now_s: 1000 })).toBeNull();
  });
  it('has no zeros from before counting began', () => {
    expect(rates({ ...line, since_s: 70 }, [0, 3, 30, 0])).toEqual([null, 0.05, 1, null]);
  });
  it('ends lines where counting does, and divides the running step by what of it is counted', () => {
    expect(rates(line, [60, 0, 30, 0])).toEqual([1, 0, 1, null]);
    expect(countedOnly(line, [1, null, 3, 4])).toEqual([1, null, 3, null]);
    expect(running(line, [1, 2, 3, null])).toEqual({ over: [1, 2, null, null], running: [null, 2, 3, null] });
  });
});

it('lanes share a plot without touching', () => {
  const lane = { min: 0, ticks: [], text: String };
  const lanes = [{ ...lane, height: 100, max: 10 }, { ...lane, height: 50, max: 1 }];
  // 164 px in all: the upper lane's zero stands 64 px above the bottom.
  expect(laneRange(lanes, 0)).toEqual([-6.4, 10]);
  const [low, high] = laneRange(lanes, 1);
  expect(low).toBeCloseTo(0);
  expect(high).toBeCloseTo(1 + 114 / 50);
});

describe('the heat map’s grid', () => {
  const heat = {
    step_seconds: 300,
    start_s: [0, 300, 600, 900],
    bin_lower_ms: [0, 2, 4, 8],
    bin_upper_ms: [2, 4, 8, 16],
    column: [0, 1, 1, 3],
    bin: [0, 1, 2, 3],
    count: [1, 2, 3, 4],
  };
  it('keeps cells of at least 6 px', () => {
    expect(mergedBy(288, 1728)).toBe(1);
    expect(mergedBy(288, 600)).toBe(3);
    expect(mergedBy(60, 272)).toBe(2);
  });
  it('is the answer where there is room', () => {
    const grid = gridOf(heat, 1000, 300);
    expect(grid).toMatchObject({ most: 4, min_ms: 1, max_ms: 16, column_s: 300, bins: 1 });
    expect(grid.cells).toHaveLength(4);
  });
  it('draws exactly 0 ms just below the rest, not decades away', () => {
    const zero = {
      heat: { ...heat, bin_lower_ms: [0, 0.001, 0.5, 4], bin_upper_ms: [0.001, 0.5, 4, 16], bin: [0, 2, 2, 3] },
      distribution: { count: [1, 0, 5, 4], before: [0, 0, 1, 1] },
    };
    const near = withoutGap(zero);
    expect(near.heat).toMatchObject({ bin_lower_ms: [0.45, 0.5, 4], bin_upper_ms: [0.5, 4, 16], bin: [0, 1, 1, 2] });
    expect(near.distribution).toEqual({ count: [1, 5, 4], before: [0, 1, 1] });
    const without = { ...zero, heat: { ...zero.heat, bin_lower_ms: [0.1, 0.2, 0.5, 4] } };
    expect(withoutGap(without)).toBe(without);
  });
  it('loses no request where cells are merged', () => {
    const grid = gridOf(heat, 12, 12);
    expect(grid.column_s).toBe(600);
    expect(grid.cells.reduce((sum, cell) => sum + cell.count, 0)).toBe(10);
    expect(grid.cells).toContainEqual({ from_s: 0, to_s: 600, lower_ms: 1, upper_ms: 4, count: 3 });
    expect(grid.cells).toContainEqual({ from_s: 600, to_s: 1200, lower_ms: 4, upper_ms: 16, count: 4 });
  });
  it('is a table of few bands', () => {
    const { bands, bins, counts } = bandsOf(heat, 3);
    expect(bands).toEqual([{ lower_ms: null, upper_ms: 4 }, { lower_ms: 4, upper_ms: 16 }]);
    expect(counts).toEqual([[1, 0], [2, 3], [0, 0], [0, 4]]);
    expect(inBands([1, 2, 3, 4], bins)).toEqual([3, 7]);
    expect(bandsOf({ ...heat, bin_lower_ms: [], bin_upper_ms: [], column: [], bin: [], count: [] }, 3).bands).toEqual([]);
  });
});
