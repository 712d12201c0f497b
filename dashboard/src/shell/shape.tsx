/** A state's shape: disc live, ring waiting, triangle behind, square halted. Colour is never alone. */
export type ShapeName = 'disc' | 'ring' | 'triangle' | 'square';

export function Shape({ is }: { is: ShapeName }) {
  return <i class={`shape ${is}`} aria-hidden="true" />;
}
