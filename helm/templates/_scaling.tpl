{{/* Autoscalers and disruption budgets, the same for api and consumer. d: root, component. */}}

{{- define "tally.hpa" -}}
{{- $values := (index .root.Values .component).autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .component "name" .component "of" .component) | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "tally.fullname" .root }}-{{ .component }}
  minReplicas: {{ int64 $values.minReplicas }}
  maxReplicas: {{ int64 $values.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ int64 $values.targetCPUPercent }} }
  behavior:
    {{- toYaml $values.behavior | nindent 4 }}
{{- end }}

{{- define "tally.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "tally.metadata" (dict "root" .root "component" .component "name" .component "of" .component) | nindent 2 }}
spec:
  # Never minAvailable: on one replica it would block the draining of a node for ever.
  maxUnavailable: {{ int64 (index .root.Values .component).pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tally.selectorLabels" . | nindent 6 }}
{{- end }}
