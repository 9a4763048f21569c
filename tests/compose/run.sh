#!/usr/bin/env bash
# Does `docker compose up` bring up every service healthy, and is one prompt answered?
# Does Prometheus scrape every process, and do the dashboards' queries find data? Does the ledger book?
#
# Needs a Docker engine, docker-compose or the compose plugin, and `make setup`. Images that can't be
# pulled are made here (images.sh), which needs root, debootstrap, Java and Maven.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/compose/images.sh
scratch=$(mktemp -d)

if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--project-name switchgear-check)

finish() {
  status=$?
  [ "$status" = 0 ] || "${compose[@]}" logs --tail 15 || true
  "${compose[@]}" down --volumes --timeout 20 >/dev/null 2>&1 || true
  rm -rf "$scratch"
  exit "$status"
}
trap finish EXIT

docker info >/dev/null || { echo "no Docker engine answers" >&2; exit 1; }
get debian:bookworm-slim make_debian
get python:3.14-slim-bookworm make_python
get redis:8.2-bookworm make_redis
get apache/kafka:4.1.1 make_kafka
get jaegertracing/jaeger:2.13.0 make_jaeger
get prom/prometheus:v3.13.5 make_prometheus
services=(kafka redis simulator router economy standard premium ledger live prometheus)
# Grafana isn't in Debian: where its image can't be pulled, the rest is tried without it
if have grafana/grafana:12.3.3 || docker pull --quiet grafana/grafana:12.3.3 2>/dev/null; then
  services+=(grafana)
else
  echo "grafana/grafana can't be pulled: NOT TRIED" >&2
fi
docker build --quiet --network host --target service --tag switchgear:local .
docker build --quiet --network host --target simulator --tag switchgear-simulator:local .
echo "the image's user: $(docker run --rm switchgear:local id -u)"

give_up_at=$((SECONDS + 300))
"${compose[@]}" up --detach --no-build jaeger "${services[@]}"
for service in "${services[@]}"; do
  container=$("${compose[@]}" ps --quiet "$service")
  until [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do
    [ "$SECONDS" -lt "$give_up_at" ] || { echo "$service is not healthy" >&2; exit 1; }
    sleep 1
  done
done
docker ps --all --filter name=switchgear-check --format '{{.Names}}\t{{.Status}}' | sort

"${compose[@]}" run --rm -T producer "hello"
for number in 1 2 3; do "${compose[@]}" run --rm -T producer "hello $number" >/dev/null; done
.venv/bin/python -m tests.compose.watched http://127.0.0.1:9090 http://127.0.0.1:8090
"${compose[@]}" exec -T ledger switchgear report --by tenant,deployment
echo "compose: every service is healthy, the prompts were answered, and it can be seen"
