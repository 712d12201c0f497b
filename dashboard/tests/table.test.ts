import { describe, expect, it } from 'vitest';
import type { Rows, Sparklines } from '../src/api/answers';
import { endpointsOf } from '../src/table/endpoints';
import { filterTest, serviceIn, withService, wordsOf } from '../src/table/filter';
import { clicked, kept, ordered, sortFrom, sortText } from '../src/table/order';
import { trendOf } from '../src/table/sparklines';
import { rowsInView } from '../src/table/use-rows-in-view';

/** Rows as `service method route requests 5xx p99 before-p99`. */
function rowsOf(...lines: string[]): Rows {
  const cells = lines.map((line) => line.split(' '));
  const services = [...new Set(cells.map((c) => c[0]!))];
  const methods = [...new Set(cells.map((c) => c[1]!))];
  const numbers = (i: number) => cells.map((c) => (c[i] === '-' ? null : Number(c[i])));
  const requests = numbers(3) as number[];
  const zero = cells.map(() => 0);
  return {
    services,
    methods,
    id: cells.map((_, i) => String(i)),
    service: cells.map((c) => services.indexOf(c[0]!)),
    method: cells.map((c) => methods.indexOf(c[1]!)),
    route: cells.map((c) => c[2]!),
    requests,
    status_2xx: requests,
    status_3xx: zero,
    status_4xx: zero,
    status_5xx: numbers(4) as number[],
    p50: numbers(5),
    p90: numbers(5),
    p95: numbers(5),
    p99: numbers(5),
    before_requests: requests,
    before_status_5xx: zero,
    before_p99: numbers(6),
  };
}

const rows = endpointsOf(
  rowsOf(
    'shop GET /cart 100 0 20 20',
    'shop POST /cart/items 50 2 400 100',
    'payments POST /v1/charges 200 10 4830 1030',
    'payments GET /v1/charges/{id} 50 0 30 -',
    'shop-admin GET /Users 3 0 - -',
  ),
);

const found = (filter: string) => {
  const test = filterTest(rows, filter);
  return Array.from({ length: rows.size }, (_, i) => i).filter(test);
};

describe('the filter', () => {
  it.each([
    ['', [0, 1, 2, 3, 4]],
    ['charges', [2, 3]],
    ['CHARGES post', [2]],
    ['users', [4]],
    ['service:shop', [0, 1]],
    ['service:sho', [0, 1, 4]],
    ['service:', [0, 1, 2, 3, 4]],
    ['method:get', [0, 3, 4]],
    ['route:/v1', [2, 3]],
    ['status:5xx', [1, 2]],
    ['status:9xx', []],
    ['5xx>1%', [1, 2]],
    ['5xx>4%', [2]],
    ['5xx>=10', [2]],
    ['errors<1%', [0, 3, 4]],
    ['p99>500ms', [2]],
    ['p99>0.4s', [2]],
    ['p99>=400', [1, 2]],
    ['p99<25', [0]],
    ['p99>', [0, 1, 2, 3, 4]],
    ['requests<10', [4]],
    ['requests>0.1k', [2]],
    ['-charges', [0, 1, 4]],
    ['charges -{id}', [2]],
    ['-service:shop -p99>1s', [3, 4]],
    ['nonsense:word', []],
    ['p99>fast', [0, 1, 2, 3, 4]],
    ['-', [0, 1, 2, 3, 4]],
  ])('%j', (filter, expected) => expect(found(filter)).toEqual(expected));

  it('keeps quoted spaces together', () => {
    expect(wordsOf('service:"my shop" cart')).toEqual(['service:"my shop"', 'cart']);
    expect(serviceIn('service:"my shop" cart')).toBe('my shop');
  });

  it('is what a chip writes', () => {
    expect(withService('', 'shop')).toBe('service:shop');
    expect(withService('5xx>1% service:shop', 'my shop')).toBe('service:"my shop" 5xx>1%');
    expect(withService('service:shop cart', null)).toBe('cart');
  });
});

describe('the order', () => {
  const by = (sort: string, filter = '') => [...ordered(rows, filter, sortFrom(sort))];
  it('is by requests, ties by name', () => expect(by('-requests')).toEqual([2, 0, 3, 1, 4]));
  it('puts what has no value last, either way', () => {
    expect(by('-p99')).toEqual([2, 1, 3, 0, 4]);
    expect(by('p99')).toEqual([0, 3, 1, 2, 4]);
    expect(by('-p99_change')).toEqual([2, 1, 0, 3, 4]);
    expect(by('p99_change')).toEqual([0, 1, 2, 3, 4]);
  });
  it('of a name is by service and route', () => expect(by('endpoint')).toEqual([2, 3, 0, 1, 4]));
  it('of ratios is by the ratio', () => expect(by('-errors').slice(0, 2)).toEqual([2, 1]));
  it('that is unknown is by requests', () => expect(by('-mood')).toEqual(by('-requests')));
  it('follows clicks: numbers descend first, names ascend, again turns round', () => {
    const start = sortFrom('-requests');
    expect(sortText(clicked(start, 'p99'))).toBe('-p99');
    expect(sortText(clicked(clicked(start, 'p99'), 'p99'))).toBe('p99');
    expect(sortText(clicked(start, 'endpoint'))).toBe('endpoint');
  });
  it('in hand keeps its rows where they are, and appends new ones', () => {
    expect([...kept(['4', '9', '0'], rows, '', sortFrom('-requests'))]).toEqual([4, 0, 2, 3, 1]);
    expect([...kept(['4', '0'], rows, 'service:payments', sortFrom('-requests'))]).toEqual([4, 0, 2, 3]);
  });
});

describe('the rows that exist', () => {
  it('are all of a short table', () => expect(rowsInView(500, 32, 900, 60)).toEqual({ first: 0, end: 60 }));
  it('are those in view and ten around', () => {
    expect(rowsInView(500, 32, 900, 5000)).toEqual({ first: 0, end: 23 });
    expect(rowsInView(-32_000, 32, 900, 5000)).toEqual({ first: 990, end: 1039 });
    expect(rowsInView(-159_000, 32, 900, 5000)).toEqual({ first: 4958, end: 5000 });
  });
});

it('a trend has no zeros from before counting began', () => {
  const row = { id: '1', requests: [0, 0, 3, 0], errors: [0, 0, 1, 0] };
  const answer = { step_seconds: 60, start_s: [0, 60, 120, 180], sparklines: [row] } as unknown as Sparklines;
  expect(trendOf(answer, row, 130).requests).toEqual([null, null, 3, 0]);
  expect(trendOf(answer, row, 119).requests).toEqual([null, 0, 3, 0]);
  expect(trendOf(answer, row, 60).requests).toEqual([null, 0, 3, 0]);
  expect(trendOf(answer, row, null).requests).toEqual([0, 0, 3, 0]);
});
