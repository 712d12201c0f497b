{{/*
Names and labels. Arguments called `d` below are dictionaries with `root` (the top context) and what else is named.
*/}}

{{- /* Room for the longest suffix: a CronJob's name may have 52 characters, a Job's pod 63 with what is added. */}}
{{- define "tally.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Values.fullnameOverride -}}
{{- if not $full -}}
{{- $full = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- end -}}
{{- if gt (len $full) 40 -}}
{{- /* Two long names that differ only at their ends must not become one. */ -}}
{{- printf "%s-%s" (trunc 31 $full | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* d: root, of (data|api|consumer). */}}
{{- define "tally.namespace" -}}
{{- $ns := index .root.Values.namespaces .of -}}
{{- default (printf "%s-%s" (include "tally.fullname" .root) .of) $ns.name -}}
{{- end }}

{{- /* d: root, component. Frozen: they stand in selectors and claim templates, so never a version here. */}}
{{- define "tally.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* d: root, component. For an object's own metadata. */}}
{{- define "tally.labels" -}}
{{ include "tally.selectorLabels" . }}
app.kubernetes.io/part-of: tally
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* d: root, component. For pod templates: no version, or every new chart would restart every pod. */}}
{{- define "tally.podLabels" -}}
{{ include "tally.selectorLabels" . }}
app.kubernetes.io/part-of: tally
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* d: root, component, name (suffix; empty for none), of (namespace). The head of an object. */}}
{{- define "tally.metadata" -}}
name: {{ include "tally.fullname" .root }}{{ with .name }}-{{ . }}{{ end }}
namespace: {{ include "tally.namespace" . }}
labels:
  {{- include "tally.labels" . | nindent 2 }}
{{- end }}

{{- /* d: root, image {registry, repository, tag, digest}. */}}
{{- define "tally.image" -}}
{{- $registry := .root.Values.global.imageRegistry -}}
{{- $name := empty $registry | ternary .image.repository (printf "%s/%s" $registry .image.repository) -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .image.tag | toString) -}}
{{- end -}}
{{- end }}

{{- /* d: root, api, kind. "true" where an object of a type that the cluster may lack is to be rendered. */}}
{{- define "tally.renders" -}}
{{- $mode := .root.Values.customResources.renderMode -}}
{{- if eq $mode "always" -}}
true
{{- else if .root.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind) -}}
true
{{- else if eq $mode "fail" -}}
{{- fail (printf "this cluster does not know %s of %s: install its operator, or set customResources.renderMode to skip" .kind .api) -}}
{{- end -}}
{{- end }}

{{- /* A claim's storage class; d: root, class. "-" stands for the empty class (no provisioner). */}}
{{- define "tally.storageClass" -}}
{{- $class := default .root.Values.global.storageClass .class -}}
{{- if eq $class "-" }}
storageClassName: ""
{{- else if $class }}
storageClassName: {{ $class }}
{{- end }}
{{- end }}
