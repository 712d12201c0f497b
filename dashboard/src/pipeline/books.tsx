// Accepted = counted + dead-lettered + in flight: in full, for it must add up by eye.

import type { Pipeline } from '../api/answers';
import { useNow } from '../clock';
import { counted, grouped } from '../format/numbers';
import { TimeOf } from '../format/time-of';
import { clock, dateAndTime, seconds } from '../format/times';

/** What is left over; anything but 0 is a fault of Tally. */
export function difference(books: Pipeline): number {
  return books.accepted - books.counted - books.dead_lettered - books.filtered - books.in_flight;
}

function verdict(books: Pipeline): string {
  const off = difference(books);
  if (off !== 0 || !books.balanced) return `The balance is off by ${grouped(Math.abs(off))}.`;
  const halted = books.shards.filter((shard) => shard.state === 'halted');
  const waiting = halted.reduce((sum, shard) => sum + shard.in_flight, 0);
  if (!halted.length) return 'Every accepted event is accounted for.';
  return `${counted(waiting, 'event waits', 'events wait')} on ${halted.length === 1 ? 'a halted shard' : `${halted.length} halted shards`}.`;
}

function Term({ name, n }: { name: string; n: number }) {
  return (
    <div>
      <div class="name">{name}</div>
      <div class="value">{grouped(n)}</div>
    </div>
  );
}

function Sign({ is, said }: { is: string; said: string }) {
  return (
    <div class="sign" role="img" aria-label={said}>
      {is}
    </div>
  );
}

export function Books({ pipeline }: { pipeline: Pipeline }) {
  const since_s = seconds(pipeline.since);
  const now_s = useNow() / 1000;
  const off = difference(pipeline);
  return (
    <section class="panel gap">
      <div class="panel-head">
        <h2 class="verdict">{verdict(pipeline)}</h2>
        <span class="muted">
          {since_s != null && (
            <>
              since <TimeOf s={since_s} text={dateAndTime(since_s)} /> ·{' '}
            </>
          )}
          checked <TimeOf s={now_s} text={clock(now_s)} />
        </span>
      </div>
      <div class="equation">
        <Term name="Accepted" n={pipeline.accepted} />
        <Sign is="=" said="equals" />
        <Term name="Counted" n={pipeline.counted} />
        <Sign is="+" said="plus" />
        <Term name="Dead-lettered" n={pipeline.dead_lettered} />
        <Sign is="+" said="plus" />
        <Term name="In flight" n={pipeline.in_flight} />
        <div class="rest">
          <span class={off === 0 ? 'tag' : 'tag bad'}>
            Difference <b>{grouped(off)}</b>
          </span>
          <span class="muted">{aside(pipeline, off)}</span>
        </div>
      </div>
    </section>
  );
}

/** What stands beside the equation: duplicates always, the rest where there is any. */
function aside(books: Pipeline, off: number): string {
  if (off !== 0 || !books.balanced) return 'Please report it; tally-consumer status and GET /v1/accounting have the details.';
  const said = [`Beside it: ${counted(books.duplicates, 'duplicate')}, answered and not counted twice.`];
  if (books.filtered) said.push(`${counted(books.filtered, 'event')} came again after Redis had lost them, and ${books.filtered === 1 ? 'was' : 'were'} counted before.`);
  if (books.lost) said.push(`${counted(books.lost, 'event')} given up by an operator.`);
  return said.join(' ');
}
