import type { Polls, Votes } from '../api/answers';
import { useReading } from '../api/reading';
import { Audit } from '../polls/audit';
import { PollPanel } from '../polls/poll-panel';
import { Failed, Loading } from '../shell/states';
import { useTitle } from '../title';

/** Votes show within a second. */
const EVERY_MS = 500;
const POLLS_PATH = '/v1/polls';
const VOTES_PATH = '/v1/votes?limit=20';

/** Every poll with its result, live, and the audit of the last votes. */
export function PollsPage() {
  useTitle('Polls');
  const polls = useReading<Polls>(POLLS_PATH, EVERY_MS);
  const votes = useReading<Votes>(VOTES_PATH, EVERY_MS);
  const listed = polls.answer?.polls ?? [];
  const half = Math.ceil(listed.length / 2);
  const through = polls.answer?.counted_through ?? null;
  return (
    <>
      <div class="bar">
        <h1 class="title">Polls</h1>
        <span class="space" />
        <a class="button" href="/vote">
          Open the vote page
        </a>
      </div>
      <div class="columns">
        <div class="pile">
          {listed.slice(0, half).map((poll) => (
            <PollPanel key={poll.poll} poll={poll} through={through} />
          ))}
          {!polls.answer && (polls.bars || polls.error) && (
            <section class="panel">
              <div class="panel-body">
                {polls.error ? <Failed what="This list" error={polls.error} path={POLLS_PATH} again={polls.again} /> : <Loading />}
              </div>
            </section>
          )}
        </div>
        <div class="pile">
          {listed.slice(half).map((poll) => (
            <PollPanel key={poll.poll} poll={poll} through={through} />
          ))}
          <Audit reading={votes} path={VOTES_PATH} />
        </div>
      </div>
    </>
  );
}
