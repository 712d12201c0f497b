// The API's answers as the page reads them; docs/http.md is where they are described. Times named `…_s` are epoch seconds,
// others RFC 3339; durations are milliseconds; ids are strings. 0 is counted and zero, null is no value.

/** The three classes and one success class that figures are kept by. */
export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx';

export interface Durations {
  avg: number | null;
  min: number | null;
  max: number | null;
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
}

export interface Figures {
  requests: number;
  errors: number;
  client_errors: number;
  error_ratio: number | null;
  rate_per_second: number;
  status: Partial<Record<StatusClass, number>>;
  duration_ms: Durations;
}

/** Figures as columns, all equally long. */
interface Columns {
  requests: number[];
  status_2xx: number[];
  status_3xx: number[];
  status_4xx: number[];
  status_5xx: number[];
  p50: (number | null)[];
  p90: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
}

/** Figures over time; a step without a request is there. */
export interface Series extends Columns {
  start_s: number[];
}

/** The table of endpoints as columns; `service` and `method` are indexes into the two lists. */
export interface Rows extends Columns {
  services: string[];
  methods: string[];
  id: string[];
  service: number[];
  method: number[];
  route: string[];
  before_requests?: number[];
  before_status_5xx?: number[];
  before_p99?: (number | null)[];
}

export interface Compared {
  by: string;
  from: string;
  to: string;
}

/** What every read says about itself. */
export interface Windowed {
  from: string;
  to: string;
  level: 'minute' | 'hour' | 'day' | 'month';
  counted_through: string | null;
  compare?: Compared | null;
}

/** A stretch of time with far more failures than before. */
export interface Mark {
  from_s: number;
  to_s: number;
  factor: number | null;
  error_ratio: number;
}

export interface Changed {
  id: string;
  service: string;
  method: string;
  route: string;
  more_errors: number;
  error_ratio: number | null;
  before_error_ratio: number | null;
  peak_error_ratio: number | null;
  peak_s: number | null;
  p99: number | null;
  before_p99: number | null;
}

/** What the pages of everything and of one endpoint have in common. */
export interface Charted extends Windowed {
  /** Null for calendar months. */
  step_seconds: number | null;
  first_request_at: string | null;
  last_request_at: string | null;
  summary: Figures;
  before: Figures | null;
  series: Series;
  before_series: Series | null;
  marks: Mark[];
}

export interface Overview extends Charted {
  services: { service: string; endpoints: number; requests: number }[];
  endpoints_total: number;
  endpoints_new: number | null;
  changed: Changed[];
  rows: Rows;
}

export interface EndpointRows extends Windowed {
  rows: Rows;
}

export interface Sparklines extends Windowed {
  step_seconds: number;
  start_s: number[];
  sparklines: { id: string; requests: number[]; errors: number[] }[];
}

/** Sparse cells of the latency distribution over time: column, bin, count. */
export interface Heat {
  step_seconds: number;
  start_s: number[];
  bin_lower_ms: number[];
  bin_upper_ms: number[];
  column: number[];
  bin: number[];
  count: number[];
}

export interface WorstHour {
  from_s: number;
  to_s: number;
  requests: number;
  errors: number;
  error_ratio: number | null;
  p50: number | null;
  p99: number | null;
}

export interface Endpoint extends Charted {
  id: string;
  service: string;
  method: string;
  route: string;
  heat: Heat;
  distribution: { count: number[]; before: number[] | null };
  worst_hours: WorstHour[];
}

export interface Dependency {
  ok: boolean;
  detail: string;
  cure: string | null;
}

/** One message of `GET /v1/live`. */
export interface LiveState {
  at: string;
  version: string;
  page: string | null;
  counted_through: string | null;
  accepted: number;
  counted: number;
  dead_lettered: number;
  in_flight: number;
  duplicates: number;
  balanced: boolean;
  events_per_second: number;
  catch_up_seconds: number | null;
  redis: Dependency;
  postgres: Dependency;
  consumer: Dependency & { alive: number; owned: number; shards: number };
  halted: { shard: number; reason: string; counted_through: string | null }[];
}

export interface Shard {
  shard: number;
  state: 'reading' | 'catching_up' | 'halted' | 'unowned';
  halted: string | null;
  consumer: string | null;
  position: string | null;
  in_flight: number;
  behind_ms: number | null;
  events_per_second: number;
  lease_ends_in_ms: number | null;
  counted_through: string | null;
}

export interface Pipeline {
  counted_through: string | null;
  since: string | null;
  accepted: number;
  counted: number;
  dead_lettered: number;
  in_flight: number;
  duplicates: number;
  filtered: number;
  lost: number;
  balanced: boolean;
  backlog: { events: number; limit_events: number | null; bytes: number; limit_bytes: number | null };
  freshness_ms: number | null;
  accepting_per_second: number;
  counting_per_second: number;
  append_p99_ms: number | null;
  redis: { used_bytes: number; max_bytes: number | null; appendfsync: string | null };
  retained_seconds: number | null;
  consumers: number;
  shards: Shard[];
  history: { start_s: number[]; backlog: (number | null)[]; freshness_ms: (number | null)[] };
}

export interface DeadLetterReason {
  reason: string;
  text: string;
  events: number;
  letters: number;
  services: string[];
  last_at: string | null;
  sample: string | null;
  redrivable: boolean;
  redrive: { asked_at: string; redriven: number; refused: number; done_at: string | null } | null;
}

export interface DeadLetterReasons {
  counted_through: string | null;
  events: number;
  reasons: DeadLetterReason[];
}

export interface PollResult {
  option: string;
  votes: number;
  percentage: number | null;
}

export interface Poll {
  poll: string;
  title: string | null;
  total: number;
  results: PollResult[];
}

export interface Polls {
  counted_through: string | null;
  polls: Poll[];
}

export interface Votes {
  counted_through: string | null;
  votes: {
    at: string;
    poll: string;
    option: string;
    voter: string | null;
    verdict: 'counted' | 'changed';
    changed_from: string | null;
  }[];
}

export interface KeptReport {
  name: string;
  title: string;
  from: string;
  to: string;
  service: string | null;
  made_at: string;
  deleted_at: string;
  bytes: { html: number | null; csv: number | null; json: number | null };
}

export interface Reports {
  kept_days: number;
  directory_writable: boolean;
  reports: KeptReport[];
}

export interface Folded {
  counted_through: string | null;
  folded: { service: string; method: string; route: string; requests: number; last: string }[];
}

/** A refusal, RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  field?: string;
}
