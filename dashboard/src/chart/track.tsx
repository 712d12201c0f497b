// The cursor over a chart: one tab stop, a line, dots on the lines, the time on a tag at the axis, the band of a selection.
// It follows the pointer outside of Preact: a frame has room for four charts.

import { useEffect, useRef } from 'preact/hooks';
import { length } from '../format/times';
import { BOTTOM_PX, LEFT_PX, TOP_PX } from './frame';
import { listen } from './gestures';
import type { Ink } from './ink';
import { timeTicks } from './ticks';
import type { Timeline } from './timeline';
import { beginOf, cursor, endOf, middleOf, selection, stepAt, stepText } from './timeline';

interface TrackProps {
  line: Timeline;
  label: string;
  right: number;
  zooms?: boolean;
  speak: (step: number) => string;
  dots?: (step: number) => { ink: Ink; y: number }[];
}

interface Label {
  from: number;
  to: number;
}

/** Wide enough for a digit of the axis type in any of its fonts. */
const DIGIT_PX = 7;

/** Where the axis has its labels. */
function labelsOf(line: Timeline, width: number): Label[] {
  const [from_s, to_s] = [beginOf(line), endOf(line)];
  return timeTicks(from_s, to_s, width).map((tick) => {
    const middle = LEFT_PX + ((tick.s - from_s) / (to_s - from_s)) * width;
    const half = (tick.text.length * DIGIT_PX) / 2;
    return { from: middle - half, to: middle + half };
  });
}

/** Covers the labels that the tag would cut. */
function cover(tag: HTMLElement, from: number, to: number, labels: Label[]): void {
  const cut = labels.filter((label) => label.to > from - 2 && label.from < to + 2);
  tag.style.setProperty('--over-left', `${Math.max(0, from - Math.min(from, ...cut.map((label) => label.from)))}px`);
  tag.style.setProperty('--over-right', `${Math.max(0, Math.max(to, ...cut.map((label) => label.to)) - to)}px`);
}

function place(element: HTMLElement, left: number): void {
  element.style.transform = `translateX(${left}px)`;
}

export function Track(props: TrackProps) {
  const root = useRef<HTMLDivElement>(null);
  const hair = useRef<HTMLElement>(null);
  const tag = useRef<HTMLElement>(null);
  const band = useRef<HTMLElement>(null);
  const latest = useRef(props);
  latest.current = props;

  const follow = () => {
    const { line, right, speak, dots } = latest.current;
    const s = cursor.value;
    const away = s == null || s < beginOf(line) || s >= endOf(line) || !line.start_s.length;
    hair.current!.hidden = tag.current!.hidden = away;
    if (away) {
      root.current!.setAttribute('aria-valuetext', 'no moment selected');
      return;
    }
    const step = stepAt(line, s);
    const width = root.current!.clientWidth - LEFT_PX - right;
    const x = ((middleOf(line, step) - beginOf(line)) / (endOf(line) - beginOf(line))) * width;
    place(hair.current!, LEFT_PX + x);
    dotsOn(hair.current!, dots?.(step) ?? []);
    tag.current!.textContent = stepText(line, step);
    const half = tag.current!.offsetWidth / 2;
    const left = LEFT_PX + Math.max(half, Math.min(width - half, x)) - half;
    place(tag.current!, left);
    cover(tag.current!, left, left + 2 * half, labelsOf(line, width));
    root.current!.setAttribute('aria-valuenow', String(step));
    root.current!.setAttribute('aria-valuetext', `${stepText(line, step)}, ${speak(step)}`);
  };
  const select = () => {
    const { line, right } = latest.current;
    const chosen = selection.value;
    band.current!.hidden = !chosen;
    if (!chosen) return;
    const width = root.current!.clientWidth - LEFT_PX - right;
    const x = (s: number) => ((s - beginOf(line)) / (endOf(line) - beginOf(line))) * width;
    const from = Math.max(0, x(chosen.from_s));
    place(band.current!, LEFT_PX + from);
    band.current!.style.width = `${Math.min(width, x(chosen.to_s)) - from}px`;
    band.current!.firstElementChild!.textContent = length(chosen.to_s - chosen.from_s);
  };

  useEffect(() => cursor.watch(follow), []);
  useEffect(() => selection.watch(select), []);
  useEffect(() => listen(root.current!, { line: () => latest.current.line, left: LEFT_PX, right: props.right, zooms: props.zooms ?? true }), [props.right, props.zooms]);
  useEffect(follow);

  const last = Math.max(0, props.line.start_s.length - 1);
  return (
    <div ref={root} class="track-area" tabIndex={0} role="slider" aria-label={props.label} aria-valuemin={0} aria-valuemax={last} aria-valuenow={last}>
      <i ref={hair} class="hair" style={{ top: `${TOP_PX - 2}px`, bottom: `${BOTTOM_PX}px` }} hidden />
      <i ref={tag} class="time-tag" hidden />
      <i ref={band} class="band" style={{ top: `${TOP_PX - 2}px`, bottom: `${BOTTOM_PX}px` }} hidden>
        <b />
      </i>
    </div>
  );
}

/** As many dots as the lines have values here. */
function dotsOn(hair: HTMLElement, dots: { ink: Ink; y: number }[]): void {
  while (hair.childElementCount > dots.length) hair.lastElementChild!.remove();
  while (hair.childElementCount < dots.length) hair.append(document.createElement('i'));
  dots.forEach((dot, i) => {
    const element = hair.children[i] as HTMLElement;
    element.style.top = `${dot.y - TOP_PX + 2}px`;
    element.style.borderColor = `var(--${dot.ink})`;
  });
}
