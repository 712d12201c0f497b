import { describe, expect, it } from 'vitest';
import { comparison } from '../src/compare';
import { DEFAULT, asked, carried, neighbour, queryOf, viewFrom } from '../src/view';

const at = (text: string) => Date.parse(text) / 1000;

describe('the address of a view', () => {
  it('is empty where everything is as always', () => {
    expect(queryOf(DEFAULT)).toBe('');
    expect(viewFrom('')).toEqual(DEFAULT);
  });

  it('holds all that is not, and gives it back', () => {
    const view = {
      window: '7d' as const,
      range: { from_s: at('2026-03-12T00:45:00Z'), to_s: at('2026-03-12T05:35:30Z') },
      compare: false,
      filter: 'service:payments 5xx>1% “ü”',
      sort: '-p99',
      log: false,
    };
    const query = queryOf(view);
    expect(query).toMatch(/^\?w=7d&from=2026-03-12T00:45Z&to=2026-03-12T05:35:30Z&c=0&f=service:payments\+5xx/);
    expect(viewFrom(query)).toEqual(view);
  });

  it('with nonsense in it still shows something', () => {
    expect(viewFrom('?w=3h&from=yesterday&to=2026&c=&s=&log=maybe')).toEqual(DEFAULT);
    expect(viewFrom('?from=2026-03-12T05:00Z&to=2026-03-12T04:00Z').range).toBeNull();
  });

  it('takes whole RFC 3339 and epoch seconds', () => {
    const range = { from_s: at('2026-03-12T00:00:00Z'), to_s: at('2026-03-12T01:00:00Z') };
    expect(viewFrom('?from=2026-03-12T00:00:00Z&to=2026-03-12T01:00:00Z').range).toEqual(range);
    expect(viewFrom(`?from=${range.from_s}&to=${range.to_s}`).range).toEqual(range);
  });

  it('leaves the table behind on another page', () => {
    expect(queryOf(carried({ ...DEFAULT, window: '1h', filter: 'x', sort: 'p99' }))).toBe('?w=1h');
  });
});

describe('what the API is asked', () => {
  it('is relative up to now, so that many pages ask the same', () => {
    expect(asked(DEFAULT)).toEqual({ from: '-24h' });
    expect(asked({ ...DEFAULT, window: '1y' })).toEqual({ from: '-365d' });
  });
  it('has both bounds for a range', () => {
    const range = { from_s: at('2026-03-12T00:00:00Z'), to_s: at('2026-03-12T01:00:00Z') };
    expect(asked({ ...DEFAULT, range })).toEqual({ from: '2026-03-12T00:00:00Z', to: '2026-03-12T01:00:00Z' });
  });
});

describe('the windows beside', () => {
  const now = at('2026-03-12T14:32:07Z');
  it('before is of the same length, in whole minutes', () => {
    const view = neighbour({ ...DEFAULT, window: '1h' }, -1, now);
    expect(view.range).toEqual({ from_s: at('2026-03-12T12:32:00Z'), to_s: at('2026-03-12T13:32:00Z') });
    expect(neighbour(view, -1, now).range).toEqual({ from_s: at('2026-03-12T11:32:00Z'), to_s: at('2026-03-12T12:32:00Z') });
  });
  it('after never ends after now', () => {
    const before = neighbour({ ...DEFAULT, window: '1h' }, -1, now);
    expect(neighbour(before, 1, now).range).toBeNull();
  });
});

describe('the comparison', () => {
  const range = (hours: number) => ({ ...DEFAULT, range: { from_s: 0, to_s: hours * 3600 } });
  it('keeps the clock time up to a day, the weekday beyond', () => {
    expect(comparison(DEFAULT)).toMatchObject({ by: '24h', period: 'the 24 h before' });
    expect(comparison({ ...DEFAULT, window: '5m' })).toMatchObject({ by: '24h', period: 'the same time yesterday' });
    expect(comparison({ ...DEFAULT, window: '7d' }).by).toBe('7d');
    expect(comparison({ ...DEFAULT, window: '30d' }).by).toBe('28d');
    expect(comparison({ ...DEFAULT, window: '1y' }).by).toBe('364d');
    expect(comparison(range(3)).by).toBe('24h');
    expect(comparison(range(30)).by).toBe('7d');
    expect(comparison(range(24 * 8)).by).toBe('28d');
    expect(comparison(range(24 * 90)).by).toBe('364d');
  });
});
