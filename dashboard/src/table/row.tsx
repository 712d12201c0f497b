import type { VNode } from 'preact';
import type { Change } from '../format/change';
import { countChange, quantileChange, ratioChange } from '../format/change';
import { THIN, count, duration, ratio, words } from '../format/numbers';
import { Amount } from '../format/quantity';
import type { Width } from '../width';
import type { Endpoints } from './endpoints';
import { cell, shareOf } from './endpoints';
import { ClassBar, LatencyStrip } from './pictures';
import { Route } from './route';
import { Sparkline } from './sparkline';
import type { Trend } from './sparklines';

export interface RowProps {
  rows: Endpoints;
  row: number;
  /** Place in the order, from 0. */
  index: number;
  top_px: number;
  width: Width;
  href: string;
  trend: Trend | null;
}

/** A change, marked where it is for the worse. */
function Changed({ change }: { change: Change }) {
  return change.worse ? <b class="worse">▲{THIN}{change.text}</b> : <span class={change.same ? 'muted' : ''}>{change.text}</span>;
}

function ErrorRatio({ rows, row }: { rows: Endpoints; row: number }) {
  const now = shareOf(rows.status['5xx'], rows.requests, row);
  const before = rows.compared ? shareOf(rows.before5xx, rows.beforeRequests, row) : null;
  const { worse } = ratioChange(now, before, rows.requests[row]!);
  if (!worse) return <Amount of={ratio(now)} />;
  return (
    <b class="worse">
      ▲{THIN}
      {words(ratio(now))}
    </b>
  );
}

interface NameProps {
  rows: Endpoints;
  row: number;
  href: string;
  /** Method and service under the route, not beside it. */
  under: boolean;
  breaks: boolean;
}

function Name({ rows, row, href, under, breaks }: NameProps) {
  const method = <span class="method">{rows.method[row]}</span>;
  // A link says its method too: a route alone may be several endpoints.
  const link = (
    <a href={href} title={`${rows.method[row]} ${rows.route[row]}`}>
      {under ? <span class="unseen">{rows.method[row]} </span> : method}
      {!under && ' '}
      <Route of={rows.route[row]!} breaks={breaks} />
    </a>
  );
  const service = <span class="muted">{rows.service[row]}</span>;
  return (
    <div class="cell name" role="cell">
      {under ? [link, <span class="under"><span aria-hidden="true">{method}</span> {service}</span>] : [link, service]}
    </div>
  );
}

function Middle({ rows, row }: { rows: Endpoints; row: number }) {
  return (
    <>
      <div class="cell classes" role="cell">
        <ClassBar rows={rows} row={row} />
      </div>
      <div class="cell" role="cell">
        <LatencyStrip rows={rows} row={row} />
      </div>
      <div class="cell number" role="cell">
        <Amount of={duration(cell(rows.p50, row))} />
      </div>
      <div class="cell number" role="cell">
        <Amount of={duration(cell(rows.p95, row))} />
      </div>
    </>
  );
}

/** A press anywhere on a row opens it; a link in it does so by itself, and selecting its text is not a press. */
function open(event: MouseEvent): void {
  if ((event.target as Element).closest('a') || getSelection()?.type === 'Range') return;
  (event.currentTarget as Element).querySelector('a')?.click();
}

/** The same element for the same row, which Preact then leaves alone: scrolling draws only the rows that come into view. */
export class DrawnRows {
  private drawn = new Map<string, { props: RowProps; element: VNode }>();

  row(id: string, props: RowProps): VNode {
    const old = this.drawn.get(id);
    if (old && same(old.props, props)) return old.element;
    const element = <Row key={id} {...props} />;
    this.drawn.set(id, { props, element });
    return element;
  }

  /** Forgets all but these. */
  keep(ids: string[]): void {
    const kept = new Set(ids);
    for (const id of this.drawn.keys()) if (!kept.has(id)) this.drawn.delete(id);
  }
}

function same(a: RowProps, b: RowProps): boolean {
  return (Object.keys(a) as (keyof RowProps)[]).every((name) => a[name] === b[name]);
}

function Row({ rows, row, index, top_px, width, href, trend }: RowProps) {
  const requests = rows.requests[row]!;
  return (
    <div
      class="row"
      role="row"
      aria-rowindex={index + 2}
      data-row={index}
      style={{ transform: `translateY(${top_px}px)` }}
      onClick={open}
    >
      <Name rows={rows} row={row} href={href} under={width !== 'desk'} breaks={width === 'phone'} />
      {width !== 'phone' && (
        <div class="cell" role="cell">
          <Sparkline trend={trend} />
        </div>
      )}
      <div class="cell number" role="cell">
        <Amount of={count(requests)} />
      </div>
      {width === 'desk' && rows.compared && (
        <div class="cell number muted growth" role="cell">
          {countChange(requests, cell(rows.beforeRequests, row)).text}
        </div>
      )}
      <div class="cell number" role="cell">
        <ErrorRatio rows={rows} row={row} />
      </div>
      {width === 'desk' && <Middle rows={rows} row={row} />}
      <div class="cell number" role="cell">
        <Amount of={duration(cell(rows.p99, row))} />
      </div>
      {width !== 'phone' && rows.compared && (
        <div class="cell number change" role="cell">
          <Changed change={quantileChange(cell(rows.p99, row), cell(rows.beforeP99, row), requests)} />
        </div>
      )}
    </div>
  );
}
