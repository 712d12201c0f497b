{{/*
Exporters: sidecars of the bundled stores. Each uses a user that may read figures and nothing else.
*/}}

{{- define "tally.exporter.redis" -}}
{{- with .Values.metrics.exporters.redis }}
{{- if .enabled }}
- {{ include "tally.container" (dict "root" $ "name" "redis-exporter" "image" .image) | nindent 2 | trim }}
  env:
    - name: REDIS_ADDR
      value: redis://127.0.0.1:6379
    - name: REDIS_USER
      value: {{ include "tally.redis.user" (dict "root" $ "user" "metrics") }}
    - name: REDIS_PASSWORD
      valueFrom:
        secretKeyRef: { name: {{ include "tally.secret.redis" $ }}, key: metrics-password }
    - name: REDIS_EXPORTER_WEB_LISTEN_ADDRESS
      value: 0.0.0.0:9121
  ports:
    - { name: redis-metrics, containerPort: 9121 }
  resources:
    {{- toYaml .resources | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tally.exporter.postgres" -}}
{{- with .Values.metrics.exporters.postgres }}
{{- if .enabled }}
- {{ include "tally.container" (dict "root" $ "name" "postgres-exporter" "image" .image) | nindent 2 | trim }}
  env:
    - name: DATA_SOURCE_URI
      value: 127.0.0.1:5432/{{ include "tally.postgres.database" $ }}?sslmode=disable
    - name: DATA_SOURCE_USER
      value: tally_grafana
    - name: DATA_SOURCE_PASS
      valueFrom:
        secretKeyRef: { name: {{ include "tally.secret.postgres" $ }}, key: grafana-password }
    - name: PG_EXPORTER_WEB_LISTEN_ADDRESS
      value: 0.0.0.0:9187
  ports:
    - { name: pg-metrics, containerPort: 9187 }
  resources:
    {{- toYaml .resources | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The list of ports that Prometheus is let in to, in the data namespace. d: root, store. For NetworkPolicies. */}}
{{- define "tally.exporter.port" -}}
{{- if (index .root.Values.metrics.exporters .store).enabled }}{{ eq .store "redis" | ternary 9121 9187 }}{{ end -}}
{{- end }}
