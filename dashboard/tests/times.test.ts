import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateAndTime, day, length, moment, range, roughly, seconds, utc, zone } from '../src/format/times';

const before = process.env.TZ;
beforeAll(() => void (process.env.TZ = 'Europe/Berlin'));
afterAll(() => void (process.env.TZ = before));

const at = (text: string) => Date.parse(text) / 1000;
const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('a moment', () => {
  const s = at('2026-03-12T02:05:09Z');
  it('is in the viewer’s zone, with seconds only up to an hour', () => {
    expect(moment(s, 3600)).toBe('03:05:09');
    expect(moment(s, 86400)).toBe('Thu 03:05');
    expect(moment(s, 30 * 86400)).toMatch(/^Thu 12 Mar( 2026)? 03:05$/);
    expect(dateAndTime(s)).toBe('12 Mar 2026, 03:05');
  });
  it('has a year only where it is another one', () => {
    expect(day(s, s)).toBe('Thu 12 Mar');
    expect(day(s, s + 366 * 86400)).toBe('Thu 12 Mar 2026');
  });
  it('in UTC is RFC 3339', () => expect(utc(s + 0.7)).toBe('2026-03-12T02:05:09Z'));
  it('of an answer may be missing', () => {
    expect(seconds('2026-03-12T02:05:09.5Z')).toBe(s + 0.5);
    expect(seconds(null)).toBeNull();
    expect(seconds('soon')).toBeNull();
  });
});

it('a range says its date again only where it changes', () => {
  const year = new Date().getFullYear();
  const [a, b, c] = [`${year}-03-11T13:30:00Z`, `${year}-03-12T13:30:00Z`, `${year}-03-12T15:00:00Z`].map(at) as [number, number, number];
  expect(range(a, b)).toMatch(/^\w{3} 11 Mar 14:30 – \w{3} 12 Mar 14:30$/);
  expect(range(b, c)).toMatch(/^\w{3} 12 Mar 14:30 – 16:00$/);
});

it('a zone is said as an offset, which summer changes', () => {
  expect(zone(at('2026-03-12T12:00:00Z'))).toBe('UTC+01:00');
  expect(zone(at('2026-07-12T12:00:00Z'))).toBe('UTC+02:00');
});

it.each([
  [0, '0 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [146, '2 min 26 s'],
  [11_100, '3 h 05'],
  [90_000, '1 d 1 h'],
  [273_600, '3 d 4 h'],
])('a length of %d s reads %s', (s, text) => expect(plain(length(s))).toBe(text));

it.each([
  [0.2, '1 s'],
  [80, '80 s'],
  [180, '3 min'],
  [7200, '2 h'],
  [400_000, '5 d'],
])('about %d s is %s', (s, text) => expect(plain(roughly(s))).toBe(text));
