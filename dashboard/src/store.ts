// A value that parts of the page watch. Charts watch it outside of Preact (a cursor moves every frame), components by hook.

import { useEffect, useState } from 'preact/hooks';

export class Watched<T> {
  private watchers = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const watcher of [...this.watchers]) watcher(next);
  }

  /** Calls `watcher` on every change until the returned function is called. */
  watch(watcher: (value: T) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

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
