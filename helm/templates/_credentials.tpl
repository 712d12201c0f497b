{{/*
Passwords. Each is decided once a render and remembered in the render's own context (never in .Values, which Helm stores):
all Secrets of one render hold the same value, in whatever namespace. Order: the value given, the Secret that is there, random.
*/}}

{{- /* d: root, store (redis|postgres), user (admin|api|…). */}}
{{- define "tally.password" -}}
{{- if not (hasKey .root "tallyPasswords") }}{{ $_ := set .root "tallyPasswords" dict }}{{ end -}}
{{- $memo := get .root "tallyPasswords" -}}
{{- $key := printf "%s/%s" .store .user -}}
{{- if not (hasKey $memo $key) }}{{ $_ := set $memo $key (include "tally.password.decide" .) }}{{ end -}}
{{- get $memo $key -}}
{{- end }}

{{- define "tally.password.decide" -}}
{{- $given := index .root.Values.secrets.passwords .store .user -}}
{{- $bundled := index .root.Values .store "enabled" -}}
{{- $value := printf "secrets.passwords.%s.%s" .store .user -}}
{{- if $given -}}
{{- $given -}}
{{- else if not $bundled -}}
{{- /* Without a host, validate.yaml has the better sentence. */ -}}
{{- if (index .root.Values (printf "external%s" (title .store))).host -}}
{{- fail (printf "%s is needed: the chart cannot make up a password of an external server; set it, or name existing Secrets in secrets.existing" $value) -}}
{{- end -}}
{{- else if .root.Values.gitops -}}
{{- fail (printf "gitops is on, so nothing may be generated: set %s, or secrets.create to false and name existing Secrets in secrets.existing" $value) -}}
{{- else -}}
{{- $name := printf "%s-%s" (include "tally.fullname" .root) .store -}}
{{- $found := lookup "v1" "Secret" (include "tally.namespace" (dict "root" .root "of" "data")) $name -}}
{{- $data := default dict (get (default dict $found) "data") -}}
{{- $kept := get $data (printf "%s-password" .user) -}}
{{- /* Letters and digits only: it also stands in URLs. */ -}}
{{- empty $kept | ternary (randAlphaNum 32) (b64dec (default "" $kept)) -}}
{{- end -}}
{{- end }}

{{- /* d: root, which (api|consumer|migrate|keda|redis|postgres). The name of the Secret in use. */}}
{{- define "tally.secret" -}}
{{- default (printf "%s-%s" (include "tally.fullname" .root) .which) (index .root.Values.secrets.existing .which) -}}
{{- end }}
{{- define "tally.secret.redis" }}{{ include "tally.secret" (dict "root" . "which" "redis") }}{{ end }}
{{- define "tally.secret.postgres" }}{{ include "tally.secret" (dict "root" . "which" "postgres") }}{{ end }}

{{- /* d: root, which. "true" where the chart makes that Secret. */}}
{{- define "tally.secret.made" -}}
{{- if and .root.Values.secrets.create (not (index .root.Values.secrets.existing .which)) }}true{{ end -}}
{{- end }}

{{- /*
What makes pods start anew when credentials change: the passwords that values give, and rolloutToken for what the chart cannot
see (Secrets of others). Generated passwords are left out: they never change by themselves. d: root, users (of Redis and
PostgreSQL alike), token.
*/}}
{{- define "tally.checksum.credentials" -}}
{{- $root := .root -}}
{{- $seen := list .token -}}
{{- range $user := .users -}}
{{- $seen = append $seen (get $root.Values.secrets.passwords.redis $user) -}}
{{- $seen = append $seen (get $root.Values.secrets.passwords.postgres $user) -}}
{{- end -}}
{{- printf "%s %s" $root.Release.Name (toJson $seen) | sha256sum -}}
{{- end }}

{{- /*
Redis's users, each limited to what its program sends, inside scripts too (the server checks both).
  default         people and probes, over redis-cli in the pod
  tally_api       appends, asks for the state of the log
  tally_consumer  the same, and opens, reads, moves the group's cursor, trims
  tally_metrics   the exporter and KEDA: figures, no entry
*/}}
{{- define "tally.redis.acl" -}}
{{- $hash := dict -}}
{{- range $user := list "admin" "api" "consumer" "metrics" -}}
{{- $_ := set $hash $user (include "tally.password" (dict "root" $ "store" "redis" "user" $user) | sha256sum) -}}
{{- end -}}
user default on #{{ $hash.admin }} ~* &* +@all
user tally_api on #{{ $hash.api }} ~events:* resetchannels -@all +evalsha +script|load +info +config|get +exists +get +hget +hincrby +hlen +hmget +hset +incrby +pexpireat +time +xadd +xinfo|stream +xinfo|groups +xrange
user tally_consumer on #{{ $hash.consumer }} ~events:* resetchannels -@all +evalsha +script|load +info +config|get +exists +hget +hmget +hset +time +xadd +xgroup|create +xgroup|setid +xinfo|stream +xinfo|groups +xrange +xrevrange +xreadgroup +xtrim
user tally_metrics on #{{ $hash.metrics }} %R~events:* resetchannels -@all +ping +hello +select +client|setname +client|getname +info +config|get +command +slowlog|len +slowlog|get +latency|latest +latency|histogram +xinfo|stream +xinfo|groups +xlen +xpending +dbsize +type
{{- end }}
