{{/*
The Deployments, as a list of {name, service, values, image, database, preStopSeconds, graceMs, autoscaled}:
  name            the last part of its names
  service         whose settings it reads
  database        whether it reaches Postgres
  graceMs         how long its process may take to stop
*/}}
{{- define "errand.workloads" -}}
{{- $all := list -}}
{{- $image := include "errand.image" . -}}
{{- $byChart := $.Values.provision.enabled | ternary (dict "ERRAND_PROVISION" false) dict -}}
{{- range $name := list "gateway" "scheduler" "projection" "webhooks" -}}
  {{- $values := get $.Values $name -}}
  {{- $isGateway := eq $name "gateway" -}}
  {{- $settings := include "errand.over" (list $.Values.settings $values.settings $byChart) | fromJson -}}
  {{- $all = append $all (dict
    "name" $name
    "service" $name
    "values" $values
    "image" $image
    "args" (list "serve" $name)
    "settings" $settings
    "database" (ne $name "scheduler")
    "preStopSeconds" ($isGateway | ternary 10 0)
    "graceMs" (add (get $settings "ERRAND_SHUTDOWN_GRACE_MS" | default 25000) ($isGateway | ternary 10000 15000))
    "autoscaled" (and $isGateway $values.autoscaling.enabled)
  ) -}}
{{- end -}}
{{- range $values := .Values.executors -}}
  {{- $finishMs := int64 (dig "finishGraceMs" 500 $values) -}}
  {{- $own := dict "ERRAND_EXECUTOR_FINISH_GRACE_MS" $finishMs "ERRAND_SHUTDOWN_GRACE_MS" (add $finishMs 10000) -}}
  {{- with $values.actions -}}
    {{- $_ := set $own "ERRAND_ACTIONS" (join "," .) -}}
  {{- end -}}
  {{- $all = append $all (dict
    "name" (printf "executor-%s" $values.name)
    "service" "executor"
    "values" $values
    "image" $values.image
    "args" (list)
    "settings" (include "errand.over" (list $.Values.settings $values.settings $own $byChart) | fromJson)
    "database" false
    "preStopSeconds" 0
    "graceMs" (add $finishMs 15000)
    "autoscaled" (dig "keda" "enabled" false $values)
  ) -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* The port of one of them for remote workers; empty if it has none. */}}
{{- define "errand.workersPort" -}}
{{- if and (eq .service "executor") (get .settings "ERRAND_WORKERS_PORT") -}}
{{ include "errand.text" (get .settings "ERRAND_WORKERS_PORT") }}
{{- end -}}
{{- end -}}

{{/* `errand provision`, as one of them. */}}
{{- define "errand.provisioner" -}}
{{- $roles := .Values.provision.roles -}}
{{- $settings := dict -}}
{{- range $service, $role := $roles -}}
{{- $_ := set $settings (printf "ERRAND_%s_ROLE" (upper $service)) $role -}}
{{- end -}}
{{- toJson (dict
  "name" "provision"
  "service" "provision"
  "values" .Values.provision
  "settings" (include "errand.over" (list .Values.settings $settings) | fromJson)
  "database" (not (empty $roles))
) -}}
{{- end -}}

{{/* Not empty where gateways serve admins on their ops port. */}}
{{- define "errand.adminOnOps" -}}
{{- $settings := include "errand.over" (list .Values.settings .Values.gateway.settings) | fromJson -}}
{{- if get $settings "ERRAND_ADMIN_ON_OPS_PORT" -}}true{{- end -}}
{{- end -}}

{{/* What follows the host of the gateway's Service in the address for the admin key. */}}
{{- define "errand.adminPort" -}}
{{- if include "errand.adminOnOps" . -}}:9090{{- end -}}
{{- end -}}

{{/* The members of all dictionaries of the list; of the later one, also where it says false or 0, unlike `merge`. */}}
{{- define "errand.over" -}}
{{- $all := dict -}}
{{- range $each := . -}}
{{- range $key, $value := $each -}}
{{- $_ := set $all $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* The environment that is no secret: what the service reads of its settings, and what the chart itself says. */}}
{{- define "errand.environment" -}}
{{- $workload := .workload -}}
{{- $read := get (.root.Files.Get "files/settings.json" | fromJson) $workload.service -}}
{{- if eq $workload.service "gateway" }}
ERRAND_PORT: "8080"
{{- end }}
{{- if eq $workload.service "provision" }}
{{- $read = concat $read (list "ERRAND_GATEWAY_ROLE" "ERRAND_PROJECTION_ROLE" "ERRAND_WEBHOOKS_ROLE") }}
{{- else }}
ERRAND_OPS_PORT: "9090"
{{- end }}
{{- if eq $workload.service "executor" }}
{{- $read = concat $read (list "ERRAND_ACTIONS" "ERRAND_EXECUTOR_FINISH_GRACE_MS" "ERRAND_SHUTDOWN_GRACE_MS") }}
{{- end }}
{{- range $name := $read }}
{{- if hasKey $workload.settings $name }}
{{ $name }}: {{ include "errand.text" (get $workload.settings $name) | quote }}
{{- end }}
{{- end }}
{{- with .root.Values.nats }}
{{- if not .existingSecret }}
NATS_URL: {{ .url | quote }}
{{- end }}
{{- if .tls.existingSecret }}
{{- with .tls.caKey }}
NATS_CA_FILE: /etc/errand/nats-tls/{{ . }}
{{- end }}
{{- with .tls.certKey }}
NATS_CERT_FILE: /etc/errand/nats-tls/{{ . }}
{{- end }}
{{- with .tls.keyKey }}
NATS_KEY_FILE: /etc/errand/nats-tls/{{ . }}
{{- end }}
{{- end }}
{{- if .creds.existingSecret }}
NATS_CREDS_FILE: /etc/errand/nats-creds/{{ .creds.key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Helm reads numbers as floats, and would write large ones as 1e+10. */}}
{{- define "errand.text" -}}
{{- if kindIs "float64" . -}}{{ printf "%.0f" . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* Keys and addresses, by reference. Code of actions reads whatever its process has, so executors get NATS only. */}}
{{- define "errand.secretEnv" -}}
{{- $values := .root.Values -}}
{{- $service := .workload.service -}}
{{- $natsKey := coalesce .workload.values.natsUrlKey (get $values.nats.urlKeys $service) -}}
{{- if $values.nats.existingSecret }}
{{ include "errand.secretVar" (list "NATS_URL" $values.nats.existingSecret ($natsKey | default $values.nats.urlKey)) }}
{{- else if $natsKey }}
{{- fail "nats.existingSecret is missing: the Secret with the keys of nats.urlKeys and natsUrlKey" }}
{{- end }}
{{- if .workload.database }}
{{ include "errand.secretVar" (list "DATABASE_URL" $values.database.existingSecret (get $values.database.urlKeys $service | default $values.database.urlKey)) }}
{{- end }}
{{- if eq $service "gateway" }}
{{ include "errand.secretVar" (list "ERRAND_ADMIN_KEY" $values.adminKey.existingSecret $values.adminKey.key) }}
{{- with $values.adminKey.othersKey }}
{{ include "errand.secretVar" (list "ERRAND_OTHER_ADMIN_KEYS" $values.adminKey.existingSecret .) }}
{{- end }}
{{- if $values.oidcClientSecret.existingSecret }}
{{ include "errand.secretVar" (list "ERRAND_OIDC_CLIENT_SECRET" $values.oidcClientSecret.existingSecret $values.oidcClientSecret.key) }}
{{- end }}
{{- end }}
{{- if has $service (list "gateway" "webhooks") }}
{{ include "errand.secretVar" (list "ERRAND_SECRET_KEY" $values.secretKey.existingSecret $values.secretKey.key) }}
{{- with $values.secretKey.othersKey }}
{{ include "errand.secretVar" (list "ERRAND_OTHER_SECRET_KEYS" $values.secretKey.existingSecret .) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "errand.secretVar" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- end -}}

{{/* Secrets that are files, as a list of {name, secret}; each is mounted at /etc/errand/<name>. */}}
{{- define "errand.secretFiles" -}}
{{- $files := list -}}
{{- with .root.Values -}}
{{- with .nats.tls.existingSecret -}}{{- $files = append $files (dict "name" "nats-tls" "secret" .) -}}{{- end -}}
{{- with .nats.creds.existingSecret -}}{{- $files = append $files (dict "name" "nats-creds" "secret" .) -}}{{- end -}}
{{- if $.workload.database -}}
{{- with .database.caSecret -}}
{{- $files = append $files (dict "name" "database" "secret" . "items" (list (dict "key" $.root.Values.database.caKey "path" "ca.crt"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{- define "errand.volumeMounts" -}}
- { name: tmp, mountPath: /tmp }
{{- range include "errand.secretFiles" . | fromJsonArray }}
- { name: {{ .name }}, mountPath: /etc/errand/{{ .name }}, readOnly: true }
{{- end }}
{{- end -}}

{{- define "errand.volumes" -}}
- { name: tmp, emptyDir: {} }
{{- range include "errand.secretFiles" . | fromJsonArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    # 0440
    defaultMode: 288
    {{- with .items }}
    items: {{ toJson . }}
    {{- end }}
{{- end }}
{{- end -}}
