import type { ComponentChildren } from 'preact';
import type { Change } from '../format/change';
import type { Quantity } from '../format/numbers';
import { THIN, words } from '../format/numbers';
import { Amount } from '../format/quantity';

interface FigureProps {
  name: ComponentChildren;
  value: Quantity;
  change?: Change | null;
  /** What it was in the compared period. */
  was?: Quantity | null;
  /** Instead of a change. */
  note?: ComponentChildren;
}

/** One headline figure: its name, its value, and how it changed. */
export function Figure({ name, value, change, was, note }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <div class="value">
          <Amount of={value} />
        </div>
        {change ? <ChangeLine change={change} was={was} /> : <span class="change">{note ?? '\u00a0'}</span>}
      </dd>
    </div>
  );
}

function ChangeLine({ change, was }: { change: Change; was?: Quantity | null }) {
  const before = was && change.factor !== null ? <span class="on-wide">{change.same ? ', was ' : ' was '}{words(was)}</span> : null;
  return (
    <span class={`change ${change.worse ? 'worse' : ''}`}>
      <b>
        {change.worse && <>▲{THIN}</>}
        {change.same ? `≈${THIN}same` : change.text}
      </b>
      {before}
    </span>
  );
}

export function Figures({ children }: { children: ComponentChildren }) {
  return <dl class="figures">{children}</dl>;
}
