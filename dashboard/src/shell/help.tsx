import { useEffect, useRef } from 'preact/hooks';
import { Watched, useWatched } from '../store';
import { keysOn, setKeysOn } from './keys';

const KEYS = [
  ['/', 'Filter endpoints'],
  ['j k', 'Next and previous row, Enter opens'],
  ['1 … 7', 'Window: 5 min … 1 year'],
  ['[ ]', 'The window before, the window after'],
  ['c', 'Compare with the previous period'],
  ['l', 'Latency axis: log or linear'],
  ['← →', 'Move the cursor in a focused chart'],
  ['Esc', 'Zoom out, close'],
  ['g then o p v r', 'Overview, Pipeline, Polls, Reports'],
  ['y', 'Copy the link to this view'],
  ['t', 'Light or dark'],
  ['?', 'This list'],
] as const;

const open = new Watched(false);

export function openHelp(): void {
  open.value = true;
}

/** The list of keys, and the switch that turns single keys off. */
export function Help() {
  const shown = useWatched(open);
  const on = useWatched(keysOn);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  if (!shown) return null;
  return (
    <dialog ref={dialog} aria-labelledby="keyboard" onClose={() => (open.value = false)}>
      <h2 id="keyboard" class="title">
        Keyboard
      </h2>
      <dl class="key-list">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={on} onChange={(event) => setKeysOn(event.currentTarget.checked)} /> Single-key shortcuts on
      </label>
      <p class="after">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </p>
    </dialog>
  );
}
