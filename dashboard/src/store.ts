// Watched values as components see them.

import { useEffect, useState } from 'preact/hooks';
import { Watched } from './watched';

export { Watched };

/** The value as of this drawing; draws again when it changes. */
export function useWatched<T>(watched: Watched<T>): T {
  const [, draw] = useState(watched.value);
  useEffect(() => {
    draw(() => watched.value);
    return watched.watch((value) => draw(() => value));
  }, [watched]);
  return watched.value;
}

/** The same for a part of the value: draws again only when that part changes. */
export function useWatchedPart<T, P>(watched: Watched<T>, part: (value: T) => P): P {
  const now = part(watched.value);
  const [, draw] = useState(now);
  useEffect(() => {
    draw(() => part(watched.value));
    return watched.watch((value) => draw(() => part(value)));
  }, [watched]);
  return now;
}
