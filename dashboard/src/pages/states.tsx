// Every state once, with made-up moments: what a reader may meet, and what a change of style must not spoil.

import { useMemo } from 'preact/hooks';
import type { Series } from '../api/answers';
import { Refused } from '../api/client';
import type { Verdict } from '../api/verdict';
import { RateChart } from '../chart/rate-chart';
import type { Timeline } from '../chart/timeline';
import { DAY_S, HOUR_S, MINUTE_S, dateAndTime } from '../format/times';
import { Banner, UpgradeBanner, VerdictBanner } from '../shell/banner';
import { Panel } from '../shell/panel';
import { Failed, Loading, Statement } from '../shell/states';
import { Freshness } from '../shell/top-bar';
import { useTitle } from '../title';

function verdicts(now_s: number): Verdict[] {
  const through_s = now_s - 14 * MINUTE_S;
  return [
    { is: 'live', through_s: now_s },
    { is: 'waiting' },
    { is: 'reconnecting', as_of_s: now_s - 146, ago_s: 146, again_in_s: 4 },
    { is: 'behind', through_s, waiting: 1_204_311, catch_up_s: 3 * MINUTE_S },
    { is: 'halted', shards: [4], through_s, reason: 'the log lacks an entry' },
    { is: 'postgres', as_of_s: now_s - 146 },
    { is: 'redis', as_of_s: now_s - 146 },
  ];
}

/** An hour of minutes of which the last quarter is not counted yet. */
function behindLine(now_s: number): { line: Timeline; series: Series } {
  const from_s = Math.floor(now_s / MINUTE_S) * MINUTE_S - HOUR_S;
  const start_s = Array.from({ length: 60 }, (_, i) => from_s + i * MINUTE_S);
  const requests = start_s.map((_, i) => Math.round(60 * (1480 + 90 * Math.sin(i / 7) + 40 * Math.sin(i * 2.3))));
  const none = start_s.map(() => 0);
  const empty = start_s.map(() => null);
  return {
    line: { start_s, step_s: MINUTE_S, through_s: from_s + 46 * MINUTE_S, now_s },
    series: {
      start_s, requests, status_2xx: requests, status_3xx: none, status_4xx: none, status_5xx: none,
      p50: empty, p90: empty, p95: empty, p99: empty,
    },
  };
}

const late = new Refused('GET /v1/endpoints/17/series', 504, 10_000, null);

function Nothing({ now_s }: { now_s: number }) {
  const button = (text: string) => (
    <button type="button" class="button small">
      {text}
    </button>
  );
  return (
    <div class="panel-body pile">
      <Statement title="No endpoint matches “chrages”." action={button('Clear the filter')}>
        40 endpoints had requests in this window.
      </Statement>
      <Statement title="No requests between 03:00 and 03:05." action={button('Go there')}>
        Counting was complete, so this is a true zero. The last request was at 02:59:58.
      </Statement>
      <Statement title="Minutes are kept for 7 days.">This window is older; it is shown by the hour.</Statement>
      <Statement title="No earlier data to compare with.">Counting began on {dateAndTime(now_s - 3 * DAY_S - HOUR_S)}.</Statement>
    </div>
  );
}

export function StatesPage() {
  useTitle('States');
  const now_s = useMemo(() => Date.now() / 1000, []);
  const all = verdicts(now_s);
  return (
    <>
      <div class="bar">
        <h1 class="title">States</h1>
        <span class="muted">every banner, once; a page shows at most one, the worst</span>
      </div>
      <div class="panel pills">
        {all.map((verdict) => (
          <Freshness key={verdict.is} verdict={verdict} />
        ))}
      </div>
      {all.map((verdict) => (
        <VerdictBanner key={verdict.is} verdict={verdict} />
      ))}
      <Banner weight="warning" shape="ring" title="This key may not read.">
        It has the scope write. Ask for a key with the scope read.
      </Banner>
      <UpgradeBanner to="0.9.2" />
      <div class="columns gap">
        <div class="pile">
          <RateChart {...behindLine(now_s)} before={null} beforeName="" marks={[]} height={190} failures={0} />
          <Panel title="Latency">
            <Failed what="This chart" error={late} path="/v1/endpoints/17/series" again={() => {}} />
          </Panel>
        </div>
        <div class="pile">
          <Panel title="Loading" beside={<span class="muted">after 200 ms, never for less than 300 ms</span>}>
            <div class="panel-body">
              <Loading />
            </div>
          </Panel>
          <Panel title="Nothing to show">
            <Nothing now_s={now_s} />
          </Panel>
        </div>
      </div>
    </>
  );
}
