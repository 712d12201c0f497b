// Three endpoints by failures beyond the compared period: the first question, answered before the first click.

import type { Changed } from '../api/answers';
import { duration, grouped, ratio, words } from '../format/numbers';
import { moment } from '../format/times';
import { TimeOf } from '../format/time-of';
import { THIN } from '../format/numbers';
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

function Line({ one, view, window_s }: { one: Changed; view: View; window_s: number }) {
  return (
    <>
      <span>
        <a href={linkTo(`/endpoints/${one.id}`, carried(view))}>
          {one.method} <Route of={one.route} />
        </a>{' '}
        <span class="muted">{one.service}</span>
      </span>
      <span class="secondary">
        <b class="worse">
          ▲{THIN}
          {grouped(one.more_errors)}
        </b>{' '}
        more failures · 5xx {words(ratio(one.before_error_ratio))} → <b>{words(ratio(one.error_ratio))}</b>
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
