// Which rows exist: those in the window of the browser and a few around them. The page scrolls, not the table.

import { useEffect, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

/** Rows kept around those in view. */
const AROUND = 10;
/** A table of so few rows exists whole: it prints, and the browser finds in it. */
const WHOLE = 60;

export interface RowsInView {
  first: number;
  /** Behind the last one. */
  end: number;
}

/** The rows of a stack that begins `top` above or below the top of a view. */
export function rowsInView(top: number, height: number, view: number, rows: number): RowsInView {
  if (rows <= WHOLE) return { first: 0, end: rows };
  const first = Math.max(0, Math.floor(-top / height) - AROUND);
  const end = Math.min(rows, Math.ceil((view - top) / height) + AROUND);
  return { first: Math.min(first, rows), end: Math.max(end, 0) };
}

export function useRowsInView(body: RefObject<HTMLElement>, rows: number, height: number): RowsInView {
  const [now, set] = useState<RowsInView>(rowsInView(0, height, innerHeight, rows));
  useEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      if (!body.current) return;
      const next = rowsInView(body.current.getBoundingClientRect().top, height, innerHeight, rows);
      set((old) => (old.first === next.first && old.end === next.end ? old : next));
    };
    const soon = () => (frame ||= requestAnimationFrame(measure));
    measure();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [rows, height]);
  return { first: Math.min(now.first, rows), end: Math.min(Math.max(now.end, now.first), rows) };
}
