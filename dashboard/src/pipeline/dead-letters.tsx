// What was set aside, by reason; a redrive asks a consumer to count what can be counted now.

import { useState } from 'preact/hooks';
import type { DeadLetterReason, DeadLetterReasons } from '../api/answers';
import { send, sentenceOf } from '../api/client';
import type { Reading } from '../api/reading';
import { TimeOf } from '../format/time-of';
import { counted, grouped, NONE } from '../format/numbers';
import { seconds, since } from '../format/times';
import { Panel } from '../shell/panel';
import { say } from '../shell/say';
import { Failed, Loading, Statement } from '../shell/states';

const DOWNLOAD = '/v1/dead-letters?format=ndjson';

/** How a redrive of this reason went, or goes. */
function outcome(redrive: NonNullable<DeadLetterReason['redrive']>): string {
  if (!redrive.done_at) return `Redriving: ${grouped(redrive.redriven)} counted so far.`;
  if (!redrive.refused) return `${counted(redrive.redriven, 'event')} counted by the last redrive.`;
  return `Last redrive: ${grouped(redrive.redriven)} counted, ${grouped(redrive.refused)} still cannot be.`;
}

function Redrive({ reason, again }: { reason: DeadLetterReason; again: () => void }) {
  const [problem, tell] = useState<string | null>(null);
  const running = reason.redrive != null && !reason.redrive.done_at;
  const press = async () => {
    try {
      await send('POST', '/v1/dead-letters/redrive', { reason: reason.reason });
      tell(null);
      say(`Redrive of ${reason.text} asked for`);
    } catch (error) {
      tell(sentenceOf(error));
    }
    again();
  };
  if (!reason.redrivable) return <span class="muted">kept for reading</span>;
  return (
    <>
      <button type="button" class="button small" onClick={press} disabled={running} aria-label={`Redrive: ${reason.text}`}>
        {running ? 'Redriving…' : 'Redrive'}
      </button>
      {problem && <p class="bad">{problem}</p>}
    </>
  );
}

function Row({ reason, again }: { reason: DeadLetterReason; again: () => void }) {
  const last_s = seconds(reason.last_at);
  return (
    <tr>
      <td class="long">
        {reason.text}
        {reason.redrive && <div class="muted">{outcome(reason.redrive)}</div>}
      </td>
      <td class="number">{grouped(reason.events)}</td>
      <td class="on-desk secondary">{reason.services.join(', ') || NONE}</td>
      <td class="on-desk secondary">{last_s == null ? NONE : <TimeOf s={last_s} text={since(last_s)} />}</td>
      <td class="on-wide">{reason.sample ? <code class="sample">{reason.sample}</code> : NONE}</td>
      <td class="number">
        <Redrive reason={reason} again={again} />
      </td>
    </tr>
  );
}

function Table({ reasons, again }: { reasons: DeadLetterReason[]; again: () => void }) {
  return (
    <div class="table-room">
      <table>
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col" class="number">
              Events
            </th>
            <th scope="col" class="on-desk">
              Service
            </th>
            <th scope="col" class="on-desk">
              Last
            </th>
            <th scope="col" class="on-wide">
              Sample
            </th>
            <th scope="col">
              <span class="unseen">Redrive</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {reasons.map((reason) => (
            <Row key={reason.reason} reason={reason} again={again} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function summary(answer: DeadLetterReasons): string {
  return `${counted(answer.events, 'event')} in ${counted(answer.reasons.length, 'reason')}; each is kept with its payload`;
}

export function DeadLetters({ reading, path }: { reading: Reading<DeadLetterReasons>; path: string }) {
  const { answer, error, bars, again } = reading;
  const download = answer && answer.reasons.length > 0 && (
    <a class="button small on-wide" href={DOWNLOAD} download="dead-letters.ndjson">
      Download NDJSON
    </a>
  );
  const beside = answer && answer.reasons.length > 0 && <span class="muted">{summary(answer)}</span>;
  return (
    <Panel title="Dead letters" beside={beside} action={download}>
      {answer?.reasons.length ? (
        <Table reasons={answer.reasons} again={again} />
      ) : (
        <div class="panel-body">
          {answer ? (
            <Statement title="No dead letters.">Every event that was accepted could be counted.</Statement>
          ) : error ? (
            <Failed what="This table" error={error} path={path} again={again} />
          ) : (
            bars && <Loading rows={2} />
          )}
        </div>
      )}
    </Panel>
  );
}
