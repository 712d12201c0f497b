import { describe, expect, it } from 'vitest';
import { countChange, quantileChange, ratioChange } from '../src/format/change';

const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('a change of requests', () => {
  it.each([
    [1035, 1000, '+3.5 %'],
    [1004, 1000, '≈'],
    [870, 1000, '−13 %'],
    [2000, 1000, '×2.0'],
    [1990, 1000, '+99 %'],
    [57_000, 1000, '×57'],
    [5, 0, 'new'],
    [0, 0, '≈'],
    [0, 10, '−100 %'],
  ])('from %2$d to %1$d', (now, before, text) => expect(plain(countChange(now, before).text)).toBe(text));
  it('is never worse', () => expect(countChange(100_000, 1).worse).toBe(false));
  it('without anything kept before is a dash', () => expect(countChange(5, null).text).toBe('–'));
});

describe('a change of a quantile', () => {
  it('within 2 %, or one bin, is none: two sketches, 1 % each', () => {
    expect(quantileChange(102.02, 100, 1e6)).toMatchObject({ text: '≈', same: true });
    expect(plain(quantileChange(102.2, 100, 1e6).text)).toBe('+2.2 %');
  });
  it('is worse from 1.25 times on, if a hundred requests say so', () => {
    expect(quantileChange(125, 100, 100).worse).toBe(true);
    expect(quantileChange(124, 100, 1e6).worse).toBe(false);
    expect(quantileChange(500, 100, 99).worse).toBe(false);
    expect(quantileChange(50, 100, 1e6).worse).toBe(false);
  });
  it('from or to nothing is a dash', () => {
    expect(quantileChange(null, 10, 0).text).toBe('–');
    expect(quantileChange(10, null, 5).text).toBe('–');
  });
});

describe('a change of a ratio', () => {
  it('is in points', () => expect(plain(ratioChange(0.01, 0.0006, 1e6).text)).toBe('+0.94 pp'));
  it('is worse only when twice, and by 0.03 points, and proven', () => {
    expect(ratioChange(0.01, 0.0006, 1e6).worse).toBe(true);
    expect(ratioChange(0.0002, 0, 1e6).worse).toBe(false);
    expect(ratioChange(0.019, 0.01, 1e6).worse).toBe(false);
    expect(ratioChange(0.5, 0, 99).worse).toBe(false);
    expect(ratioChange(0.5, 0, 100).worse).toBe(true);
  });
  it('too small to show is none', () => expect(ratioChange(0.00015, 0.0001, 1e6).text).toBe('≈'));
});
