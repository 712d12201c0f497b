// One polite voice for screen readers: "curl command copied".

import { Watched, useWatched } from '../store';

const said = new Watched('');

export function say(sentence: string): void {
  said.value = sentence;
}

export function Voice() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {useWatched(said)}
    </div>
  );
}
