import { useState } from 'preact/hooks';
import type { Endpoint } from '../api/answers';
import { sentenceOf } from '../api/client';
import { makeReport } from '../reports/make';
import { say } from '../shell/say';

type Stage = 'ready' | 'making' | 'made' | { failed: string };

/** A report of this window and service, kept with the others. */
export function MakeReport({ answer }: { answer: Endpoint }) {
  const [stage, set] = useState<Stage>('ready');
  const make = async () => {
    set('making');
    try {
      await makeReport({ from: answer.from, to: answer.to, service: answer.service });
      set('made');
      say('The report is made');
    } catch (error) {
      set({ failed: sentenceOf(error) });
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
