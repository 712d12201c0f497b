import { useCallback, useRef, useState } from 'preact/hooks';

/** The inner width of the element that takes the function for its ref, in pixels; while there is none, the last one. */
export function useRoom(first_px: number): [(element: HTMLElement | null) => void, number] {
  const [width_px, measure] = useState(first_px);
  const watching = useRef<ResizeObserver | null>(null);
  const room = useCallback((element: HTMLElement | null) => {
    watching.current?.disconnect();
    watching.current = element && new ResizeObserver(() => measure(element.clientWidth));
    if (element) watching.current!.observe(element);
  }, []);
  return [room, width_px];
}
