// What was set aside, by reason; a redrive asks a consumer to count what can be counted now.

import { useState } from 'preact/hooks';
import type { DeadLetterReason, DeadLetterReasons } from '../api/answers';
import { send, sentenceOf } from '../api/client';
import type { Reading } from '../api/reading';
import { Ago } from '../format/time-of';
import { counted, grouped, NONE } from '../format/numbers';
import { Panel } from '../shell/panel';
import { say } from '../shell/say';
import type { Column } from '../shell/small-table';
import { ReadTable } from '../shell/small-table';
import { Statement } from '../shell/states';

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

function Why({ reason }: { reason: DeadLetterReason }) {
  return (
    <>
      {reason.text}
      {reason.redrive && <div class="muted">{outcome(reason.redrive)}</div>}
    </>
  );
}

function columns(again: () => void): Column<DeadLetterReason>[] {
  return [
    { name: 'Reason', cells: 'long', cell: (reason) => <Why reason={reason} /> },
    { name: 'Events', class: 'number', cell: ({ events }) => grouped(events) },
    { name: 'Service', class: 'on-desk', cells: 'secondary', cell: ({ services }) => services.join(', ') || NONE },
    { name: 'Last', class: 'on-desk', cells: 'secondary', cell: ({ last_at }) => <Ago at={last_at} /> },
    { name: 'Sample', class: 'on-wide', cell: ({ sample }) => (sample ? <code class="sample">{sample}</code> : NONE) },
    { name: 'Redrive', unseen: true, cells: 'number', cell: (reason) => <Redrive reason={reason} again={again} /> },
  ];
}

function summary(answer: DeadLetterReasons): string {
  return `${counted(answer.events, 'event')} in ${counted(answer.reasons.length, 'reason')}; each is kept with its payload`;
}

export function DeadLetters({ reading, path }: { reading: Reading<DeadLetterReasons>; path: string }) {
  const { answer, again } = reading;
  const download = answer && answer.reasons.length > 0 && (
    <a class="button small on-wide" href={DOWNLOAD} download="dead-letters.ndjson">
      Download NDJSON
    </a>
  );
  const beside = answer && answer.reasons.length > 0 && <span class="muted">{summary(answer)}</span>;
  return (
    <Panel title="Dead letters" beside={beside} action={download}>
      <ReadTable
        reading={reading}
        path={path}
        bars={2}
        columns={columns(again)}
        rows={({ reasons }) => reasons}
        id={({ reason }) => reason}
        nothing={() => <Statement title="No dead letters.">Every event that was accepted could be counted.</Statement>}
      />
    </Panel>
  );
}
