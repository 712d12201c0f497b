// How a poll's result is told. The vote pages that the API renders say the same words; a result page must not invent a tie.

import type { Poll, PollResult } from '../api/answers';
import { counted, grouped, NONE } from '../format/numbers';

/** `Noodles and Tacos`, `a, b and c`. */
export function joined(names: string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

/** Most votes first, then by name; the API sends them so, but a page may add to them. */
export function ranked(results: PollResult[]): PollResult[] {
  return [...results].sort((a, b) => b.votes - a.votes || a.option.localeCompare(b.option));
}

/** The sentence above the bars. */
export function lead(poll: Pick<Poll, 'total' | 'results'>): string {
  if (poll.total === 0) return 'No votes yet.';
  const [first, second] = ranked(poll.results);
  if (!first) return 'No votes yet.';
  if (!second) return `${first.option}: ${counted(first.votes, 'vote')}.`;
  if (first.votes > second.votes) return `${first.option} lead by ${counted(first.votes - second.votes, 'vote')}.`;
  return `Tied: ${joined(poll.results.filter((one) => one.votes === first.votes).map((one) => one.option))}.`;
}

/** A share in percent with one decimal, each rounded for itself: equal votes show equal shares. */
export function share(votes: number, total: number): string {
  if (total === 0) return NONE;
  return votes === 0 ? '0' : ((votes / total) * 100).toFixed(1);
}

/** Width of a bar in percent; what has a vote is seen. */
export function barWidth(votes: number, total: number): number {
  return total === 0 || votes === 0 ? 0 : Math.max(0.4, (votes / total) * 100);
}

export function totalWords(total: number): string {
  return `${grouped(total)} ${total === 1 ? 'vote' : 'votes'}, each counted once`;
}
