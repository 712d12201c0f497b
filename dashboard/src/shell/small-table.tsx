// A table of few rows, all of them drawn; the table of endpoints is another thing. A column says once what its head and its
// cells are.

import type { ComponentChildren } from 'preact';
import type { Reading } from '../api/reading';
import { Failed, Loading } from './states';

export interface Column<T> {
  name: string;
  /** Of head and cells: `number`; `on-desk`, `on-wide`, where there is no room on less. */
  class?: string;
  /** Of cells only: `secondary`, `long`. */
  cells?: string;
  title?: string;
  /** For who listens: over buttons, that say what they do. */
  unseen?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface TableProps<T> {
  columns: Column<T>[];
  rows: T[];
  /** What tells a row from the others while numbers change. */
  id: (row: T) => string | number;
}

export function Table<T>({ columns, rows, id }: TableProps<T>) {
  return (
    <table>
      <thead>
        <tr>
          {columns.map(({ name, class: both, title, unseen }) => (
            <th key={name} scope="col" class={both} title={title}>
              {unseen ? <span class="unseen">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={id(row)}>
            {columns.map(({ name, class: both = '', cells = '', cell }) => (
              <td key={name} class={`${both} ${cells}`.trim() || undefined}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface SmallTableProps<T> extends TableProps<T> {
  /** What is said where there is no row. */
  nothing?: ComponentChildren;
}

/** A panel's table. */
export function SmallTable<T>({ nothing, ...table }: SmallTableProps<T>) {
  return table.rows.length || !nothing ? (
    <div class="table-room">
      <Table {...table} />
    </div>
  ) : (
    <div class="panel-body">{nothing}</div>
  );
}

interface ReadTableProps<A, T> {
  reading: Reading<A>;
  path: string;
  /** `This list`, where it did not load. */
  what?: string;
  /** How many rows of grey bars stand for what comes. */
  bars: number;
  columns: Column<T>[];
  rows: (answer: A) => T[];
  id: (row: T) => string | number;
  nothing: (answer: A) => ComponentChildren;
}

/** A panel's table of what was read; until then that it loads, or did not. */
export function ReadTable<A, T>({ reading, path, what = 'This table', bars, columns, rows, id, nothing }: ReadTableProps<A, T>) {
  const { answer, error, again } = reading;
  if (answer) return <SmallTable columns={columns} rows={rows(answer)} id={id} nothing={nothing(answer)} />;
  return (
    <div class="panel-body">
      {error ? <Failed what={what} error={error} path={path} again={again} /> : reading.bars && <Loading rows={bars} />}
    </div>
  );
}
