import { useState } from 'preact/hooks';
import type { Reports } from '../api/answers';
import { sentenceOf } from '../api/client';
import { useReading } from '../api/reading';
import { utc } from '../format/times';
import { Kept } from '../reports/kept';
import { makeReport, type Asked } from '../reports/make';
import { say } from '../shell/say';
import { Panel } from '../shell/panel';
import { asked, here } from '../view';
import { useTitle } from '../title';

/** Reports are made by people and once a day. */
const EVERY_MS = 10_000;
const PATH = '/v1/reports';

/** What the API is told to report: the window as it is now, fixed. */
function reportOf(): Asked {
  const { from, to } = asked(here().view);
  return { from, to: to ?? utc(Date.now() / 1000) };
}

function Make({ made }: { made: () => void }) {
  const [state, set] = useState<{ busy: boolean; problem: string | null }>({ busy: false, problem: null });
  const press = async () => {
    set({ busy: true, problem: null });
    try {
      const report = await makeReport(reportOf());
      set({ busy: false, problem: null });
      say(`Report ${report.name} made`);
    } catch (error) {
      set({ busy: false, problem: sentenceOf(error) });
    }
    made();
  };
  return (
    <>
      {state.problem && (
        <span class="bad" role="alert">
          {state.problem}
        </span>
      )}
      <button type="button" class="button first" onClick={press} disabled={state.busy}>
        {state.busy ? 'Making the report…' : 'Make a report of this window'}
      </button>
    </>
  );
}

function Recipe({ title, says, command }: { title: string; says: string; command: string }) {
  return (
    <Panel title={title}>
      <div class="panel-body">
        <p class="secondary">{says}</p>
        <pre tabIndex={0} aria-label={title}>
          {command}
        </pre>
      </div>
    </Panel>
  );
}

/** Reports that are kept, and how to make one. */
export function ReportsPage() {
  useTitle('Reports');
  const reports = useReading<Reports>(PATH, EVERY_MS, EVERY_MS);
  return (
    <>
      <div class="bar">
        <h1 class="title">Reports</h1>
        <span class="space" />
        <Make made={reports.again} />
      </div>
      <Kept reading={reports} path={PATH} />
      <div class="columns gap">
        <Recipe
          title="Every day"
          says="The chart’s CronJob runs this after midnight UTC; the files lie on the reports volume."
          command="tally report --daily"
        />
        <Recipe
          title="Any window, by hand"
          says="The same file from a terminal."
          command={'tally report --from 02:40 --to 04:10 \\\n  --service payments --out incident.html'}
        />
      </div>
    </>
  );
}
