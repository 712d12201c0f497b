import { useEffect, useRef } from 'preact/hooks';
import { ink } from '../chart/ink';
import { theme } from '../theme';
import { useWatched } from '../store';
import type { Trend } from './sparklines';

const WIDTH = 108;
const HEIGHT = 22;
/** Failures worth a notch. */
const NOTCH = 0.01;
/** A point's radius. */
const DOT = 1.5;

/** When the browser has nothing better to do; browsers that cannot say get it soon. */
const idle = window.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 1));
const cancelIdle = window.cancelIdleCallback ?? clearTimeout;

function draw(canvas: HTMLCanvasElement, { requests, errors }: Trend): void {
  const dpr = Math.max(1, devicePixelRatio);
  canvas.width = WIDTH * dpr;
  canvas.height = HEIGHT * dpr;
  const pen = canvas.getContext('2d')!;
  pen.scale(dpr, dpr);
  const most = Math.max(1, ...requests.map((n) => n ?? 0));
  const x = (i: number) => 1 + (i / Math.max(1, requests.length - 1)) * (WIDTH - 2);
  pen.strokeStyle = ink('line');
  pen.beginPath();
  pen.moveTo(1, HEIGHT - 5.5);
  pen.lineTo(WIDTH - 1, HEIGHT - 5.5);
  pen.stroke();
  pen.strokeStyle = ink('requests');
  pen.lineWidth = 1.25;
  pen.lineJoin = 'round';
  const y = (n: number) => HEIGHT - 6 - (n / most) * (HEIGHT - 8);
  const first = requests.findIndex((n) => n != null);
  pen.beginPath();
  requests.forEach((n, i) => n != null && pen.lineTo(x(i), y(n)));
  pen.stroke();
  // One point makes no line.
  if (first === requests.length - 1) dot(pen, x(first), y(requests[first]!));
  pen.fillStyle = ink('5xx');
  errors.forEach((n, i) => {
    if (requests[i] && n / requests[i]! > NOTCH) pen.fillRect(x(i) - 1.1, HEIGHT - 4, 2.2, 4);
  });
}

function dot(pen: CanvasRenderingContext2D, x: number, y: number): void {
  pen.fillStyle = ink('requests');
  pen.beginPath();
  pen.arc(x - DOT, y, DOT, 0, 2 * Math.PI);
  pen.fill();
}

/** Requests over the window on the row's own scale; notches below where more than 1 % failed. */
export function Sparkline({ trend }: { trend: Trend | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = useWatched(theme);
  useEffect(() => {
    if (!trend) return;
    const job = idle(() => canvas.current && draw(canvas.current, trend));
    return () => cancelIdle(job as number);
  }, [trend, colours]);
  return <canvas ref={canvas} class="sparkline" aria-hidden="true" />;
}
