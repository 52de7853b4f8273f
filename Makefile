# `make` alone lists the targets, from the comments behind their names.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# TOOL runs a tool at the version that tools/go.mod pins.
TOOL := go tool -modfile=tools/go.mod

FUZZTIME ?= 30s
BENCH ?= .
PKG ?= ./...
COUNT ?= 10
RUN ?= ^TestCampaign
OUT := bin
# What make bench-ingest runs, and against whom.
PROMETHEUS ?= prometheus
VICTORIA ?= victoria-metrics
LOADS ?= abc
SCALE ?= 1
ROUNDS ?= 3

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## build the one binary, static, into bin/invoq
	CGO_ENABLED=0 go build -trimpath -o bin/invoq ./cmd/invoq

.PHONY: run
run: ## serve on this machine, with a private Postgres under .data
	go run ./cmd/invoq serve --data .data $(ARGS)

.PHONY: demo
demo: ## replay a trace and a simulated platform, print bills and margins, serve them (ARGS=--once to exit)
	@internal/scripts/deps.sh postgres
	@$(MAKE) --no-print-directory build
	@exec bin/invoq demo $(ARGS)

.PHONY: check
check: fmt vet lint tidy unit ## what a commit must pass, in under a minute

.PHONY: fmt
fmt: ## say which files gofmt would change
	@files=$$(git ls-files -co --exclude-standard '*.go' | grep -v /testdata/ | xargs gofmt -l); \
	[ -z "$$files" ] || { echo "gofmt -w these:"; echo "$$files"; exit 1; }

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: ## golangci-lint (the first run builds it, which takes minutes)
	$(TOOL) golangci-lint run --allow-serial-runners ./...

.PHONY: tidy
tidy: ## the rules of the repository: arrows, sizes, comments, links
	go test ./internal/tidy

.PHONY: unit
unit: ## the tests that need no more than a moment
	go test -short ./...

.PHONY: verify
verify: ## the modules are what go.sum says, and go.mod says what is used
	go mod verify
	go mod tidy -diff

.PHONY: deps
deps: ## install the servers that tests talk to, where they are missing
	@internal/scripts/deps.sh

.PHONY: test
test: deps ## everything, from a fresh clone; parts that are missing make tests skip
	go test -timeout 15m ./...
	@FUZZTIME=20s internal/scripts/fuzz.sh ingest tsdb

.PHONY: race
race: ## all tests under the race detector; needs a C compiler
	@command -v "$$(go env CC)" >/dev/null || { \
		echo "race: the race detector needs a C compiler, and $$(go env CC) is not here"; exit 1; }
	CGO_ENABLED=1 go test -race -timeout 30m ./...

.PHONY: campaign
campaign: ## the long tests: crashes, overload, soak (RUN=^TestCampaignCrash for one)
	INVOQ_CAMPAIGN=1 go test -p 1 -count 1 -v -timeout 6h -run '$(RUN)' $(PKG)

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME (30s) each
	@FUZZTIME='$(FUZZTIME)' internal/scripts/fuzz.sh

.PHONY: bench
bench: ## benchmarks, COUNT (10) times, against their baselines (BENCH=Window PKG=./tsdb)
	@mkdir -p $(OUT)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 2h $(PKG) > $(OUT)/bench.txt \
		|| { cat $(OUT)/bench.txt; exit 1; }
	@git ls-files '*testdata/bench.txt' | xargs cat > $(OUT)/baseline.txt
	@$(TOOL) benchstat $(OUT)/baseline.txt $(OUT)/bench.txt

.PHONY: bench-ingest
bench-ingest: build ## compare taking samples in with Prometheus and VictoriaMetrics (SCALE=0.1 for a glance, ARGS=--help)
	@go run ./internal/benchingest/cmd -prometheus '$(PROMETHEUS)' -victoria '$(VICTORIA)' \
		-loads '$(LOADS)' -scale '$(SCALE)' -rounds '$(ROUNDS)' $(ARGS)

.PHONY: baseline
baseline: ## write the baselines anew, COUNT (10) times each (PKG=./tsdb for one)
	@COUNT='$(COUNT)' internal/scripts/baseline.sh $(PKG)

.PHONY: cover
cover: ## which lines the tests reach, into bin/cover.html
	@mkdir -p $(OUT)
	go test -timeout 15m -coverpkg=./... -coverprofile=$(OUT)/cover.out ./...
	go tool cover -html=$(OUT)/cover.out -o $(OUT)/cover.html
	@go tool cover -func=$(OUT)/cover.out | tail -n 1

.PHONY: db
db: ## a throw-away Postgres until Ctrl-C; prints its URL
	@internal/scripts/db.sh

.PHONY: gen
gen: ## write generated code anew, by the tools that tools/go.mod pins
	go generate ./...
