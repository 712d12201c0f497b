// Keeps a result page live that the API rendered: the page is whole without this, and stands still.

import type { Poll } from './api/answers';
import { barWidth, lead, share, totalWords } from './polls/results';
import './theme';

/** A vote shows within a second; asking more often would show nothing new. */
const EVERY_MS = 300;

interface Result extends Pick<Poll, 'total' | 'results'> {
  counted_through: string | null;
}

const main = document.querySelector<HTMLElement>('main[data-poll]');
let asked_ms = 0;
let asking = false;

function write(within: ParentNode, part: string, text: string): void {
  const element = within.querySelector(part);
  if (element && element.textContent !== text) element.textContent = text;
}

function showOption(row: HTMLElement, result: Result, most: number): void {
  const votes = result.results.find((one) => one.option === row.dataset['option'])?.votes ?? 0;
  write(row, '.votes', votes.toLocaleString('en'));
  write(row, '.share-number', share(votes, result.total));
  row.querySelector('rect')?.setAttribute('width', `${barWidth(votes, result.total)}%`);
  row.querySelector('.track')?.classList.toggle('less', votes < most);
}

/** Puts the rows in the order of their votes where it has changed; moving them needlessly would drop the focus. */
function order(list: Element, result: Result): void {
  const wanted = result.results.map((one) => one.option);
  const rows = [...list.querySelectorAll<HTMLElement>('li[data-option]')];
  if (rows.every((row, index) => row.dataset['option'] === wanted[index])) return;
  for (const option of wanted) {
    const row = rows.find((row) => row.dataset['option'] === option);
    if (row) list.append(row);
  }
}

/** The vote is counted once everything accepted up to its receipt is. */
function settleVote(through: string | null): void {
  const banner = document.querySelector<HTMLElement>('[data-received]');
  if (!banner || !through || Date.parse(through) < Number(banner.dataset['received'])) return;
  const sentence = banner.querySelector('[data-counted]');
  if (sentence instanceof HTMLElement) sentence.hidden = false;
  const before = banner.querySelector('[data-waiting]');
  if (before instanceof HTMLElement) before.hidden = true;
}

function show(result: Result): void {
  if (!main) return;
  const most = Math.max(0, ...result.results.map((one) => one.votes));
  for (const row of main.querySelectorAll<HTMLElement>('li[data-option]')) showOption(row, result, most);
  const list = main.querySelector('ul');
  if (list) order(list, result);
  write(main, '.poll-lead', lead(result));
  write(main, '.total', totalWords(result.total));
  if (result.counted_through) write(main, '.as-of', new Date(result.counted_through).toLocaleTimeString('en-GB'));
  settleVote(result.counted_through);
}

async function ask(poll: string): Promise<void> {
  if (asking || document.hidden || Date.now() - asked_ms < EVERY_MS) return;
  asking = true;
  asked_ms = Date.now();
  try {
    const response = await fetch(`/v1/polls/${encodeURIComponent(poll)}`, { signal: AbortSignal.timeout(10_000) });
    if (response.ok) show((await response.json()) as Result);
  } catch {
    // The next state asks again.
  } finally {
    asking = false;
  }
}

const poll = main?.dataset['poll'];
if (poll && main?.querySelector('li[data-option]')) {
  // Left to itself the browser reconnects; a page that only follows need not say when.
  new EventSource('/v1/live').addEventListener('state', () => void ask(poll));
}
