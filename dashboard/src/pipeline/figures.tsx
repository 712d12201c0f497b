import type { Pipeline, Shard } from '../api/answers';
import type { Quantity } from '../format/numbers';
import { NONE, bytes, count, duration, rate, ratio, words } from '../format/numbers';
import { length } from '../format/times';
import { Figure, Figures } from '../shell/figures';

/** How far behind: seconds with a decimal as long as that says something. */
export function behind(ms: number | null): Quantity {
  if (ms == null) return { text: NONE, unit: '' };
  if (ms < 50) return { text: ms === 0 ? '0' : '<0.1', unit: 's' };
  if (ms < 60_000) return { text: (ms / 1000).toFixed(1), unit: 's' };
  const minutes = ms / 60_000;
  if (minutes < 90) return { text: minutes.toFixed(0), unit: 'min' };
  return { text: (minutes / 60).toFixed(1), unit: 'h' };
}

/** The slowest shard by name, and how the others do. */
function slowest(shards: Shard[]): string {
  const known = shards.filter((shard) => shard.behind_ms != null).sort((a, b) => b.behind_ms! - a.behind_ms!);
  const [worst, next] = known;
  if (!worst || worst.behind_ms! < 1_000) return 'accepted to counted';
  return next ? `shard ${worst.shard}; the others ${words(behind(next.behind_ms))}` : `shard ${worst.shard}`;
}

/** The fuller of the two limits, events or bytes. */
function limit(backlog: Pipeline['backlog']): string {
  const { limit_events, limit_bytes } = backlog;
  const full = Math.max(limit_events ? backlog.events / limit_events : 0, limit_bytes ? backlog.bytes / limit_bytes : 0);
  if (full > 0.1) return `${words(ratio(full))} of its limit`;
  return limit_events ? `limit ${words(count(limit_events))}` : 'accepted, not applied';
}

function memory(redis: Pipeline['redis']): Quantity {
  return redis.max_bytes ? ratio(redis.used_bytes / redis.max_bytes) : bytes(redis.used_bytes);
}

function fsync(appendfsync: string | null): string {
  if (appendfsync == null) return 'by this API';
  return appendfsync === 'always' ? 'with fsync' : `fsync ${appendfsync}`;
}

export function PipelineFigures({ pipeline }: { pipeline: Pipeline }) {
  const { backlog, redis, retained_seconds } = pipeline;
  const waiting = count(backlog.events);
  return (
    <Figures>
      <Figure name="Backlog" value={{ ...waiting, unit: `${waiting.unit} events`.trim() }} note={limit(backlog)} />
      <Figure name="Freshness" value={behind(pipeline.freshness_ms)} note={slowest(pipeline.shards)} />
      <Figure name="Accepting" value={rate(pipeline.accepting_per_second)} note="events" />
      <Figure name="Counting" value={rate(pipeline.counting_per_second)} note="events" />
      <Figure name="Append p99" value={duration(pipeline.append_p99_ms)} note={fsync(redis.appendfsync)} />
      <Figure
        name="Redis memory"
        value={memory(redis)}
        note={retained_seconds == null ? bytesOf(redis) : `retained ${length(retained_seconds)}`}
      />
    </Figures>
  );
}

function bytesOf(redis: Pipeline['redis']): string {
  return redis.max_bytes ? `of ${words(bytes(redis.max_bytes))}` : 'no limit set';
}
