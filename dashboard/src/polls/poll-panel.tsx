import type { Poll, PollResult } from '../api/answers';
import { Amount } from '../format/quantity';
import { grouped } from '../format/numbers';
import { TimeOf } from '../format/time-of';
import { clock, seconds } from '../format/times';
import { Panel } from '../shell/panel';
import { Shape } from '../shell/shape';
import { barWidth, lead, ranked, share, totalWords } from './results';

function Option({ result, total, most }: { result: PollResult; total: number; most: number }) {
  return (
    <li class="option">
      <span class="name">{result.option}</span>
      <span class="votes">{grouped(result.votes)}</span>
      <span class="share">
        <Amount of={{ text: share(result.votes, total), unit: total ? '%' : '' }} />
      </span>
      <span class={result.votes < most ? 'track less' : 'track'}>
        <i style={{ width: `${barWidth(result.votes, total)}%` }} />
      </span>
    </li>
  );
}

export function PollPanel({ poll, through }: { poll: Poll; through: string | null }) {
  const results = ranked(poll.results);
  const through_s = seconds(through);
  const vote = (
    <a class="button small" href={`/vote/${encodeURIComponent(poll.poll)}`} aria-label={`Vote: ${poll.title ?? poll.poll}`}>
      Vote
    </a>
  );
  const beside = poll.title && <span class="muted on-wide">{poll.poll}</span>;
  return (
    <Panel title={<span class="verdict">{poll.title ?? poll.poll}</span>} beside={beside} action={vote}>
      <div class="panel-body">
        <p class="poll-lead">{lead(poll)}</p>
        <ul>
          {results.map((result) => (
            <Option key={result.option} result={result} total={poll.total} most={results[0]!.votes} />
          ))}
        </ul>
        <p class="muted">
          {totalWords(poll.total)}
          {through_s != null && (
            <>
              {' · '}
              <span class="whole">
                <Shape is="disc" /> live, <TimeOf s={through_s} text={clock(through_s)} />
              </span>
            </>
          )}
        </p>
      </div>
    </Panel>
  );
}
