// A range of the reader's own. Two fields of the browser's: it knows the reader's calendar, keyboard and screen reader.

import { useEffect, useRef, useState } from 'preact/hooks';
import { MINUTE_S, length, zone } from '../format/times';
import type { Range } from '../view';
import { show } from '../view';

function fieldText(s: number): string {
  const d = new Date(s * 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** Epoch seconds of a field's local time; null while it is not whole. */
function fieldMoment(text: string): number | null {
  const ms = new Date(text).getTime();
  return text && !Number.isNaN(ms) ? ms / 1000 : null;
}

/** What is wrong with a range, or null. */
function wrong(from_s: number | null, to_s: number | null): string | null {
  if (from_s == null || to_s == null) return 'Both moments need a date and a time.';
  if (to_s - from_s < MINUTE_S) return 'The range must end at least a minute after it begins.';
  return null;
}

export function RangeDialog({ bounds, close }: { bounds: Range; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [from, setFrom] = useState(fieldText(bounds.from_s));
  const [to, setTo] = useState(fieldText(bounds.to_s));
  const from_s = fieldMoment(from);
  const to_s = fieldMoment(to);
  const problem = wrong(from_s, to_s);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (problem) return;
    dialog.current!.close();
    show({ range: { from_s: from_s!, to_s: to_s! } });
  };
  return (
    <dialog ref={dialog} aria-labelledby="range" onClose={close}>
      <form onSubmit={submit}>
        <h2 id="range" class="title">
          Choose a range
        </h2>
        <div class="range-fields">
          <label>
            From
            <span class="field">
              <input type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} required />
            </span>
          </label>
          <label>
            To
            <span class="field">
              <input type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} required />
            </span>
          </label>
        </div>
        <p class={problem ? 'bad' : 'muted'} role="status">
          {problem ?? `${length(to_s! - from_s!)}, in your zone, ${zone(to_s!)}.`}
        </p>
        <p class="after choices">
          <button class="button first">Show</button>
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
