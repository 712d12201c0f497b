// Three endpoints by failures beyond the compared period: the first question, answered before the first click.

import type { Changed } from '../api/answers';
import { ratioChange } from '../format/change';
import { THIN, duration, grouped, ratio, words } from '../format/numbers';
import { moment } from '../format/times';
import { TimeOf } from '../format/time-of';
import { Route } from '../table/route';
import type { View } from '../view';
import { carried, linkTo } from '../view';

interface ChangedMostProps {
  changed: Changed[];
  /** `the 24 h before` */
  period: string;
  view: View;
  window_s: number;
}

export function ChangedMost({ changed, period, view, window_s }: ChangedMostProps) {
  const worse = changed.filter((one) => one.more_errors > 0);
  return (
    <section class="panel changed">
      <h2>
        Changed most <span class="why">by failures beyond {period}</span>
      </h2>
      {worse.length ? (
        <ul>
          {worse.map((one) => (
            <li key={one.id}>
              <Line one={one} view={view} window_s={window_s} />
            </li>
          ))}
        </ul>
      ) : (
        <p class="secondary">No endpoint failed more often than in {period}.</p>
      )}
    </section>
  );
}

/** Whether that many more are a change for the worse by the rule of all figures. The answer says no requests, but implies them. */
function isWorse(one: Changed): boolean {
  const points = (one.error_ratio ?? 0) - (one.before_error_ratio ?? 0);
  const requests = points > 0 ? one.more_errors / points : 0;
  return ratioChange(one.error_ratio, one.before_error_ratio ?? 0, requests).worse;
}

function Line({ one, view, window_s }: { one: Changed; view: View; window_s: number }) {
  return (
    <>
      <span>
        <a href={linkTo(`/endpoints/${one.id}`, carried(view))}>
          {one.method} <Route of={one.route} breaks />
        </a>{' '}
        <span class="muted">{one.service}</span>
      </span>
      <span class="secondary">
        {isWorse(one) ? (
          <b class="worse">
            ▲{THIN}
            {grouped(one.more_errors)}
          </b>
        ) : (
          <b>{grouped(one.more_errors)}</b>
        )}{' '}
        more {one.more_errors === 1 ? 'failure' : 'failures'} · 5xx {words(ratio(one.before_error_ratio))} → <b>{words(ratio(one.error_ratio))}</b>
        {one.peak_error_ratio != null && one.peak_s != null && (
          <>
            , peak {words(ratio(one.peak_error_ratio))} at <TimeOf s={one.peak_s} text={moment(one.peak_s, window_s)} />
          </>
        )}
      </span>
      <span class="secondary on-desk">
        p99 {words(duration(one.before_p99))} → {words(duration(one.p99))}
      </span>
    </>
  );
}
