import { describe, expect, it } from 'vitest';
import { bytes, count, counted, duration, grouped, rate, ratio, words } from '../src/format/numbers';

const plain = (text: string) => text.replaceAll('\u202f', ' ');
const said = (q: { text: string; unit: string }) => plain(words(q));

describe('a count', () => {
  it('is in full up to 999,999, then in millions and billions with three digits', () => {
    expect(said(count(0))).toBe('0');
    expect(said(count(999_999))).toBe('999,999');
    expect(said(count(1_000_000))).toBe('1.00 M');
    expect(said(count(88_612_345))).toBe('88.6 M');
    expect(said(count(999_600_000))).toBe('1.00 bn');
    expect(said(count(1_240_000_000))).toBe('1.24 bn');
    expect(said(count(2_400_000_000_000))).toBe('2,400 bn');
  });
  it('keeps the exact number where it is shortened', () => {
    expect(count(88_612_345).exact).toBe('88,612,345');
    expect(count(612).exact).toBeUndefined();
  });
  it('without a value is a dash, never a zero', () => expect(said(count(null))).toBe('–'));
});

describe('a duration', () => {
  it.each([
    [0, '0 ms'],
    [0.84, '840 µs'],
    [0.99949, '999 µs'],
    [0.9996, '1.00 ms'],
    [3.234, '3.23 ms'],
    [9.996, '10.0 ms'],
    [99.96, '100 ms'],
    [206.4, '206 ms'],
    [999.4, '999 ms'],
    [999.6, '1.00 s'],
    [4830, '4.83 s'],
    [1_200_000, '1,200 s'],
  ])('of %d ms reads %s', (ms, text) => expect(said(duration(ms))).toBe(text));
  it('that does not exist is a dash', () => expect(said(duration(null))).toBe('–'));
});

describe('a rate', () => {
  it.each([
    [0, '0'],
    [0.0139, '0.83 /min'],
    [0.999, '59.9 /min'],
    [1, '1.00 /s'],
    [387.4, '387 /s'],
    [1587, '1,587 /s'],
  ])('of %d a second reads %s', (perSecond, text) => expect(said(rate(perSecond))).toBe(text));
});

describe('a ratio', () => {
  it.each([
    [0, '0 %'],
    [0.00001, '<0.01 %'],
    [0.0007, '0.07 %'],
    [0.0181, '1.81 %'],
    [0.0999, '9.99 %'],
    [0.09996, '10.0 %'],
    [0.351, '35.1 %'],
    [1, '100 %'],
  ])('of %d reads %s', (share, text) => expect(said(ratio(share))).toBe(text));
  it('of nothing is a dash', () => expect(said(ratio(null))).toBe('–'));
});

it('groups, counts and weighs', () => {
  expect(grouped(1_204_311)).toBe('1,204,311');
  expect(counted(1, 'vote')).toBe('1 vote');
  expect(counted(1_200, 'vote')).toBe('1,200 votes');
  expect(said(bytes(188_400))).toBe('188 KB');
  expect(said(bytes(1_200_000))).toBe('1.20 MB');
});
