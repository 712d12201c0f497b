// A panel around a chart: title, what the cursor reads, and behind the chart the same numbers as a table.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Panel } from '../shell/panel';
import type { Column as TableColumn } from '../shell/small-table';
import { Table } from '../shell/small-table';
import type { Timeline } from './timeline';
import { stepText } from './timeline';

export interface Column {
  name: string;
  text: (step: number) => string;
}

interface ChartPanelProps {
  title: string;
  line: Timeline;
  columns: Column[];
  beside: ComponentChildren;
  children: ComponentChildren;
}

export function ChartPanel({ title, line, columns, beside, children }: ChartPanelProps) {
  const [table, set] = useState(false);
  return (
    <Panel title={title} beside={beside} class="chart-panel">
      <div class="panel-body chart-body">
        {table ? <Numbers title={title} line={line} columns={columns} /> : children}
        <button
          type="button"
          class="behind"
          aria-pressed={table}
          aria-label={`${title}: show as table`}
          title={table ? 'Show as chart' : 'Show as table'}
          onClick={() => set(!table)}
        >
          <TableSign />
        </button>
      </div>
    </Panel>
  );
}

function TableSign() {
  return (
    <svg width="13" height="11" viewBox="0 0 13 11" fill="none" stroke="currentColor" aria-hidden="true">
      <path d="M.5.5h12v10H.5zM.5 3.5h12M.5 7h12M4.5 3.5v7" />
    </svg>
  );
}

function Numbers({ title, line, columns }: { title: string; line: Timeline; columns: Column[] }) {
  const time: TableColumn<number> = { name: 'Time', cell: (step) => stepText(line, step) };
  const numbers = columns.map(({ name, text }) => ({ name, class: 'number', cell: text }));
  return (
    <div class="numbers" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
      <Table columns={[time, ...numbers]} rows={line.start_s.map((_, step) => step)} id={(step) => line.start_s[step]!} />
    </div>
  );
}
