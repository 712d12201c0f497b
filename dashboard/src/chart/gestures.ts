// What pointers and keys do on a chart. A mouse moves the cursor and drags a selection; a tap sets the cursor, two fingers
// select, one finger scrolls the page; arrows move a focused chart's cursor.

import { show } from '../view';
import type { Timeline } from './timeline';
import { beginOf, cursor, endOf, middleOf, selection, stepAt, stepSeconds } from './timeline';

/** A drag over fewer steps is a click. */
const LEAST_STEPS = 3;
const LEAST_PX = 6;
/** Steps that a page key moves. */
const PAGE_STEPS = 12;

export interface Ground {
  line: () => Timeline;
  /** Room at the plot's sides within the element. */
  left: number;
  right: number;
  /** Whether a drag selects. */
  zooms: boolean;
}

class Gestures {
  /** Where each finger is. */
  private fingers = new Map<number, number>();
  private down: { step: number; x: number } | null = null;

  constructor(
    private element: HTMLElement,
    private ground: Ground,
  ) {}

  private stepUnder(x: number): number {
    const { left, width } = this.element.getBoundingClientRect();
    const line = this.ground.line();
    const part = (x - left - this.ground.left) / (width - this.ground.left - this.ground.right);
    return stepAt(line, beginOf(line) + part * (endOf(line) - beginOf(line)));
  }

  private point(step: number): void {
    cursor.value = middleOf(this.ground.line(), step);
  }

  private select(a: number, b: number): void {
    const line = this.ground.line();
    const last = Math.max(a, b);
    cursor.value = null;
    selection.value = { from_s: line.start_s[Math.min(a, b)]!, to_s: line.start_s[last]! + stepSeconds(line, last) };
  }

  private clear(): void {
    this.down = null;
    selection.value = null;
  }

  /** Shows what is selected. */
  private zoom(): void {
    const chosen = selection.value;
    this.clear();
    if (!chosen) return;
    cursor.value = null;
    show({ range: chosen });
  }

  pointerdown(event: PointerEvent): void {
    if (event.pointerType === 'touch') {
      this.fingers.set(event.pointerId, event.clientX);
      if (this.fingers.size === 1) this.point(this.stepUnder(event.clientX));
      return;
    }
    if (event.button !== 0 || !this.ground.zooms) return;
    this.down = { step: this.stepUnder(event.clientX), x: event.clientX };
    this.element.setPointerCapture(event.pointerId);
  }

  pointermove(event: PointerEvent): void {
    const step = this.stepUnder(event.clientX);
    if (event.pointerType === 'touch') return this.touchMove(event, step);
    if (!this.down) return this.point(step);
    const far = Math.abs(event.clientX - this.down.x) >= LEAST_PX;
    const enough = Math.min(LEAST_STEPS, this.ground.line().start_s.length);
    if (far && Math.abs(step - this.down.step) + 1 >= enough) return this.select(this.down.step, step);
    selection.value = null;
    this.point(step);
  }

  private touchMove(event: PointerEvent, step: number): void {
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, event.clientX);
    const [a, b] = [...this.fingers.values()];
    if (b == null || !this.ground.zooms) this.point(step);
    else this.select(this.stepUnder(a!), this.stepUnder(b));
  }

  pointerup(event: PointerEvent): void {
    if (event.pointerType === 'touch') {
      const two = this.fingers.size === 2;
      this.fingers.delete(event.pointerId);
      if (two) this.zoom();
      return;
    }
    if (!this.down) return;
    if (selection.value) return this.zoom();
    this.clear();
    this.point(this.stepUnder(event.clientX));
  }

  pointercancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    this.clear();
  }

  pointerleave(event: PointerEvent): void {
    const kept = this.down || event.pointerType === 'touch' || document.activeElement === this.element;
    if (!kept) cursor.value = null;
  }

  keydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && selection.value) {
      event.preventDefault();
      return this.clear();
    }
    const line = this.ground.line();
    const last = line.start_s.length - 1;
    const to = stepAfter(event.key, cursor.value == null ? null : stepAt(line, cursor.value), last);
    if (to == null) return;
    event.preventDefault();
    this.point(Math.max(0, Math.min(last, to)));
  }
}

/** Where a key moves the cursor; from nowhere, in from the side the key comes from. Null: not one of these keys. */
function stepAfter(key: string, now: number | null, last: number): number | null {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return (now ?? last + 1) - 1;
    case 'ArrowRight':
    case 'ArrowUp':
      return (now ?? -1) + 1;
    case 'PageDown':
      return (now ?? last) - PAGE_STEPS;
    case 'PageUp':
      return (now ?? 0) + PAGE_STEPS;
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return null;
  }
}

const HEARD = ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'pointerleave', 'keydown'] as const;

/** Listens on an element until the returned function is called. */
export function listen(element: HTMLElement, ground: Ground): () => void {
  const gestures = new Gestures(element, ground);
  const hear = (event: Event) => gestures[event.type as (typeof HEARD)[number]](event as PointerEvent & KeyboardEvent);
  for (const name of HEARD) element.addEventListener(name, hear);
  return () => HEARD.forEach((name) => element.removeEventListener(name, hear));
}
