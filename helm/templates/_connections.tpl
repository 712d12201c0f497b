{{/*
Where Redis and PostgreSQL are, bundled or external: the one place that turns settings into hosts, ports and URLs.
*/}}

{{- define "tally.redis.host" -}}
{{- if .Values.redis.enabled -}}
{{ include "tally.fullname" . }}-redis.{{ include "tally.namespace" (dict "root" . "of" "data") }}.svc.{{ .Values.clusterDomain }}
{{- else -}}
{{ .Values.externalRedis.host }}
{{- end -}}
{{- end }}
{{- define "tally.redis.port" }}{{ .Values.redis.enabled | ternary 6379 (int64 .Values.externalRedis.port) }}{{ end }}

{{- define "tally.postgres.host" -}}
{{- if .Values.postgres.enabled -}}
{{ include "tally.fullname" . }}-postgres.{{ include "tally.namespace" (dict "root" . "of" "data") }}.svc.{{ .Values.clusterDomain }}
{{- else -}}
{{ .Values.externalPostgres.host }}
{{- end -}}
{{- end }}
{{- define "tally.postgres.port" }}{{ .Values.postgres.enabled | ternary 5432 (int64 .Values.externalPostgres.port) }}{{ end }}
{{- define "tally.postgres.database" }}{{ .Values.postgres.enabled | ternary .Values.postgres.database .Values.externalPostgres.database }}{{ end }}

{{- /* A user's name in Redis; empty where an external Redis knows passwords only. d: root, user (api|consumer|metrics). */}}
{{- define "tally.redis.user" -}}
{{- .root.Values.redis.enabled | ternary (printf "tally_%s" .user) (index .root.Values.externalRedis.users .user) -}}
{{- end }}

{{- define "tally.urlquery" }}{{ urlquery . | replace "+" "%20" }}{{ end }}

{{- /* d: root, user. */}}
{{- define "tally.redis.url" -}}
{{- $tls := and (not .root.Values.redis.enabled) .root.Values.externalRedis.tls -}}
{{- $password := include "tally.password" (dict "root" .root "store" "redis" "user" .user) -}}
{{ $tls | ternary "rediss" "redis" }}://{{ include "tally.redis.user" . }}:{{ include "tally.urlquery" $password }}@{{ include "tally.redis.host" .root }}:{{ include "tally.redis.port" .root }}/
{{- end }}

{{- /* d: root, user (owner|consumer|api|grafana): the role tally_<user>. */}}
{{- define "tally.postgres.url" -}}
{{- $tls := and (not .root.Values.postgres.enabled) .root.Values.externalPostgres.tls -}}
{{- $password := include "tally.password" (dict "root" .root "store" "postgres" "user" .user) -}}
postgres://tally_{{ .user }}:{{ include "tally.urlquery" $password }}@{{ include "tally.postgres.host" .root }}:{{ include "tally.postgres.port" .root }}/{{ include "tally.postgres.database" .root }}{{ $tls | ternary "?sslmode=require" "" }}
{{- end }}

{{- /* The API inside the cluster. */}}
{{- define "tally.api.url" -}}
http://{{ include "tally.fullname" . }}-api.{{ include "tally.namespace" (dict "root" . "of" "api") }}.svc.{{ .Values.clusterDomain }}{{ if ne (int .Values.api.service.port) 80 }}:{{ int .Values.api.service.port }}{{ end }}
{{- end }}

{{- /* Changes when the places change, so that Jobs named by content are made anew. */}}
{{- define "tally.checksum.connections" -}}
{{- list (include "tally.redis.host" .) (include "tally.redis.port" .) (include "tally.postgres.host" .) (include "tally.postgres.port" .) (include "tally.postgres.database" .) | toJson | sha256sum -}}
{{- end }}
