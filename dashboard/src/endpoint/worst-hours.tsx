import type { WorstHour } from '../api/answers';
import { THIN, count, duration, grouped, ratio, words } from '../format/numbers';
import { Amount } from '../format/quantity';
import { DAY_S, day, hourMinute, moment } from '../format/times';
import { TimeOf } from '../format/time-of';
import { Panel } from '../shell/panel';
import { Statement } from '../shell/states';
import { show } from '../view';

/** From this share on an hour's failures are marked. */
const BAD_RATIO = 0.01;

/** The stretches with most failures, then the slowest. A press zooms to one. */
export function WorstHours({ hours }: { hours: WorstHour[] }) {
  const days = hours.some((hour) => hour.to_s - hour.from_s >= DAY_S - 2 * 3600);
  const name = days ? 'Day' : 'Hour';
  return (
    <Panel title={`Worst ${name.toLowerCase()}s`} beside={<span class="muted">by failures, then by p99</span>}>
      {hours.length ? (
        <div class="table-room">
          <table>
            <thead>
              <tr>
                <th scope="col">{name}</th>
                <th scope="col" class="number on-wide">
                  Requests
                </th>
                <th scope="col" class="number">
                  5xx
                </th>
                <th scope="col" class="number">
                  Error ratio
                </th>
                <th scope="col" class="number on-wide">
                  p50
                </th>
                <th scope="col" class="number">
                  p99
                </th>
              </tr>
            </thead>
            <tbody>
              {hours.map((hour) => (
                <Hour key={hour.from_s} hour={hour} days={days} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div class="panel-body">
          <Statement title="No whole hour with a request is in this window." />
        </div>
      )}
    </Panel>
  );
}

function Hour({ hour, days }: { hour: WorstHour; days: boolean }) {
  const zoom = () => show({ range: { from_s: hour.from_s, to_s: hour.to_s } });
  return (
    <tr>
      <td>
        <button type="button" class="plain" title="Show this stretch" onClick={zoom}>
          <TimeOf s={hour.from_s} text={days ? day(hour.from_s) : moment(hour.from_s, 2 * DAY_S)} />
          {!days && <span class="on-wide"> – {hourMinute(hour.to_s)}</span>}
        </button>
      </td>
      <td class="number on-wide">
        <Amount of={count(hour.requests)} />
      </td>
      <td class="number">{grouped(hour.errors)}</td>
      <td class="number">
        {(hour.error_ratio ?? 0) > BAD_RATIO ? (
          <b class="worse">
            ▲{THIN}
            {words(ratio(hour.error_ratio))}
          </b>
        ) : (
          <Amount of={ratio(hour.error_ratio)} />
        )}
      </td>
      <td class="number on-wide">
        <Amount of={duration(hour.p50)} />
      </td>
      <td class="number">
        <Amount of={duration(hour.p99)} />
      </td>
    </tr>
  );
}
