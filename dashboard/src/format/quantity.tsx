import type { Quantity } from './numbers';
import { THIN } from './numbers';

/** A number with its unit smaller and grey. Where the number is shortened, hover and screen readers get it exactly. */
export function Amount({ of }: { of: Quantity }) {
  const unit = of.unit && (
    <span class="unit">
      {THIN}
      {of.unit}
    </span>
  );
  if (!of.exact) return <>{of.text}{unit}</>;
  return (
    <span title={of.exact}>
      <span aria-hidden="true">
        {of.text}
        {unit}
      </span>
      <span class="unseen">{of.exact}</span>
    </span>
  );
}
