import type { WorstHour } from '../api/answers';
import { THIN, count, duration, grouped, ratio, words } from '../format/numbers';
import { Amount } from '../format/quantity';
import { DAY_S, day, hourMinute, moment } from '../format/times';
import { TimeOf } from '../format/time-of';
import { Panel } from '../shell/panel';
import type { Column } from '../shell/small-table';
import { SmallTable } from '../shell/small-table';
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
      <SmallTable
        columns={columns(name, days)}
        rows={hours}
        id={({ from_s }) => from_s}
        nothing={<Statement title="No whole hour with a request is in this window." />}
      />
    </Panel>
  );
}

function columns(name: string, days: boolean): Column<WorstHour>[] {
  return [
    { name, cell: (hour) => <Stretch hour={hour} days={days} /> },
    { name: 'Requests', class: 'number on-wide', cell: ({ requests }) => <Amount of={count(requests)} /> },
    { name: '5xx', class: 'number', cell: ({ errors }) => grouped(errors) },
    { name: 'Error ratio', class: 'number', cell: ({ error_ratio }) => <ErrorRatio of={error_ratio} /> },
    { name: 'p50', class: 'number on-wide', cell: ({ p50 }) => <Amount of={duration(p50)} /> },
    { name: 'p99', class: 'number', cell: ({ p99 }) => <Amount of={duration(p99)} /> },
  ];
}

function Stretch({ hour, days }: { hour: WorstHour; days: boolean }) {
  const zoom = () => show({ range: { from_s: hour.from_s, to_s: hour.to_s } });
  return (
    <button type="button" class="plain" title="Show this stretch" onClick={zoom}>
      <TimeOf s={hour.from_s} text={days ? day(hour.from_s) : moment(hour.from_s, 2 * DAY_S)} />
      {!days && <span class="on-wide"> – {hourMinute(hour.to_s)}</span>}
    </button>
  );
}

function ErrorRatio({ of }: { of: number | null }) {
  if ((of ?? 0) <= BAD_RATIO) return <Amount of={ratio(of)} />;
  return (
    <b class="worse">
      ▲{THIN}
      {words(ratio(of))}
    </b>
  );
}
