import type { ComponentChildren } from 'preact';
import type { Width } from '../width';
import type { Sort, SortName } from './order';
import { clicked } from './order';
import { StripAxis } from './pictures';

interface HeadProps {
  sort: Sort;
  compared: boolean;
  width: Width;
  onSort: (sort: Sort) => void;
}

interface SortedProps extends HeadProps {
  by: SortName;
  looks?: string;
  children: ComponentChildren;
}

function Sorted({ by, sort, onSort, looks = 'number', children }: SortedProps) {
  const on = sort.by === by;
  const direction = on ? (sort.descending ? 'descending' : 'ascending') : undefined;
  return (
    <div class={`cell ${looks}`} role="columnheader" aria-sort={direction}>
      <button type="button" onClick={() => onSort(clicked(sort, by))}>
        {children}
        {on && <span aria-hidden="true">{sort.descending ? ' ↓' : ' ↑'}</span>}
      </button>
    </div>
  );
}

/** The table's header: it stays on screen, and a press sorts. */
export function Head(props: HeadProps) {
  const { width, compared } = props;
  const desk = width === 'desk';
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      <Sorted {...props} by="endpoint" looks="">
        Endpoint
      </Sorted>
      {width !== 'phone' && (
        <div class="cell" role="columnheader" title="Requests over the window, each row on its own scale; marks below: 5xx above 1 %">
          Trend
        </div>
      )}
      <Sorted {...props} by="requests">
        Requests
      </Sorted>
      {desk && compared && (
        <Sorted {...props} by="change" looks="number growth">
          Change
        </Sorted>
      )}
      <Sorted {...props} by="errors">
        {width === 'phone' ? '5xx' : 'Error ratio'}
      </Sorted>
      {desk && (
        <>
          <div class="cell classes" role="columnheader">
            Status classes
          </div>
          <div class="cell" role="columnheader" title="ring p50, bar to p95, tick p99; one log axis for all rows">
            <span class="unseen">p50, p95 and p99 on one logarithmic axis</span>
            <StripAxis />
          </div>
          <Sorted {...props} by="p50">
            p50
          </Sorted>
          <Sorted {...props} by="p95">
            p95
          </Sorted>
        </>
      )}
      <Sorted {...props} by="p99">
        p99
      </Sorted>
      {width !== 'phone' && compared && (
        <Sorted {...props} by="p99_change">
          p99 change
        </Sorted>
      )}
    </div>
  );
}
