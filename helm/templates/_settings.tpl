{{/*
The settings of tally-api and tally-consumer, and the arithmetic behind their limits. They stand in the pod template itself,
not in a ConfigMap: a pod of the former release that restarts during an upgrade then still has the settings it was made for.
*/}}

{{- /* A Kubernetes quantity ("256Mi", "1G", 1024) in bytes. */}}
{{- define "tally.bytes" -}}
{{- $text := toString . -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([kMGT]|[KMGT]i)?$" $text) -}}
{{- fail (printf "%q is not an amount of bytes: write it like 512Mi or 1Gi" $text) -}}
{{- end -}}
{{- $number := trimSuffix $unit $text -}}
{{- if contains "." $number -}}
{{- mulf (float64 $number) (float64 (index $factors $unit)) | floor | int64 -}}
{{- else -}}
{{- mul (int64 $number) (int64 (index $factors $unit)) -}}
{{- end -}}
{{- end }}

{{- /*
Redis's maxmemory in bytes. Bundled: maxmemoryPercent of its memory limit; the rest of the limit is for what maxmemory does
not count or what comes and goes: pages copied while the append-only file is rewritten (fork), buffers of clients (a script
call carries up to 4 MiB, a read up to 16 MiB), and the process itself. External: as the values say it; 0 if they do not.
*/}}
{{- define "tally.redis.maxmemory" -}}
{{- if .Values.redis.enabled -}}
{{- $limit := include "tally.bytes" .Values.redis.resources.limits.memory | int64 -}}
{{- div (mul $limit (int64 .Values.redis.maxmemoryPercent)) 100 -}}
{{- else if .Values.externalRedis.maxmemory -}}
{{- include "tally.bytes" .Values.externalRedis.maxmemory -}}
{{- else -}}
0
{{- end -}}
{{- end }}

{{- /*
What the log may hold, from Redis's memory. Both programs check at start that
    maxmemory >= (backlog + retention + dedupe) * 1.25
so what can be held is maxmemory / 1.25 = maxmemory * 4 / 5. Of that
    backlog    1/2   accepted and not yet counted: the time a consumer or PostgreSQL may be away
    retention  1/4   counted already, kept for replay and restored backups
    dedupe     1/4   request ids of clients
A value that is set is taken as it is; validate.yaml checks the sum. With the default limit of 256Mi and 60 %:
maxmemory 153.6 MiB, held 122.9 MiB: backlog 61.4, retention 30.7, dedupe 30.7 MiB.
d: root, of (backlogBytes|retentionBytes|dedupeBytes).
*/}}
{{- define "tally.stream.bytes" -}}
{{- $given := index .root.Values.stream .of -}}
{{- if $given -}}
{{- include "tally.bytes" $given -}}
{{- else -}}
{{- $held := div (mul (include "tally.redis.maxmemory" .root | int64) 4) 5 -}}
{{- div $held (eq .of "backlogBytes" | ternary 2 4) -}}
{{- end -}}
{{- end }}

{{- /* What both programs read. */}}
{{- define "tally.settings.shared" -}}
TALLY_SHARDS: {{ int64 .Values.stream.shards | quote }}
TALLY_BACKLOG_BYTES: {{ include "tally.stream.bytes" (dict "root" . "of" "backlogBytes") | quote }}
TALLY_RETENTION_BYTES: {{ include "tally.stream.bytes" (dict "root" . "of" "retentionBytes") | quote }}
TALLY_DEDUPE_BYTES: {{ include "tally.stream.bytes" (dict "root" . "of" "dedupeBytes") | quote }}
TALLY_DEDUPE_SECONDS: {{ int64 .Values.stream.dedupeSeconds | quote }}
TALLY_KEEP_DAYS_DAYS: {{ int64 .Values.keep.daysDays | quote }}
TALLY_LOG: {{ .Values.logging.filter | quote }}
TALLY_LOG_FORMAT: {{ .Values.logging.format | quote }}
{{- end }}

{{- define "tally.settings.api" -}}
{{ include "tally.settings.shared" . }}
TALLY_LISTEN: 0.0.0.0:8080
TALLY_WORKERS: {{ int64 .Values.api.workers | quote }}
TALLY_DEADLINE_MS: {{ int64 .Values.api.deadlineMs | quote }}
TALLY_BACKLOG_EVENTS: {{ int64 .Values.stream.backlogEvents | quote }}
TALLY_TRUST_FORWARDED: {{ .Values.api.trustForwarded | quote }}
TALLY_CORS_ORIGINS: {{ join "," .Values.api.corsOrigins | quote }}
TALLY_LIVE_MAX: {{ int64 .Values.api.liveMax | quote }}
TALLY_GRACE_SECONDS: {{ int64 .Values.api.graceSeconds | quote }}
{{- if .Values.reports.enabled }}
TALLY_REPORTS_DIR: /reports
TALLY_REPORTS_DAYS: {{ int64 .Values.reports.keepDays | quote }}
{{- end }}
{{- end }}

{{- define "tally.settings.consumer" -}}
{{ include "tally.settings.shared" . }}
TALLY_CONSUMER_LISTEN: 0.0.0.0:8081
TALLY_CONSUMER_GRACE_SECONDS: {{ int64 .Values.consumer.graceSeconds | quote }}
TALLY_WAIT_SECONDS: {{ int64 .Values.consumer.waitSeconds | quote }}
TALLY_LEASE_SECONDS: {{ int64 .Values.consumer.leaseSeconds | quote }}
TALLY_FLUSH_MS: {{ int64 .Values.consumer.flushMs | quote }}
TALLY_RETENTION_SECONDS: {{ int64 .Values.stream.retentionSeconds | quote }}
TALLY_KEEP_MINUTES_DAYS: {{ int64 .Values.keep.minutesDays | quote }}
TALLY_KEEP_HOURS_DAYS: {{ int64 .Values.keep.hoursDays | quote }}
{{- end }}

{{- /* For the Jobs that end (migrate, backup, restore): only what they use, so that nothing else renames them. */}}
{{- define "tally.settings.operator" -}}
TALLY_SHARDS: {{ int64 .root.Values.stream.shards | quote }}
TALLY_LOG: {{ .root.Values.logging.filter | quote }}
TALLY_LOG_FORMAT: {{ .root.Values.logging.format | quote }}
TALLY_WAIT_SECONDS: {{ int64 .waitSeconds | quote }}
{{- end }}

{{- /* d: root, settings (text of a map), secret (name), redis (bool), extra (list). An `env:` list, sorted by name. */}}
{{- define "tally.env" -}}
{{- range $name, $value := fromYaml .settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: TALLY_DATABASE_URL
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: database-url }
{{- if .redis }}
- name: TALLY_REDIS_URL
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: redis-url }
{{- end }}
{{- $v := .root.Values }}
{{- if and $v.externalTls.caSecret (not $v.postgres.enabled) $v.externalPostgres.tls }}
- name: TALLY_DATABASE_CA_FILE
  value: /etc/tally/ca/ca.crt
{{- end }}
{{- if and .redis $v.externalTls.caSecret (not $v.redis.enabled) $v.externalRedis.tls }}
- name: TALLY_REDIS_CA_FILE
  value: /etc/tally/ca/ca.crt
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}
