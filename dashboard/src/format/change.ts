// A figure against the compared period. Only what got worse is marked; better, or merely different, stays grey.

import { THIN, NONE } from './numbers';

export interface Change {
  text: string;
  worse: boolean;
  /** No change that means anything. */
  same: boolean;
  /** Now against then; null where it has no meaning. Tables sort by it. */
  factor: number | null;
}

/** Fewer requests than this prove nothing. */
const PROOF_REQUESTS = 100;
const WORSE_QUANTILE = 1.25;
const WORSE_RATIO = 2;
const WORSE_POINTS = 0.0003;
/** Two sketches, each true within 1 %; from one bin to the next is a little more than twice that. */
const SAME_QUANTILE = 0.021;
const SAME_COUNT = 0.005;
const SAME_POINTS = 0.0001;

const nothing: Change = { text: NONE, worse: false, same: false, factor: null };
const unchanged: Change = { text: '≈', worse: false, same: true, factor: 1 };
const fresh: Change = { text: 'new', worse: false, same: false, factor: null };

function sign(grown: boolean): string {
  return grown ? '+' : '−';
}

/** A factor in words: `+3.5 %`, from twice on `×4.7`. */
function factorText(factor: number): string {
  if (factor >= 1.995) return `×${factor >= 9.95 ? Math.round(factor).toLocaleString('en') : factor.toFixed(1)}`;
  const part = Math.abs(factor - 1);
  return `${sign(factor > 1)}${(part * 100).toFixed(part < 0.0995 ? 1 : 0)}${THIN}%`;
}

/** A number of requests; `before` null where nothing was kept. More requests are never worse. */
export function countChange(now: number, before: number | null | undefined): Change {
  if (before == null) return nothing;
  if (before === 0) return now === 0 ? unchanged : fresh;
  const factor = now / before;
  if (Math.abs(factor - 1) < SAME_COUNT) return { ...unchanged, factor };
  return { text: factorText(factor), worse: false, same: false, factor };
}

/** A quantile in ms, of so many requests. */
export function quantileChange(now: number | null, before: number | null | undefined, requests: number): Change {
  if (now == null || before == null || before === 0) return nothing;
  const factor = now / before;
  if (Math.abs(factor - 1) < SAME_QUANTILE) return { ...unchanged, factor };
  return { text: factorText(factor), worse: factor >= WORSE_QUANTILE && requests >= PROOF_REQUESTS, same: false, factor };
}

/** A share of requests, in percentage points. */
export function ratioChange(now: number | null, before: number | null | undefined, requests: number): Change {
  if (now == null || before == null) return nothing;
  const points = now - before;
  if (Math.abs(points) < SAME_POINTS) return unchanged;
  const worse = points >= WORSE_POINTS && now >= before * WORSE_RATIO && requests >= PROOF_REQUESTS;
  const text = `${sign(points > 0)}${Math.abs(points * 100).toFixed(2)}${THIN}pp`;
  return { text, worse, same: false, factor: before === 0 ? null : now / before };
}
