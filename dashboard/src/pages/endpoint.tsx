// One endpoint: how often, how it failed, how long it took, and when it was worst.

import { useEffect } from 'preact/hooks';
import type { Endpoint } from '../api/answers';
import { Refused, address } from '../api/client';
import { useReading } from '../api/reading';
import { ErrorsChart } from '../chart/errors-chart';
import { LatencyChart } from '../chart/latency-chart';
import { RateChart } from '../chart/rate-chart';
import { cursor } from '../chart/timeline';
import { useTimeline } from '../chart/use-timeline';
import { asksFor } from '../compare';
import { ByApi } from '../endpoint/by-api';
import { Header } from '../endpoint/header';
import { HeatPanel } from '../endpoint/heat-panel';
import { Headline } from '../endpoint/headline';
import { WorstHours } from '../endpoint/worst-hours';
import { seconds } from '../format/times';
import { Coarse, NoRequests, NothingBefore } from '../overview/notes';
import { Controls } from '../shell/controls';
import { Failed, LoadingChart, Statement } from '../shell/states';
import { useTitle } from '../title';
import type { View } from '../view';
import { asked, bounds, liveEvery, usePlace } from '../view';
import { useWidth } from '../width';

export function EndpointPage({ id }: { id: string }) {
  const { view } = usePlace();
  const path = address(`/v1/endpoints/${id}`, { ...asked(view), compare: asksFor(view)?.by });
  const reading = useReading<Endpoint>(path, liveEvery(view));
  const { answer, error } = reading;
  useTitle(answer ? `${answer.method} ${answer.route}` : 'Endpoint');
  useEffect(() => () => void (cursor.value = null), []);
  const from_s = seconds(answer?.from);
  const to_s = seconds(answer?.to);
  const shown = view.range || from_s == null || to_s == null || reading.path !== path ? bounds(view, Math.ceil(Date.now() / 60_000) * 60) : { from_s, to_s };
  const unknown = error instanceof Refused && error.status === 404;
  return (
    <>
      <Header answer={answer} id={id} path={path} view={view} unknown={unknown} />
      <Controls view={view} bounds={shown} />
      {unknown && <Unknown id={id} />}
      {error != null && !unknown && (
        <section class={`panel ${answer ? 'stale' : ''}`}>
          <Failed what={answer ? 'The newest answer' : 'This endpoint'} error={error} path={path} again={reading.again} />
        </section>
      )}
      {answer && !unknown && (
        <div class={reading.old ? 'old' : ''}>
          <Answered answer={answer} view={view} path={path} at_ms={reading.at_ms} />
        </div>
      )}
      {!answer && !error && reading.bars && <LoadingChart height={600} />}
    </>
  );
}

function Unknown({ id }: { id: string }) {
  const all = (
    <a class="button small" href="/">
      All endpoints
    </a>
  );
  return (
    <Statement title={`Nothing was ever counted for ${id}.`} action={all}>
      The link may be of another Tally.
    </Statement>
  );
}

interface AnsweredProps {
  answer: Endpoint;
  view: View;
  path: string;
  at_ms: number;
}

function Answered({ answer, view, path, at_ms }: AnsweredProps) {
  const width = useWidth();
  const comparison = asksFor(view);
  const compared = comparison !== null && answer.before !== null;
  const before = compared ? answer.before_series : null;
  const line = useTimeline(answer, at_ms);
  const name = comparison?.legend ?? '';
  const charts = { line, series: answer.series, before, beforeName: name, marks: answer.marks };
  if (answer.summary.requests === 0) return <NoRequests answer={answer} lastAt={answer.last_request_at} />;
  return (
    <>
      <Headline answer={answer} compared={compared} />
      {comparison && !compared && <NothingBefore firstAt={answer.first_request_at} />}
      <Coarse answer={answer} view={view} />
      <div class="columns gap">
        <div class="pile">
          <RateChart {...charts} height={110} failures={0} />
          <ErrorsChart line={line} series={answer.series} marks={answer.marks} height={110} />
        </div>
        <LatencyChart {...charts} title="Latency quantiles" log={view.log} height={width === 'phone' ? 200 : 318} />
      </div>
      <HeatPanel answer={answer} line={line} comparison={compared ? comparison : null} width={width} />
      <div class="columns gap">
        <WorstHours hours={answer.worst_hours} />
        <ByApi answer={answer} path={path} />
      </div>
    </>
  );
}
