"""Checks of the Helm chart: rendered, validated, and tried on a real API server.

`python -m dev.kubernetes` (`make helm`) renders the chart for each of its value files by Helm
itself, and holds every manifest to the schemas of Kubernetes, KEDA and External Secrets, and to the
policy. With `--api-server` a real kube-apiserver is asked too, by dry run. Helm, kube-apiserver and
etcd are built by Go once and kept in `var/kubernetes`.
"""
