// Everything at a glance: six figures, what got worse, two charts, and the table of endpoints.

import { useEffect, useMemo } from 'preact/hooks';
import type { EndpointRows, Overview } from '../api/answers';
import { address } from '../api/client';
import type { Reading } from '../api/reading';
import { useReading } from '../api/reading';
import { LatencyChart } from '../chart/latency-chart';
import { RateChart } from '../chart/rate-chart';
import { cursor } from '../chart/timeline';
import { useTimeline } from '../chart/use-timeline';
import { asksFor } from '../compare';
import { seconds } from '../format/times';
import { ChangedMost } from '../overview/changed-most';
import { Headline } from '../overview/headline';
import { Coarse, NoRequests, NothingBefore } from '../overview/notes';
import { Controls } from '../shell/controls';
import { Panel } from '../shell/panel';
import { Failed, Loading, LoadingChart } from '../shell/states';
import { EndpointTable } from '../table/endpoint-table';
import { endpointsOf } from '../table/endpoints';
import { useTitle } from '../title';
import type { View } from '../view';
import { asked, bounds, liveEvery, usePlace, windowSeconds } from '../view';
import { FirstRunPage } from './first-run';

/** Rows in the first answer; the rest of thousands follows. */
const FIRST_ROWS = 200;
const MOST_ROWS = 10_000;
/** The whole table is many kilobytes. */
const REST_MS = 5_000;

export function OverviewPage() {
  const { view } = usePlace();
  const by = asksFor(view)?.by;
  const window = asked(view);
  const path = address('/v1/overview', { ...window, compare: by, limit: FIRST_ROWS });
  const reading = useReading<Overview>(path, liveEvery(view));
  const answer = reading.answer;
  const more = (answer?.endpoints_total ?? 0) > FIRST_ROWS;
  const restPath = more ? address('/v1/endpoints', { ...window, compare: by, format: 'columns', limit: MOST_ROWS }) : null;
  const rest = useReading<EndpointRows>(restPath, REST_MS);
  useTitle('Overview');
  useEffect(() => () => void (cursor.value = null), []);

  if (answer && !answer.first_request_at && !answer.last_request_at && answer.summary.requests === 0 && !view.range) return <FirstRunPage />;
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Controls view={view} bounds={shownBounds(reading, path, view)} />
      {answer ? (
        <div class={reading.old ? 'old' : ''}>
          <Answered answer={answer} rest={rest.path === restPath ? rest.answer : null} view={view} at_ms={reading.at_ms} failed={reading} />
        </div>
      ) : reading.error ? (
        <section class="panel">
          <Failed what="The overview" error={reading.error} path={path} again={reading.again} />
        </section>
      ) : (
        <Waiting bars={reading.bars} compared={by !== undefined} />
      )}
      <Foot />
    </>
  );
}

/** The bounds the numbers on screen are of; before there are any, those asked for. */
function shownBounds(reading: Reading<Overview>, path: string, view: View) {
  const from_s = seconds(reading.answer?.from);
  const to_s = seconds(reading.answer?.to);
  if (view.range || from_s == null || to_s == null || reading.path !== path) return bounds(view, Math.ceil(Date.now() / 60_000) * 60);
  return { from_s, to_s };
}

interface AnsweredProps {
  answer: Overview;
  rest: EndpointRows | null;
  view: View;
  at_ms: number;
  failed: Reading<Overview>;
}

function Answered({ answer, rest, view, at_ms, failed }: AnsweredProps) {
  const comparison = asksFor(view);
  const compared = comparison !== null && answer.before !== null;
  const before = compared ? answer.before_series : null;
  const line = useTimeline(answer, at_ms);
  const rows = useMemo(() => endpointsOf(rest?.rows ?? answer.rows), [rest, answer.rows]);
  const window_s = windowSeconds(view);
  const name = comparison?.legend ?? '';
  const none = answer.summary.requests === 0;
  return (
    <>
      {failed.error != null && <Stale reading={failed} />}
      <Headline answer={answer} compared={compared} />
      {comparison && !compared && <NothingBefore firstAt={answer.first_request_at} />}
      <Coarse answer={answer} view={view} />
      {compared && <ChangedMost changed={answer.changed} period={comparison.period} view={view} window_s={window_s} />}
      {none && <NoRequests answer={answer} lastAt={answer.last_request_at} />}
      <div class="columns gap">
        <RateChart line={line} series={answer.series} before={before} beforeName={name} marks={answer.marks} height={150} failures={46} />
        <LatencyChart
          title="Latency"
          line={line}
          series={answer.series}
          before={before}
          beforeName={name}
          marks={answer.marks}
          log={view.log}
          height={210}
        />
      </div>
      <div class="gap">
        <EndpointTable
          rows={rows}
          view={view}
          services={answer.services}
          total={answer.endpoints_total}
          since_s={seconds(answer.first_request_at)}
        />
      </div>
    </>
  );
}

/** The old numbers stay; what went wrong with the new ones stands over them. */
export function Stale({ reading }: { reading: Reading<unknown> }) {
  return (
    <section class="panel stale">
      <Failed what="The newest answer" error={reading.error} path={reading.path ?? ''} again={reading.again} />
    </section>
  );
}

/** Grey bars where the numbers will stand. */
function Waiting({ bars, compared }: { bars: boolean; compared: boolean }) {
  return (
    <div class={bars ? '' : 'not-yet'}>
      <div class="figures waiting" aria-hidden="true">
        {Array.from({ length: 6 }, (_, i) => (
          <div class="figure" key={i}>
            <i />
            <i />
          </div>
        ))}
      </div>
      {compared && (
        <section class="panel changed" aria-hidden="true">
          <h2>Changed most</h2>
          <Loading rows={3} />
        </section>
      )}
      <div class="columns gap">
        <Panel title="Requests per second">
          <div class="panel-body">
            <LoadingChart height={238} />
          </div>
        </Panel>
        <Panel title="Latency">
          <div class="panel-body">
            <LoadingChart height={238} />
          </div>
        </Panel>
      </div>
      <Panel title="Endpoints" class="gap">
        <div class="panel-body">
          <Loading rows={12} />
        </div>
      </Panel>
    </div>
  );
}

export function Foot() {
  return (
    <p class="foot">
      <span>Quantiles are merged from sketches, never averaged: true within 1{'\u202f'}% for any window.</span>
      <span>– means no requests; 0 means counted, and zero.</span>
      <span>
        <a href="/states">All states of this page</a>
      </span>
    </p>
  );
}
