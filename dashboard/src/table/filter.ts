// The filter's language. Words are joined by "and": text anywhere, `service: method: route: status:5xx`, `5xx>1%`,
// `p99>500ms`, `requests<10`, and `-` before any of them for "not". What is not understood is text, never an error.

import type { Endpoints } from './endpoints';

export type Test = (row: number) => boolean;

const always: Test = () => true;

/** Words by spaces; quotes keep spaces: `service:"my shop"`. */
export function wordsOf(filter: string): string[] {
  return filter.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

function unquoted(word: string): string {
  return word.replaceAll('"', '');
}

const FIELD = /^(service|method|route|status):(.*)$/i;
const COMPARISON = /^(requests|[2345]xx|errors|p50|p90|p95|p99)(>=|<=|>|<|=)(.*)$/i;

function fieldTest(rows: Endpoints, field: string, value: string): Test {
  if (value === '') return always;
  if (field === 'status') {
    const column = rows.status[value as keyof Endpoints['status']];
    return column ? (row) => column[row]! > 0 : () => false;
  }
  const column = field === 'service' ? rows.service : field === 'method' ? rows.method : rows.route;
  // A whole name means that one: `service:shop` is not also `shop-admin`.
  const whole = field !== 'route' && column.some((name) => name.toLowerCase() === value);
  return (row) => (whole ? column[row]!.toLowerCase() === value : column[row]!.toLowerCase().includes(value));
}

function compared(sign: string, bound: number): (value: number) => boolean {
  switch (sign) {
    case '>':
      return (value) => value > bound;
    case '<':
      return (value) => value < bound;
    case '>=':
      return (value) => value >= bound;
    case '<=':
      return (value) => value <= bound;
    default:
      return (value) => value === bound;
  }
}

const UNITS: Record<string, number> = { '': 1, ms: 1, s: 1000, us: 0.001, µs: 0.001, k: 1e3, m: 1e6, min: 60_000 };

/** A number with its unit; null where it is not one (yet). */
function bound(text: string): { value: number; percent: boolean } | null {
  const parts = /^([\d,]*\.?\d+)\s*(%|ms|s|us|µs|k|m|min)?$/i.exec(text);
  if (!parts) return null;
  const unit = (parts[2] ?? '').toLowerCase();
  const value = Number(parts[1]!.replaceAll(',', ''));
  return unit === '%' ? { value: value / 100, percent: true } : { value: value * UNITS[unit]!, percent: false };
}

function comparisonTest(rows: Endpoints, name: string, sign: string, text: string): Test {
  // Half a word is not yet a wish.
  const limit = bound(text);
  if (!limit) return always;
  const holds = compared(sign, limit.value);
  if (name === 'requests') return (row) => holds(rows.requests[row]!);
  if (name.startsWith('p')) {
    const column = rows[name as 'p50' | 'p90' | 'p95' | 'p99'];
    return (row) => holds(column[row]!);
  }
  const part = rows.status[(name === 'errors' ? '5xx' : name) as keyof Endpoints['status']];
  if (!limit.percent) return (row) => holds(part[row]!);
  return (row) => rows.requests[row]! > 0 && holds(part[row]! / rows.requests[row]!);
}

function wordTest(rows: Endpoints, word: string): Test {
  if (word.length > 1 && word.startsWith('-')) {
    const test = wordTest(rows, word.slice(1));
    return test === always ? always : (row) => !test(row);
  }
  const field = FIELD.exec(word);
  if (field) return fieldTest(rows, field[1]!.toLowerCase(), unquoted(field[2]!).toLowerCase());
  const comparison = COMPARISON.exec(word);
  if (comparison) return comparisonTest(rows, comparison[1]!.toLowerCase(), comparison[2]!, comparison[3]!);
  const text = unquoted(word).toLowerCase();
  return text === '' || text === '-' ? always : (row) => rows.text[row]!.includes(text);
}

/** Whether a row is shown. */
export function filterTest(rows: Endpoints, filter: string): Test {
  const tests = wordsOf(filter).map((word) => wordTest(rows, word)).filter((test) => test !== always);
  return (row) => tests.every((test) => test(row));
}

/** The service a filter names, as the chips show it; null: none. */
export function serviceIn(filter: string): string | null {
  const word = wordsOf(filter).find((one) => /^service:./i.test(one));
  return word ? unquoted(word.slice('service:'.length)) : null;
}

/** The filter with its service replaced; null takes it out. */
export function withService(filter: string, service: string | null): string {
  const others = wordsOf(filter).filter((word) => !/^service:/i.test(word));
  if (service == null) return others.join(' ');
  return [`service:${/\s/.test(service) ? `"${service}"` : service}`, ...others].join(' ');
}
