import type { Figures as Numbers, Overview } from '../api/answers';
import { countChange, quantileChange, ratioChange } from '../format/change';
import { count, counted, duration, ratio } from '../format/numbers';
import { Figure, Figures } from '../shell/figures';

const about5xx = (
  <>
    Error ratio <span title="status 500 and above; 4xx are client errors, shown apart">(5xx)</span>
  </>
);

/** A quantile as a figure. */
export function Quantile({ name, of, now, before }: { name: string; of: 'p50' | 'p95' | 'p99'; now: Numbers; before: Numbers | null }) {
  const value = now.duration_ms[of];
  const was = before?.duration_ms[of];
  return <Figure name={name} value={duration(value)} change={before && quantileChange(value, was, now.requests)} was={duration(was)} />;
}

/** The six figures of everything. */
export function Headline({ answer, compared }: { answer: Overview; compared: boolean }) {
  const { summary, before: kept, services, endpoints_total, endpoints_new } = answer;
  const before = compared ? kept : null;
  const fresh = compared && endpoints_new ? `, ${endpoints_new} new` : '';
  return (
    <Figures>
      <Figure
        name="Requests"
        value={count(summary.requests)}
        change={before && countChange(summary.requests, before.requests)}
        was={count(before?.requests)}
      />
      <Figure
        name={about5xx}
        value={ratio(summary.error_ratio)}
        change={before && ratioChange(summary.error_ratio, before.error_ratio, summary.requests)}
        was={ratio(before?.error_ratio)}
      />
      <Quantile name="p50 latency" of="p50" now={summary} before={before} />
      <Quantile name="p95 latency" of="p95" now={summary} before={before} />
      <Quantile name="p99 latency" of="p99" now={summary} before={before} />
      <Figure name="Active services" value={count(services.length)} note={counted(endpoints_total, 'endpoint') + fresh} />
    </Figures>
  );
}
