// What pointers and keys do on a chart. A mouse moves the cursor and drags a selection; a tap sets the cursor, two fingers
// select, one finger scrolls the page; arrows move a focused chart's cursor.

import { zoom as zoomInto } from '../view';
import type { Timeline } from './timeline';
import { beginOf, cursor, endOf, middleOf, selection, stepAt, stepSeconds } from './timeline';

/** A drag over fewer steps is a click. */
const LEAST_STEPS = 3;
const LEAST_PX = 6;

export interface Ground {
  line: () => Timeline;
  /** The plot's left edge and width within the element. */
  left: number;
  right: number;
  /** Whether a drag selects. */
  zooms: boolean;
}

function steps(line: Timeline, a: number, b: number): { from_s: number; to_s: number } {
  const last = Math.max(a, b);
  return { from_s: line.start_s[Math.min(a, b)]!, to_s: line.start_s[last]! + stepSeconds(line, last) };
}

/** Listens on an element until the returned function is called. */
export function listen(element: HTMLElement, ground: Ground): () => void {
  const fingers = new Map<number, number>();
  let down: { step: number; x: number } | null = null;

  const stepUnder = (x: number) => {
    const { left, width } = element.getBoundingClientRect();
    const line = ground.line();
    const part = (x - left - ground.left) / (width - ground.left - ground.right);
    return stepAt(line, beginOf(line) + part * (endOf(line) - beginOf(line)));
  };
  const point = (step: number) => (cursor.value = middleOf(ground.line(), step));
  const clear = () => {
    down = null;
    selection.value = null;
  };
  const zoom = () => {
    const chosen = selection.value;
    clear();
    if (!chosen) return;
    cursor.value = null;
    zoomInto(chosen);
  };

  const onDown = (event: PointerEvent) => {
    if (event.pointerType === 'touch') {
      fingers.set(event.pointerId, event.clientX);
      if (fingers.size === 1) point(stepUnder(event.clientX));
      return;
    }
    if (event.button !== 0) return;
    if (ground.zooms) down = { step: stepUnder(event.clientX), x: event.clientX };
    element.setPointerCapture(event.pointerId);
  };
  const onMove = (event: PointerEvent) => {
    if (event.pointerType === 'touch') {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      const [a, b] = [...fingers.values()];
      if (b == null || !ground.zooms) point(stepUnder(event.clientX));
      else {
        cursor.value = null;
        selection.value = steps(ground.line(), stepUnder(a!), stepUnder(b));
      }
      return;
    }
    const step = stepUnder(event.clientX);
    if (!down) return void point(step);
    const far = Math.abs(event.clientX - down.x) >= LEAST_PX;
    const line = ground.line();
    const enough = Math.abs(step - down.step) + 1 >= Math.min(LEAST_STEPS, line.start_s.length);
    selection.value = far && enough ? steps(line, down.step, step) : null;
    cursor.value = selection.value ? null : middleOf(line, step);
  };
  const onUp = (event: PointerEvent) => {
    if (event.pointerType === 'touch') {
      const two = fingers.size === 2;
      fingers.delete(event.pointerId);
      if (two) zoom();
      return;
    }
    if (!down) return;
    if (selection.value) zoom();
    else point(stepUnder(event.clientX));
    clear();
  };
  const onCancel = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    clear();
  };
  const onLeave = (event: PointerEvent) => {
    if (!down && event.pointerType !== 'touch' && document.activeElement !== element) cursor.value = null;
  };
  const onKey = (event: KeyboardEvent) => {
    const line = ground.line();
    const last = line.start_s.length - 1;
    const now = cursor.value == null ? null : stepAt(line, cursor.value);
    const moves: Record<string, number> = {
      ArrowLeft: (now ?? last + 1) - 1,
      ArrowRight: (now ?? last) + 1,
      ArrowDown: (now ?? last + 1) - 1,
      ArrowUp: (now ?? last) + 1,
      PageDown: (now ?? last) - 12,
      PageUp: (now ?? last) + 12,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (event.key === 'Escape' && selection.value) {
      event.preventDefault();
      return clear();
    }
    if (to == null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    point(Math.max(0, Math.min(last, to)));
  };

  const on: [string, (event: never) => void][] = [
    ['pointerdown', onDown],
    ['pointermove', onMove],
    ['pointerup', onUp],
    ['pointercancel', onCancel],
    ['pointerleave', onLeave],
    ['keydown', onKey],
  ];
  for (const [name, hear] of on) element.addEventListener(name, hear as EventListener);
  return () => on.forEach(([name, hear]) => element.removeEventListener(name, hear as EventListener));
}
