// How much room there is; the style sheet's two steps, for what a style sheet cannot do.

import { Watched, useWatched } from './store';

export type Width = 'desk' | 'tablet' | 'phone';

const tablet = matchMedia('(max-width: 1100px)');
const phone = matchMedia('(max-width: 620px)');

function now(): Width {
  return phone.matches ? 'phone' : tablet.matches ? 'tablet' : 'desk';
}

const width = new Watched<Width>(now());
for (const query of [tablet, phone]) query.addEventListener('change', () => (width.value = now()));

export function useWidth(): Width {
  return useWatched(width);
}
