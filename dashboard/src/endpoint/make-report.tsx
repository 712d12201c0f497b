import { useState } from 'preact/hooks';
import type { Endpoint } from '../api/answers';
import { Refused, send } from '../api/client';
import { say } from '../shell/say';

type Stage = 'ready' | 'making' | 'made' | { failed: string };

/** A report of this window and service, kept with the others. */
export function MakeReport({ answer }: { answer: Endpoint }) {
  const [stage, set] = useState<Stage>('ready');
  const make = async () => {
    set('making');
    try {
      await send('POST', '/v1/reports', { from: answer.from, to: answer.to, service: answer.service });
      set('made');
      say('The report is made');
    } catch (error) {
      set({ failed: error instanceof Refused ? (error.problem?.detail ?? error.message) : 'The answer could not be read.' });
    }
  };
  if (stage === 'made') {
    return (
      <a class="button on-wide" href="/reports">
        Report made: open Reports
      </a>
    );
  }
  return (
    <>
      {typeof stage === 'object' && (
        <span class="bad" role="alert">
          No report: {stage.failed}
        </span>
      )}
      <button type="button" class="button on-wide" disabled={stage === 'making'} onClick={make}>
        {stage === 'making' ? 'Making a report …' : 'Make a report'}
      </button>
    </>
  );
}
