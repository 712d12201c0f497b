import type { Quantity } from '../format/numbers';
import { words } from '../format/numbers';
import type { Ink } from './ink';

/** A line's swatch: solid, dashed for what was before, hatched for failures. */
export function Swatch({ ink, kind = 'line' }: { ink: Ink; kind?: 'line' | 'dashed' | 'square' | 'hatched' }) {
  return <i class={`swatch ${kind} ink-${ink}`} aria-hidden="true" />;
}

interface ReadingProps {
  ink: Ink;
  kind?: 'line' | 'dashed' | 'square' | 'hatched';
  name?: string;
  value?: Quantity;
  quiet?: boolean;
}

/** One of a header's values, at the cursor; without a value it is the legend. */
export function Value({ ink, kind = 'line', name, value, quiet }: ReadingProps) {
  return (
    <span class="whole">
      <Swatch ink={ink} kind={kind} />
      {name}
      {name && value ? ' ' : ''}
      {value && (quiet ? words(value) : <b>{words(value)}</b>)}
    </span>
  );
}
