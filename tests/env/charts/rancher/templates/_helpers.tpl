{{- define "rancher.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rancher.labels" -}}
app: {{ include "rancher.fullname" . }}
chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
heritage: {{ .Release.Service }}
release: {{ .Release.Name }}
{{- end -}}

{{- /* registry/repository:tag; the old values rancherImage and rancherImageTag win. */ -}}
{{- define "rancher.image" -}}
{{- $repository := default .Values.image.repository .Values.rancherImage -}}
{{- $tag := .Values.rancherImageTag | default .Values.image.tag | default .Chart.AppVersion -}}
{{- $registry := .Values.systemDefaultRegistry | default .Values.image.registry -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $repository }}:{{ $tag }}
{{- end -}}

{{- /* Whether Rancher shows no CA at /cacerts: a public CA, or source=secret without privateCA. */ -}}
{{- define "rancher.noCACerts" -}}
{{- if .Values.privateCA -}}
{{- else if and (ne .Values.tls "external") (eq .Values.ingress.tls.source "rancher") -}}
{{- else -}}
true
{{- end -}}
{{- end -}}
