// How numbers are written. A quantity is a number's text and its unit, kept apart because the page sets the unit smaller,
// and its exact value for the hover and for screen readers.

/** A narrow no-break space: between a number and its unit. */
export const THIN = '\u202f';
/** No value exists; never written for a zero. */
export const NONE = '–';

export interface Quantity {
  text: string;
  unit: string;
  /** The unshortened number with its unit, where the text is shortened. */
  exact?: string;
}

/** A whole number with separators: `1,204,311`. */
export function grouped(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Three significant digits, for numbers from 0 to 999.5. */
export function threeDigits(x: number): string {
  if (x >= 99.95) return x.toFixed(0);
  return x >= 9.995 ? x.toFixed(1) : x.toFixed(2);
}

/** The text of a quantity in running words: `206 ms`. */
export function words(q: Quantity): string {
  return q.unit ? q.text + THIN + q.unit : q.text;
}

const none: Quantity = { text: NONE, unit: '' };

/** A count: in full up to 999,999, then `1.24 M` and `1.24 bn`. */
export function count(n: number | null | undefined): Quantity {
  if (n == null) return none;
  if (n < 1e6) return { text: grouped(n), unit: '' };
  const [value, unit] = n < 999.5e6 ? [n / 1e6, 'M'] : [n / 1e9, 'bn'];
  return { text: value < 999.5 ? threeDigits(value) : grouped(value), unit, exact: grouped(n) };
}

/** Requests a second; below 1/s a minute. */
export function rate(perSecond: number | null | undefined): Quantity {
  if (perSecond == null) return none;
  if (perSecond === 0) return { text: '0', unit: '' };
  if (perSecond >= 999.5) return { text: grouped(perSecond), unit: '/s' };
  if (perSecond >= 1) return { text: threeDigits(perSecond), unit: '/s' };
  return { text: threeDigits(perSecond * 60), unit: '/min' };
}

/** A duration in ms: three digits, for a sketch promises 1 % and a fourth digit would lie. */
export function duration(ms: number | null | undefined): Quantity {
  if (ms == null) return none;
  if (ms === 0) return { text: '0', unit: 'ms' };
  if (ms < 0.9995) return { text: threeDigits(ms * 1000), unit: 'µs' };
  if (ms < 999.5) return { text: threeDigits(ms), unit: 'ms' };
  const s = ms / 1000;
  return { text: s < 999.5 ? threeDigits(s) : grouped(s), unit: 's' };
}

/** A share of 1 in percent: two decimals below 10 %, `<0.01` when not zero. */
export function ratio(share: number | null | undefined): Quantity {
  if (share == null) return none;
  if (share === 0) return { text: '0', unit: '%' };
  if (share < 0.0001) return { text: '<0.01', unit: '%' };
  const percent = share * 100;
  return { text: percent < 9.995 ? percent.toFixed(2) : percent >= 99.95 ? percent.toFixed(0) : percent.toFixed(1), unit: '%' };
}

/** Bytes in steps of 1,000: `188 KB`. */
export function bytes(n: number | null | undefined): Quantity {
  if (n == null) return none;
  if (n < 1000) return { text: grouped(n), unit: 'B' };
  const [value, unit] = n < 999.5e3 ? [n / 1e3, 'KB'] : n < 999.5e6 ? [n / 1e6, 'MB'] : [n / 1e9, 'GB'];
  return { text: threeDigits(value), unit, exact: `${grouped(n)}${THIN}B` };
}

/** `1 vote`, `2 votes`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
