// A panel around a chart: title, what the cursor reads, and behind the chart the same numbers as a table.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Panel } from '../shell/panel';
import type { Column as TableColumn } from '../shell/small-table';
import { Table } from '../shell/small-table';
import { ChartBody } from './chart-body';
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
  const [turned, set] = useState(false);
  return (
    <Panel title={title} beside={beside} class="chart-panel">
      <ChartBody title={title} turned={turned} turn={() => set(!turned)} numbers={() => <Numbers line={line} columns={columns} />}>
        {children}
      </ChartBody>
    </Panel>
  );
}

function Numbers({ line, columns }: { line: Timeline; columns: Column[] }) {
  const time: TableColumn<number> = { name: 'Time', cell: (step) => stepText(line, step) };
  const numbers = columns.map(({ name, text }) => ({ name, class: 'number', cell: text }));
  return <Table columns={[time, ...numbers]} rows={line.start_s.map((_, step) => step)} id={(step) => line.start_s[step]!} />;
}
