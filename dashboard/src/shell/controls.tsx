// The window, and with what it is compared: one bar, the same on every page that shows a window.

import { useMemo, useRef, useState } from 'preact/hooks';
import { comparison } from '../compare';
import { THIN } from '../format/numbers';
import { range as rangeText, utc, zone } from '../format/times';
import type { Range, View, WindowName } from '../view';
import { WINDOWS, show } from '../view';
import { useKeys, windowKeys } from './keys';
import { RangeDialog } from './range-dialog';

const NAMES: Record<WindowName, [string, string]> = {
  '5m': [`5${THIN}min`, '5m'],
  '1h': [`1${THIN}h`, '1h'],
  '6h': [`6${THIN}h`, '6h'],
  '24h': [`24${THIN}h`, '24h'],
  '7d': [`7${THIN}d`, '7d'],
  '30d': [`30${THIN}d`, '30d'],
  '1y': [`1${THIN}y`, '1y'],
};

function WindowButton({ name, view }: { name: WindowName; view: View }) {
  const [long, short] = NAMES[name];
  return (
    <button type="button" aria-pressed={view.window === name && !view.range} onClick={() => show({ window: name, range: null })}>
      <span class="on-wide">{long}</span>
      <span class="on-phone">{short}</span>
    </button>
  );
}

interface ControlsProps {
  view: View;
  /** What is shown: the answer's bounds where there is one. */
  bounds: Range;
}

export function Controls({ view, bounds }: ControlsProps) {
  const [choosing, choose] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  useKeys(windowKeys);
  const back = view.range && (
    <button type="button" class="button small" onClick={() => show({ range: null })}>
      Back to {NAMES[view.window][0]} <kbd class="on-wide">Esc</kbd>
    </button>
  );
  const text = useMemo(() => rangeText(bounds.from_s, bounds.to_s), [bounds.from_s, bounds.to_s]);
  return (
    <div class="bar">
      <div class="segments" role="group" aria-label="Window">
        {WINDOWS.map((name) => (
          <WindowButton key={name} name={name} view={view} />
        ))}
        <button ref={opener} type="button" aria-pressed={!!view.range} aria-haspopup="dialog" title="Choose a range" onClick={() => choose(true)}>
          <span class="on-wide">Range…</span>
          <span class="on-phone">
            <span class="unseen">Range</span>…
          </span>
        </button>
      </div>
      <span class="secondary whole" title={`${utc(bounds.from_s)} – ${utc(bounds.to_s)}`}>
        {text} <span class="muted on-wide">{zone(bounds.to_s)}</span>
      </span>
      {back}
      <span class="space" />
      <button type="button" class="button" aria-pressed={view.compare} onClick={() => show({ compare: !view.compare })}>
        Compare with {comparison(view).period} <kbd class="on-wide">c</kbd>
      </button>
      {choosing && <RangeDialog bounds={bounds} close={() => (choose(false), opener.current?.focus())} />}
    </div>
  );
}
