// What a window cannot show, said where its numbers would be.

import type { Windowed } from '../api/answers';
import { THIN } from '../format/numbers';
import { dateAndTime, hourMinute, length, range, sameDay, seconds } from '../format/times';
import { TimeOf } from '../format/time-of';
import { Statement } from '../shell/states';
import type { View } from '../view';
import { show, windowSeconds } from '../view';

/** A window without a request is a fact once counting has passed its end. */
export function NoRequests({ answer, lastAt }: { answer: Windowed; lastAt: string | null }) {
  const from_s = seconds(answer.from) ?? 0;
  const to_s = seconds(answer.to) ?? 0;
  const through_s = seconds(answer.counted_through);
  const last_s = seconds(lastAt);
  const complete = through_s != null && through_s >= Math.min(to_s, Date.now() / 1000 - 10);
  const there = last_s != null && (
    <button type="button" class="button small" onClick={() => goTo(last_s, to_s - from_s)}>
      Go there
    </button>
  );
  return (
    <section class="panel gap">
      <div class="panel-body nothing">
        <Statement title={`No requests between ${range(from_s, to_s)}.`.replace(' – ', ' and ')} action={there}>
          {complete ? 'Counting was complete, so this is a true zero.' : 'Counting has not come to its end, so there may have been some.'}
          {last_s != null && (
            <>
              {' '}
              The last request was at <TimeOf s={last_s} text={sameDay(last_s, to_s) ? hourMinute(last_s) : dateAndTime(last_s)} />.
            </>
          )}
        </Statement>
      </div>
    </section>
  );
}

/** A window of the same length that ends just after a moment. */
function goTo(s: number, window_s: number): void {
  const to_s = Math.floor(s / 60) * 60 + 60;
  show({ range: { from_s: to_s - window_s, to_s } });
}

/** The comparison that is asked for and cannot be made. */
export function NothingBefore({ firstAt }: { firstAt: string | null }) {
  const first_s = seconds(firstAt);
  return (
    <div class="note">
      <Statement title="No earlier data to compare with.">{first_s != null && <>Counting began on {dateAndTime(first_s)}.</>}</Statement>
    </div>
  );
}

const FINEST: Record<string, string> = { hour: 'by the hour', day: 'by the day', month: 'by the month' };

/** A short window that is older than the minutes that are kept. */
export function Coarse({ answer, view }: { answer: Windowed; view: View }) {
  const length_s = windowSeconds(view);
  if (answer.level === 'minute' || length_s > 2 * 86400 || !view.range) return null;
  return (
    <div class="note">
      <Statement title={`Minutes of this window are no longer kept.`}>
        It is {length(length_s).replace(THIN, ' ')} long and shown {FINEST[answer.level]}.
      </Statement>
    </div>
  );
}
