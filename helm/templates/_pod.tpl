{{/*
What every pod has: it passes Pod Security "restricted", carries no token, and stands where the values want it.
*/}}

{{- define "tally.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- /* d: root, account (suffix of the ServiceAccount), id (uid and gid), values (placement; may be empty). Top of a pod's spec. */}}
{{- define "tally.pod" -}}
serviceAccountName: {{ include "tally.fullname" .root }}-{{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int64 .id }}
  runAsGroup: {{ int64 .id }}
  fsGroup: {{ int64 .id }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- $values := default dict .values }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with get $values "priorityClassName" }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* d: root, component, keys (list of topology keys). */}}
{{- define "tally.spread" -}}
{{- if .keys }}
topologySpreadConstraints:
  {{- range .keys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "tally.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{- /* d: root, name, image. The head of a container of ours. */}}
{{- define "tally.container" -}}
name: {{ .name }}
image: {{ include "tally.image" . }}
imagePullPolicy: {{ .image.pullPolicy }}
securityContext:
  {{- include "tally.container.security" . | nindent 2 }}
{{- end }}

{{- /* What a pod's init container asks for: less than any container beside it, so that it costs no room. */}}
{{- define "tally.resources.small" -}}
requests: { cpu: 10m, memory: 32Mi }
limits: { cpu: 200m, memory: 64Mi }
{{- end }}

{{- /*
Waits until the schema is what this release's binaries need. A pod that is made while PostgreSQL is away waits here; pods that
run already, or only restart their container, do not. d: root, which (secret).
*/}}
{{- define "tally.waitForSchema" -}}
- {{ include "tally.container" (dict "root" .root "name" "wait-for-schema" "image" .root.Values.consumer.image) | nindent 2 | trim }}
  command: [tally-consumer, wait]
  env:
    {{- $settings := include "tally.settings.operator" (dict "root" .root "waitSeconds" .root.Values.consumer.waitSeconds) }}
    {{- include "tally.env" (dict "root" .root "settings" $settings "secret" (include "tally.secret" .) "redis" false) | trim | nindent 4 }}
  resources:
    {{- include "tally.resources.small" . | nindent 4 }}
  {{- include "tally.caMount" .root | nindent 2 }}
{{- end }}

{{- /* volumeMounts: of programs that reach Redis or PostgreSQL; `tally.caMount` alone where a container needs no other. */}}
{{- define "tally.caMount" -}}
{{- if .Values.externalTls.caSecret }}
volumeMounts:
  {{- include "tally.caMount.item" . | nindent 2 }}
{{- end }}
{{- end }}
{{- define "tally.caMount.item" -}}
{{- if .Values.externalTls.caSecret }}
- { name: ca, mountPath: /etc/tally/ca, readOnly: true }
{{- end }}
{{- end }}
{{- define "tally.caVolume" -}}
{{- with .Values.externalTls }}
{{- if .caSecret }}
- name: ca
  secret:
    secretName: {{ .caSecret }}
    items: [{ key: {{ .caKey }}, path: ca.crt }]
{{- end }}
{{- end }}
{{- end }}

{{- /* A probe over HTTP. d: path, values {initialDelaySeconds …}. */}}
{{- define "tally.probe" -}}
httpGet: { path: {{ .path }}, port: http }
{{ toYaml .values }}
{{- end }}

{{- /* d: root, values (the component's podAnnotations and checksums as a text). */}}
{{- define "tally.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .name "name" .name "of" .of) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
