{{- define "plimsoll.name" -}}
{{- .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{/* A release named plimsoll gives plain `plimsoll`. No dots, and 8 of a Service's 63 characters are left for `-metrics`. */}}
{{- define "plimsoll.fullname" -}}
{{- $name := include "plimsoll.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 55 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 55 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects the operator's pods. A Deployment's selector can't change, so neither may this. */}}
{{- define "plimsoll.selectorLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "plimsoll.versionLabel" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
{{- end }}

{{- define "plimsoll.labels" -}}
{{ include "plimsoll.selectorLabels" . }}
{{ include "plimsoll.versionLabel" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The webhook's Service, Secret and configuration. */}}
{{- define "plimsoll.webhookName" -}}
{{- include "plimsoll.fullname" . }}-webhook
{{- end }}

{{/* Not empty where the operator makes the webhook's certificates itself. */}}
{{- define "plimsoll.makesCertificates" -}}
{{- if and .Values.webhook.enabled (not .Values.webhook.certificates.secretName) }}yes{{ end }}
{{- end }}

{{- define "plimsoll.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "plimsoll.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "plimsoll.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}
