{{- define "switchgear.name" -}}
{{- if contains "switchgear" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-switchgear" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that never change: selectors. Takes {root, component}. */}}
{{- define "switchgear.selector" -}}
app.kubernetes.io/name: switchgear
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "switchgear.labels" -}}
{{ include "switchgear.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "switchgear.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "switchgear.config" -}}
{{ .Values.existingConfigMap | default (printf "%s-config" (include "switchgear.name" .)) }}
{{- end }}

{{/* A pool's values over the defaults. Takes {root, pool}. */}}
{{- define "switchgear.pool" -}}
{{ mustMergeOverwrite (deepCopy .root.Values.poolDefaults) (deepCopy .pool) | toYaml }}
{{- end }}

{{/* The zones' queues of a pool, and the one of what no zone binds: names after `llm.tier.`, as a list. */}}
{{- define "switchgear.queues" -}}
{{- if and (not .zones) (not .unbound) }}
{{- fail "a pool that scales needs `zones` or `unbound: true`: the chart must know its queues" }}
{{- end }}
{{- if .unbound }}
- {{ .tier }}
{{- end }}
{{- range .zones }}
- {{ $.tier }}.{{ . }}
{{- end }}
{{- end }}

{{- define "switchgear.environment" -}}
- {name: SWITCHGEAR_CONFIG, value: /etc/switchgear/switchgear.yaml}
- {name: SWITCHGEAR_METRICS_PORT, value: "9100"}
- {name: SWITCHGEAR_LOG_LEVEL, value: {{ .root.Values.logLevel | quote }}}
{{- with .root.Values.kafka }}
- {name: SWITCHGEAR_KAFKA, value: {{ .brokers | quote }}}
- {name: SWITCHGEAR_KAFKA_SECURITY_PROTOCOL, value: {{ .securityProtocol | quote }}}
{{- with .saslMechanism }}
- {name: SWITCHGEAR_KAFKA_SASL_MECHANISM, value: {{ . | quote }}}
{{- end }}
{{- if .caSecret }}
- {name: SWITCHGEAR_KAFKA_SSL_CA, value: /etc/kafka-ca/ca.crt}
{{- end }}
{{- if .certificateSecret }}
- {name: SWITCHGEAR_KAFKA_SSL_CERTIFICATE, value: /etc/kafka-certificate/tls.crt}
- {name: SWITCHGEAR_KAFKA_SSL_KEY, value: /etc/kafka-certificate/tls.key}
{{- end }}
{{- end }}
{{- with .root.Values.zone }}
- {name: SWITCHGEAR_ZONE, value: {{ . | quote }}}
{{- end }}
{{- with .backlogMb }}
- {name: SWITCHGEAR_BACKLOG_MB, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .root.Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range .extraEnv }}
- {{ . | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* The pod of a role. Takes {root, component, args, values, secret, account, port, extraEnv, volumes, mounts, job}. */}}
{{- define "switchgear.pod" -}}
{{- $root := .root }}
serviceAccountName: {{ .account | default (include "switchgear.name" $root) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- if .job }}
restartPolicy: OnFailure
{{- else }}
terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{ include "switchgear.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .container | default "switchgear" }}
    image: {{ include "switchgear.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: {{ toYaml .args | nindent 6 }}
    env: {{ include "switchgear.environment" . | nindent 6 }}
    envFrom:
      - secretRef: {name: {{ .secret }}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    resources: {{ toYaml .values.resources | nindent 6 }}
    {{- if not .job }}
    ports:
      - {name: metrics, containerPort: 9100}
      {{- with .port }}
      - {name: http, containerPort: {{ . }}}
      {{- end }}
    {{- $probed := ternary "http" "metrics" (not (not .port)) }}
    startupProbe:
      httpGet: {path: /healthz, port: {{ $probed }}}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /healthz, port: {{ $probed }}}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: {{ $probed }}}
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 2
    {{- end }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: config, mountPath: /etc/switchgear, readOnly: true}
      {{- if $root.Values.kafka.caSecret }}
      - {name: kafka-ca, mountPath: /etc/kafka-ca, readOnly: true}
      {{- end }}
      {{- if $root.Values.kafka.certificateSecret }}
      - {name: kafka-certificate, mountPath: /etc/kafka-certificate, readOnly: true}
      {{- end }}
      {{- with .mounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  - name: config
    configMap: {name: {{ include "switchgear.config" $root }}}
  {{- with $root.Values.kafka.caSecret }}
  - name: kafka-ca
    secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
  {{- end }}
  {{- with $root.Values.kafka.certificateSecret }}
  - name: kafka-certificate
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- with .volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A Deployment with its PodDisruptionBudget. As `switchgear.pod`, with name, scaled and recreate. */}}
{{- define "switchgear.deployment" -}}
{{- $root := .root }}
{{- $name := printf "%s-%s" (include "switchgear.name" $root) .component }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{ include "switchgear.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  minReadySeconds: 10
  {{- if .recreate }}
  strategy: {type: Recreate}
  {{- else }}
  # one after the other: each step stops a whole consumer group for a moment
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  {{- end }}
  selector:
    matchLabels: {{ include "switchgear.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{ include "switchgear.labels" . | nindent 8 }}
      {{- with $root.Values.podAnnotations }}
      annotations: {{ toYaml . | nindent 8 }}
      {{- end }}
    spec: {{ include "switchgear.pod" . | nindent 6 }}
{{- if $root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{ include "switchgear.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{ include "switchgear.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* Lag of one consumer group. Takes {root, group, topic, threshold}. */}}
{{- define "switchgear.lagTrigger" -}}
- type: kafka
  metadata:
    bootstrapServers: {{ .root.Values.kafka.brokers | quote }}
    consumerGroup: {{ .group }}
    {{- with .topic }}
    topic: {{ . }}
    {{- end }}
    lagThreshold: {{ .threshold | int64 | quote }}
    # a group that never committed begins at the beginning, so that counts as its lag
    offsetResetPolicy: earliest
    # commits are contiguous: behind one slow call a lag looks persistent while the pod works
    excludePersistentLag: "false"
    {{- with .root.Values.keda.sasl }}
    sasl: {{ . }}
    {{- end }}
    tls: {{ ternary "enable" "disable" .root.Values.keda.tls }}
  {{- if .root.Values.keda.auth }}
  authenticationRef: {name: {{ include "switchgear.name" .root }}-kafka}
  {{- end }}
{{- end }}

{{/* Up at once, down one pod after the other. Takes {root}. */}}
{{- define "switchgear.behavior" -}}
advanced:
  horizontalPodAutoscalerConfig:
    behavior:
      scaleUp:
        stabilizationWindowSeconds: 0
        policies: [{type: Percent, value: 100, periodSeconds: 30}, {type: Pods, value: 4, periodSeconds: 30}]
        selectPolicy: Max
      scaleDown:
        stabilizationWindowSeconds: {{ .root.Values.keda.scaleDownWindowSeconds }}
        policies: [{type: Pods, value: 1, periodSeconds: {{ .root.Values.keda.scaleDownEverySeconds }}}]
{{- end }}

{{/* The largest number of pods; refuses one below the smallest. Takes {name, scaling}. */}}
{{- define "switchgear.most" -}}
{{- if gt (int .scaling.min) (int .scaling.max) }}{{ fail (printf "%s.scaling: min %v is more than max %v" .name .scaling.min .scaling.max) }}{{ end -}}
{{- .scaling.max -}}
{{- end }}
