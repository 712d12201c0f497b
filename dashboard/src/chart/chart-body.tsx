// A chart, and behind it the same numbers as a table.

import type { ComponentChildren } from 'preact';

interface ChartBodyProps {
  title: string;
  /** Whether the table is shown. */
  turned: boolean;
  turn: () => void;
  numbers: () => ComponentChildren;
  children: ComponentChildren;
}

export function ChartBody({ title, turned, turn, numbers, children }: ChartBodyProps) {
  return (
    <div class="panel-body chart-body">
      {turned ? (
        <div class="numbers" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          {numbers()}
        </div>
      ) : (
        children
      )}
      <button
        type="button"
        class="behind"
        aria-pressed={turned}
        aria-label={`${title}: show as table`}
        title={turned ? 'Show as chart' : 'Show as table'}
        onClick={turn}
      >
        <TableSign />
      </button>
    </div>
  );
}

function TableSign() {
  return (
    <svg width="13" height="11" viewBox="0 0 13 11" fill="none" stroke="currentColor" aria-hidden="true">
      <path d="M.5.5h12v10H.5zM.5 3.5h12M.5 7h12M4.5 3.5v7" />
    </svg>
  );
}
