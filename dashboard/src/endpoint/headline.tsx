import type { Endpoint } from '../api/answers';
import { countChange, ratioChange } from '../format/change';
import { count, ratio } from '../format/numbers';
import { Quantile } from '../overview/headline';
import { Figure, Figures } from '../shell/figures';

/** The six figures of one endpoint; client errors stand apart from failures. */
export function Headline({ answer, compared }: { answer: Endpoint; compared: boolean }) {
  const now = answer.summary;
  const before = compared ? answer.before : null;
  const clients = now.requests ? now.client_errors / now.requests : null;
  const clientsBefore = before?.requests ? before.client_errors / before.requests : null;
  return (
    <Figures>
      <Figure name="Requests" value={count(now.requests)} change={before && countChange(now.requests, before.requests)} was={count(before?.requests)} />
      <Figure
        name="Error ratio (5xx)"
        value={ratio(now.error_ratio)}
        change={before && ratioChange(now.error_ratio, before.error_ratio, now.requests)}
        was={ratio(before?.error_ratio)}
      />
      <Figure
        name="Client errors (4xx)"
        value={ratio(clients)}
        change={before && ratioChange(clients, clientsBefore, now.requests)}
        was={ratio(clientsBefore)}
      />
      <Quantile name="p50" of="p50" now={now} before={before} />
      <Quantile name="p95" of="p95" now={now} before={before} />
      <Quantile name="p99" of="p99" now={now} before={before} />
    </Figures>
  );
}
