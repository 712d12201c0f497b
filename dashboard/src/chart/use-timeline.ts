import { useMemo } from 'preact/hooks';
import type { Charted } from '../api/answers';
import { live, serverSeconds } from '../api/live';
import { useWatchedPart } from '../store';
import { timelineOf } from './columns';
import type { Timeline } from './timeline';

/** The time axis of an answer that came at a moment of this computer's clock. */
export function useTimeline(answer: Charted, at_ms: number): Timeline {
  const known = useWatchedPart(live, ({ state }) => state !== null);
  return useMemo(() => timelineOf(answer, serverSeconds(live.value, at_ms)), [answer, known]);
}
