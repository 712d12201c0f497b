import type { Votes } from '../api/answers';
import type { Reading } from '../api/reading';
import { NONE } from '../format/numbers';
import { TimeOf } from '../format/time-of';
import { seconds, since } from '../format/times';
import { Panel } from '../shell/panel';
import { Failed, Loading, Statement } from '../shell/states';

type Vote = Votes['votes'][number];

function Row({ vote }: { vote: Vote }) {
  const at_s = seconds(vote.at);
  return (
    <tr>
      <td>{at_s == null ? NONE : <TimeOf s={at_s} text={since(at_s)} />}</td>
      <td class="long">{vote.poll}</td>
      <td class="long">{vote.option}</td>
      <td class="on-wide">
        <code>{vote.voter ?? NONE}</code>
      </td>
      <td class={vote.changed_from ? 'long secondary' : ''}>{vote.changed_from ? `changed from ${vote.changed_from}` : 'counted'}</td>
    </tr>
  );
}

function Table({ votes }: { votes: Vote[] }) {
  return (
    <div class="table-room">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Poll</th>
            <th scope="col">Option</th>
            <th scope="col" class="on-wide">
              Voter
            </th>
            <th scope="col">Verdict</th>
          </tr>
        </thead>
        <tbody>
          {votes.map((vote) => (
            <Row key={`${vote.at} ${vote.poll} ${vote.voter} ${vote.option}`} vote={vote} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The last votes as they were cast; voters are shortened, so that nobody is named. */
export function Audit({ reading, path }: { reading: Reading<Votes>; path: string }) {
  const { answer, error, bars, again } = reading;
  return (
    <Panel title="The last changes" beside={<span class="muted">audit of votes</span>}>
      {answer?.votes.length ? (
        <Table votes={answer.votes} />
      ) : (
        <div class="panel-body">
          {answer ? (
            <Statement title="No votes yet.">Each vote is listed here as it is counted.</Statement>
          ) : error ? (
            <Failed what="This table" error={error} path={path} again={again} />
          ) : (
            bars && <Loading rows={3} />
          )}
        </div>
      )}
    </Panel>
  );
}
