// The style sheet's colours as a canvas takes them.

import { theme } from '../theme';

export type Ink =
  | 'surface' | 'line' | 'grid' | 'edge' | 'text' | 'text2' | 'text3' | 'accent' | 'bad' | 'halo'
  | 'requests' | 'requests-area' | 'previous' | '2xx-track' | '3xx' | '4xx' | '5xx' | '5xx-stripe'
  | 'p50' | 'p90' | 'p95' | 'p99' | 'heat0' | 'heat1' | 'heat2' | 'heat3' | 'heat4';

const known = new Map<string, string>();
const patterns = new Map<string, CanvasPattern | string>();
let probe: HTMLElement | null = null;

function forget(): void {
  known.clear();
  patterns.clear();
}

theme.watch(forget);
matchMedia('(forced-colors: active)').addEventListener('change', forget);

/** A colour as it is in the present theme. The style sheet says it in a way only a property of an element resolves. */
export function ink(name: Ink): string {
  const have = known.get(name);
  if (have) return have;
  if (!probe) {
    probe = document.createElement('i');
    probe.className = 'probe';
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color;
  known.set(name, colour);
  return colour;
}

/** A tile of diagonal stripes: `ground` may be nothing. */
function stripes(ctx: CanvasRenderingContext2D, period_px: number, width_px: number, stripe: string, ground: string | null): CanvasPattern | string {
  const dpr = Math.max(1, Math.round(devicePixelRatio));
  const size = period_px * dpr;
  const tile = document.createElement('canvas');
  tile.width = tile.height = size;
  const pen = tile.getContext('2d')!;
  if (ground) {
    pen.fillStyle = ground;
    pen.fillRect(0, 0, size, size);
  }
  pen.strokeStyle = stripe;
  pen.lineWidth = width_px * dpr;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - size / 2, size * 1.5);
    pen.lineTo(shift + size * 1.5, -size / 2);
  }
  pen.stroke();
  return ctx.createPattern(tile, 'repeat') ?? stripe;
}

function kept(name: string, make: () => CanvasPattern | string): CanvasPattern | string {
  const key = `${name} ${devicePixelRatio}`;
  let pattern = patterns.get(key);
  if (!pattern) patterns.set(key, (pattern = make()));
  return pattern;
}

/** 5xx is hatched, so that it is known without its colour. */
export function failureHatch(ctx: CanvasRenderingContext2D): CanvasPattern | string {
  return kept('failure', () => stripes(ctx, 6, 1.8, ink('5xx-stripe'), ink('5xx')));
}

/** "Not counted yet." */
export function uncountedHatch(ctx: CanvasRenderingContext2D): CanvasPattern | string {
  return kept('uncounted', () => stripes(ctx, 8, 1, ink('edge'), null));
}

const HEAT_STEPS = 12;
const HEAT_STOPS: Ink[] = ['heat0', 'heat1', 'heat2', 'heat3', 'heat4'];

function channels(colour: string): number[] {
  return colour.match(/[\d.]+/g)!.slice(0, 3).map(Number);
}

/** Twelve steps from few requests to most. */
export function heatRamp(): string[] {
  const stops = HEAT_STOPS.map((name) => channels(ink(name)));
  return Array.from({ length: HEAT_STEPS }, (_, i) => {
    const at = (i / (HEAT_STEPS - 1)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    const mixed = stops[low]!.map((value, c) => Math.round(value + (stops[low + 1]![c]! - value) * (at - low)));
    return `rgb(${mixed.join()})`;
  });
}

/** The axis type of every chart, in device pixels. */
export function axisFont(bold = false): string {
  return `${bold ? '600 ' : ''}${11 * devicePixelRatio}px Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif`;
}
