// One polite voice, seen and heard: "Link copied". It stands in the top bar, over nothing, and goes by itself.

import { Watched, useWatched } from '../store';

const SHOWN_MS = 3_000;

const said = new Watched('');

let timer: ReturnType<typeof setTimeout> | undefined;

export function say(sentence: string): void {
  clearTimeout(timer);
  said.value = sentence;
  timer = setTimeout(() => (said.value = ''), SHOWN_MS);
}

export function Voice() {
  return (
    <div class="voice" role="status" aria-live="polite">
      {useWatched(said)}
    </div>
  );
}
