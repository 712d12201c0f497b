// What the stream's last word means for the reader: one verdict, the worst.

import { seconds } from '../format/times';
import type { LiveState } from './answers';
import type { Connection } from './live';

/** A break shorter than this is not worth a word. */
export const LOST_AFTER_MS = 3_000;
const BEHIND_S = 10;

export type Verdict =
  | { is: 'connecting' }
  | { is: 'reconnecting'; as_of_s: number | null; ago_s: number; again_in_s: number }
  | { is: 'postgres' | 'redis'; as_of_s: number | null }
  | { is: 'halted'; shards: number[]; through_s: number | null; reason: string }
  | { is: 'behind'; through_s: number; waiting: number; catch_up_s: number | null }
  | { is: 'waiting' }
  | { is: 'live'; through_s: number | null };

function halted(state: LiveState): Verdict {
  const through = state.halted.map((one) => seconds(one.counted_through)).filter((s): s is number => s != null);
  return {
    is: 'halted',
    shards: state.halted.map((one) => one.shard).sort((a, b) => a - b),
    through_s: through.length ? Math.min(...through) : null,
    reason: state.halted[0]?.reason ?? '',
  };
}

/** Judges a state the page has just heard. */
export function judge(state: LiveState): Verdict {
  const through_s = seconds(state.counted_through);
  if (!state.postgres.ok) return { is: 'postgres', as_of_s: through_s };
  if (!state.redis.ok) return { is: 'redis', as_of_s: through_s };
  if (state.halted.length) return halted(state);
  const at_s = seconds(state.at) ?? 0;
  if (through_s != null && state.in_flight > 0 && at_s - through_s > BEHIND_S) {
    return { is: 'behind', through_s, waiting: state.in_flight, catch_up_s: state.catch_up_seconds };
  }
  return state.accepted === 0 ? { is: 'waiting' } : { is: 'live', through_s };
}

/** The verdict at a moment of this computer's clock. */
export function verdictOf(connection: Connection, now_ms: number): Verdict {
  const { state, lost_ms, retry_at_ms } = connection;
  if (lost_ms != null && now_ms - lost_ms >= LOST_AFTER_MS) {
    const ago_s = (now_ms - (connection.received_ms ?? lost_ms)) / 1000;
    const again_in_s = Math.max(0, Math.ceil(((retry_at_ms ?? now_ms) - now_ms) / 1000));
    return { is: 'reconnecting', as_of_s: state && seconds(state.counted_through), ago_s, again_in_s };
  }
  return state ? judge(state) : { is: 'connecting' };
}

/** Whether the API was upgraded under this page: it names another script than the one that runs here. */
export function upgraded(state: LiveState | null, script: string): boolean {
  return !!state?.page && script !== '' && state.page.split('/').pop() !== script;
}
