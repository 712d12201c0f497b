{{/*
NetworkPolicies: who may talk to whom. Every namespace denies both ways first, then allows DNS, then each pod what it needs.
*/}}

{{- /* A peer that is a component of ours. d: root, of, component. */}}
{{- define "tally.peer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ include "tally.namespace" . }}
  podSelector:
    matchLabels:
      {{- include "tally.selectorLabels" . | nindent 6 }}
{{- end }}

{{- /* Egress rules to Redis and PostgreSQL. */}}
{{- define "tally.egress.redis" -}}
- to:
    {{- if .Values.redis.enabled }}
    {{- include "tally.peer" (dict "root" . "of" "data" "component" "redis") | nindent 4 }}
    {{- else }}
    {{- range .Values.externalRedis.cidrs }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
    {{- end }}
  ports:
    - { protocol: TCP, port: {{ include "tally.redis.port" . }} }
{{- end }}
{{- define "tally.egress.postgres" -}}
- to:
    {{- if .Values.postgres.enabled }}
    {{- include "tally.peer" (dict "root" . "of" "data" "component" "postgres") | nindent 4 }}
    {{- else }}
    {{- range .Values.externalPostgres.cidrs }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
    {{- end }}
  ports:
    - { protocol: TCP, port: {{ include "tally.postgres.port" . }} }
{{- end }}

{{- /* The two that every namespace has. d: root, of. */}}
{{- define "tally.defaultDeny" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .of "name" "default-deny" "of" .of) | nindent 2 }}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .of "name" "dns" "of" .of) | nindent 2 }}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector:
            matchLabels: { kubernetes.io/metadata.name: kube-system }
          podSelector:
            matchLabels: { k8s-app: kube-dns }
        {{- /* NodeLocal DNS answers from the node's own network: no pod selector finds it. */}}
        {{- range .root.Values.networkPolicy.dnsCIDRs }}
        - ipBlock: { cidr: {{ . }} }
        {{- end }}
      ports:
        - { protocol: UDP, port: 53 }
        - { protocol: TCP, port: 53 }
{{- end }}

{{- /* d: root, of, component, ingress, egress (texts of rule lists, possibly empty). */}}
{{- define "tally.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .component "name" .component "of" .of) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tally.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with trim .ingress }}
  ingress:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with trim .egress }}
  egress:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* Each component's rules. */}}
{{- /* Everything that reaches the stores. */}}
{{- define "tally.peers.stores" -}}
{{ include "tally.peer" (dict "root" . "of" "api" "component" "api") }}
{{ include "tally.peer" (dict "root" . "of" "consumer" "component" "consumer") }}
{{- if .Values.migrate.enabled }}
{{ include "tally.peer" (dict "root" . "of" "data" "component" "migrate") }}
{{- end }}
{{- end }}

{{- define "tally.ingress.redis" -}}
- from:
    {{- include "tally.peers.stores" . | nindent 4 }}
    {{- if and .Values.consumer.keda.enabled .Values.networkPolicy.kedaFrom }}
    {{- toYaml .Values.networkPolicy.kedaFrom | nindent 4 }}
    {{- end }}
  ports: [{ protocol: TCP, port: redis }]
{{- if and (include "tally.exporter.port" (dict "root" . "store" "redis")) .Values.networkPolicy.metricsFrom }}
- from:
    {{- toYaml .Values.networkPolicy.metricsFrom | nindent 4 }}
  ports: [{ protocol: TCP, port: redis-metrics }]
{{- end }}
{{- end }}

{{- define "tally.ingress.postgres" -}}
- from:
    {{- include "tally.peers.stores" . | nindent 4 }}
    {{- if or .Values.backup.enabled .Values.restore.enabled }}
    {{- include "tally.peer" (dict "root" . "of" "data" "component" "backup") | nindent 4 }}
    {{- end }}
    {{- with .Values.networkPolicy.grafanaFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports: [{ protocol: TCP, port: postgres }]
{{- if and (include "tally.exporter.port" (dict "root" . "store" "postgres")) .Values.networkPolicy.metricsFrom }}
- from:
    {{- toYaml .Values.networkPolicy.metricsFrom | nindent 4 }}
  ports: [{ protocol: TCP, port: pg-metrics }]
{{- end }}
{{- end }}

{{- define "tally.egress.stores" -}}
{{ include "tally.egress.redis" . }}
{{ include "tally.egress.postgres" . }}
{{- end }}

{{- define "tally.egress.backup" -}}
{{ include "tally.egress.postgres" . }}
{{- with .Values.networkPolicy.extraEgress.backup }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* An empty `from` would let everybody in: without peers there is no rule. */}}
{{- define "tally.ingress.api" -}}
{{- $peers := concat .Values.networkPolicy.apiFrom .Values.networkPolicy.metricsFrom -}}
{{- if or $peers .Values.tests.enabled .Values.reports.enabled -}}
- from:
    {{- with $peers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if .Values.tests.enabled }}
    {{- include "tally.peer" (dict "root" . "of" "api" "component" "test") | nindent 4 }}
    {{- end }}
    {{- if .Values.reports.enabled }}
    {{- include "tally.peer" (dict "root" . "of" "api" "component" "reports") | nindent 4 }}
    {{- end }}
  ports: [{ protocol: TCP, port: http }]
{{- end }}
{{- end }}

{{- define "tally.egress.api" -}}
{{ include "tally.egress.redis" . }}
{{ include "tally.egress.postgres" . }}
{{- with .Values.networkPolicy.extraEgress.api }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Of the pods that ask the API, and nobody else. */}}
{{- define "tally.egress.asking" -}}
- to:
    {{- include "tally.peer" (dict "root" . "of" "api" "component" "api") | nindent 4 }}
  ports: [{ protocol: TCP, port: http }]
{{- end }}

{{- define "tally.ingress.consumer" -}}
{{- with .Values.networkPolicy.metricsFrom }}
- from:
    {{- toYaml . | nindent 4 }}
  ports: [{ protocol: TCP, port: http }]
{{- end }}
{{- end }}

{{- define "tally.egress.consumer" -}}
{{ include "tally.egress.redis" . }}
{{ include "tally.egress.postgres" . }}
{{- with .Values.networkPolicy.extraEgress.consumer }}
{{ toYaml . }}
{{- end }}
{{- end }}
