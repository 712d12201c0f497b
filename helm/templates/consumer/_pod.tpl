{{- /* The consumer's pod, in whatever it runs. d: root, command (run|drain). */}}
{{- define "tally.consumer.template" -}}
{{- $values := .root.Values.consumer -}}
{{- $of := dict "root" .root "component" "consumer" -}}
{{- $secret := include "tally.secret" (dict "root" .root "which" "consumer") -}}
{{- $runs := eq .command "run" -}}
metadata:
  labels:
    {{- include "tally.podLabels" $of | nindent 4 }}
  annotations:
    checksum/connections: {{ include "tally.checksum.connections" .root }}
    checksum/credentials: {{ include "tally.checksum.credentials" (dict "root" .root "users" (list "consumer") "token" $values.rolloutToken) }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "tally.pod" (dict "root" .root "account" "consumer" "id" 65532 "values" $values) | nindent 2 }}
  {{- if $runs }}
  {{- include "tally.spread" (dict "root" .root "component" "consumer" "keys" $values.spreadOver) | nindent 2 }}
  {{- else }}
  restartPolicy: OnFailure
  {{- end }}
  terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
  initContainers:
    {{- include "tally.waitForSchema" (dict "root" .root "which" "consumer") | nindent 4 }}
  containers:
    - {{ include "tally.container" (dict "root" .root "name" "consumer" "image" $values.image) | nindent 6 | trim }}
      command: [tally-consumer, {{ .command }}]
      env:
        {{- include "tally.env" (dict "root" .root "settings" (include "tally.settings.consumer" .root) "secret" $secret "redis" true "extra" $values.extraEnv) | trim | nindent 8 }}
      {{- if $runs }}
      ports:
        - { name: http, containerPort: 8081, protocol: TCP }
      startupProbe:
        {{- include "tally.probe" (dict "path" "/health" "values" $values.probes.startup) | nindent 8 }}
      livenessProbe:
        {{- include "tally.probe" (dict "path" "/health" "values" $values.probes.liveness) | nindent 8 }}
      readinessProbe:
        {{- include "tally.probe" (dict "path" "/ready" "values" $values.probes.readiness) | nindent 8 }}
      {{- if $values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ int64 $values.preStopSeconds }} }
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- include "tally.caMount.item" .root | nindent 8 }}
  volumes:
    - { name: tmp, emptyDir: {} }
    {{- include "tally.caVolume" .root | nindent 4 }}
{{- end }}
