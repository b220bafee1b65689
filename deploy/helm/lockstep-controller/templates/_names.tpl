{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.name }}
{{- end }}

{{- define "account" -}}
- kind: ServiceAccount
  name: {{ .Values.name }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The generated policies name the account of the manifests. */}}
{{- define "policy" -}}
{{- $user := printf "system:serviceaccount:%s:%s" .Release.Namespace .Values.name -}}
{{- $text := .Files.Get .file | replace "system:serviceaccount:lockstep-system:lockstep-controller" $user -}}
{{- $text | replace "lockstep-require-use" (printf "%s-require-use" .Values.name) | replace "lockstep-token-audiences" (printf "%s-token-audiences" .Values.name) -}}
{{- end }}
