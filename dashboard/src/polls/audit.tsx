import type { Votes } from '../api/answers';
import type { Reading } from '../api/reading';
import { NONE } from '../format/numbers';
import { Ago } from '../format/time-of';
import { Panel } from '../shell/panel';
import type { Column } from '../shell/small-table';
import { ReadTable } from '../shell/small-table';
import { Statement } from '../shell/states';

type Vote = Votes['votes'][number];

function verdict({ changed_from }: Vote) {
  return changed_from ? <span class="secondary">changed from {changed_from}</span> : <span class="whole">counted</span>;
}

const COLUMNS: Column<Vote>[] = [
  { name: 'Time', cell: ({ at }) => <Ago at={at} /> },
  { name: 'Poll', cells: 'long', cell: ({ poll }) => poll },
  { name: 'Option', cells: 'long', cell: ({ option }) => option },
  { name: 'Voter', class: 'on-wide', cell: ({ voter }) => <code>{voter ?? NONE}</code> },
  { name: 'Verdict', cells: 'long', cell: verdict },
];

/** The last votes as they were cast; voters are shortened, so that nobody is named. */
export function Audit({ reading, path }: { reading: Reading<Votes>; path: string }) {
  return (
    <Panel title="The last changes" beside={<span class="muted">audit of votes</span>}>
      <ReadTable
        reading={reading}
        path={path}
        bars={3}
        columns={COLUMNS}
        rows={({ votes }) => votes}
        id={(vote) => `${vote.at} ${vote.poll} ${vote.voter} ${vote.option}`}
        nothing={() => <Statement title="No votes yet.">Each vote is listed here as it is counted.</Statement>}
      />
    </Panel>
  );
}
