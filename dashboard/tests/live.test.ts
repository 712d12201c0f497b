import { describe, expect, it } from 'vitest';
import type { LiveState } from '../src/api/answers';
import { judge, upgraded, verdictOf } from '../src/api/verdict';
import { retryDelay } from '../src/api/live';

const fine = { ok: true, detail: 'answers', cure: null };
const gone = { ok: false, detail: 'no answer', cure: null };
const state: LiveState = {
  at: '2026-03-12T13:32:08Z',
  version: '0.9.1',
  page: 'app-1.js',
  counted_through: '2026-03-12T13:32:07Z',
  accepted: 10,
  counted: 9,
  dead_lettered: 0,
  in_flight: 1,
  duplicates: 0,
  balanced: true,
  events_per_second: 1,
  catch_up_seconds: null,
  redis: fine,
  postgres: fine,
  consumer: { ...fine, alive: 1, owned: 8, shards: 8 },
  halted: [],
};
const old = '2026-03-12T13:18:02Z';

describe('a verdict', () => {
  it('is live, or waits for the first event', () => {
    expect(judge(state).is).toBe('live');
    expect(judge({ ...state, accepted: 0, counted: 0, in_flight: 0 }).is).toBe('waiting');
  });
  it('is behind after 10 s, if something waits', () => {
    expect(judge({ ...state, counted_through: old }).is).toBe('behind');
    expect(judge({ ...state, counted_through: old, in_flight: 0 }).is).toBe('live');
    expect(judge({ ...state, counted_through: '2026-03-12T13:31:59Z' }).is).toBe('live');
  });
  it('is the worst of all', () => {
    const halted = [{ shard: 4, reason: 'GAP', counted_through: old }];
    expect(judge({ ...state, halted, counted_through: old })).toMatchObject({ is: 'halted', shards: [4] });
    expect(judge({ ...state, halted, redis: gone }).is).toBe('redis');
    expect(judge({ ...state, halted, redis: gone, postgres: gone }).is).toBe('postgres');
  });
  it('says a lost line after 3 s, not at once', () => {
    const lost = { state, received_ms: 1_000, open: false, lost_ms: 2_000, retry_at_ms: 9_000 };
    expect(verdictOf(lost, 4_000).is).toBe('live');
    expect(verdictOf(lost, 5_000)).toMatchObject({ is: 'reconnecting', ago_s: 4, again_in_s: 4 });
    expect(verdictOf({ ...lost, lost_ms: null }, 60_000).is).toBe('live');
  });
});

it('an upgrade is another script than this one', () => {
  expect(upgraded(state, 'app-1.js')).toBe(false);
  expect(upgraded({ ...state, page: 'assets/app-1.js' }, 'app-1.js')).toBe(false);
  expect(upgraded(state, 'app-2.js')).toBe(true);
  expect(upgraded({ ...state, page: null }, 'app-2.js')).toBe(false);
});

it('waits longer after each failure, never longer than 15 s', () => {
  expect([1, 2, 3, 4, 5, 9].map(retryDelay)).toEqual([1000, 2000, 4000, 8000, 15000, 15000]);
});
