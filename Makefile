# Everything a developer types. `make help` lists it.

# Port of the HTTP API, and directory of data and logs, of `make run`.
PORT ?= 8080
DATA ?= .tally
# How long `make chaos` kills processes, in seconds.
CHAOS_SECONDS ?= 600

# Where rustup puts cargo, for a shell that was opened before it was installed.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

target = $$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
bins = cargo build --release --workspace --bins
npm_ci = cd dashboard && npm ci --no-audit --no-fund --loglevel=error

# What builds images (docker or podman), what they are called, and where a push would go: IMAGES=registry.example/tally/
DOCKER ?= docker
IMAGES ?= tally/
TAG ?= dev
# More for the build, such as --build-arg BUILDER=…
IMAGE_OPTIONS ?=

# What `make deploy` installs: dev (all bundled) or prod, and more values over it: VALUES=mine.yaml. `helm` is HELM's first word.
ENV ?= dev
VALUES ?=
RELEASE ?= tally
RELEASE_NAMESPACE ?= tally-release

.DEFAULT_GOAL := help
.PHONY: help run demo test browser-test dashboard dashboard-check screenshots bench bench-counts bench-growth bench-peers bench-dashboard chaos lint prerequisites page-prerequisites test-prerequisites bench-prerequisites counts-prerequisites peers-prerequisites rules-check chart-check deploy rollback image chart-lifecycle cluster-test

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

run: prerequisites ## Run all of Tally, with its own Redis and PostgreSQL, until Ctrl-C (PORT=8080 DATA=.tally)
	$(bins)
	@exec "$(target)/release/tally-servers" run --data "$(DATA)" --port "$(PORT)"

demo: prerequisites ## Tell a running Tally two days of a shop, then post its lively traffic (PORT=8080)
	$(bins)
	@exec "$(target)/release/tally" demo --to "http://127.0.0.1:$(PORT)"

test: test-prerequisites ## Run every test, against real servers, and the dashboard's in a browser
	cargo build --workspace --bins --tests
	cargo test --workspace
	@$(MAKE) --no-print-directory browser-test

browser-test: test-prerequisites ## Run the dashboard's tests in a browser, against the programs as they are built (ONLY=overview)
	cargo build --workspace --bins
	$(npm_ci)
	cd dashboard && BINARIES="$(target)/debug" npx playwright test $(ONLY)

dashboard: page-prerequisites ## Build the page from dashboard/src into dashboard/dist, which is committed
	$(npm_ci)
	cd dashboard && npm run build

dashboard-check: page-prerequisites ## Check the page's types and units, and that dashboard/dist is what its source builds
	$(npm_ci)
	scripts/check-dashboard

screenshots: test-prerequisites ## Write the pages' pictures to docs/images/dashboard
	cargo build --release --workspace --bins
	$(npm_ci)
	cd dashboard && BINARIES="$(target)/release" npm run screenshots

bench-dashboard: test-prerequisites ## Measure the page: bytes, first figures, 5,000 endpoints; into docs/benchmarks/dashboard.md
	cargo build --release --workspace --bins
	$(npm_ci)
	cd dashboard && BINARIES="$(target)/release" npm run bench

bench: bench-prerequisites ## Measure limit and product in the same rounds, into docs/benchmarks (FILTER=singles QUICK=1 ROUNDS=5)
	$(bins)
	@exec "$(target)/release/tally-bench" --filter "$(FILTER)" $(if $(QUICK),--quick --out "$(target)/benchmarks") $(if $(ROUNDS),--rounds $(ROUNDS))

bench-counts: counts-prerequisites ## Count the instructions of the hot loops, beside docs/benchmarks/counts.md (FILTER=parse; UPDATE=1 renews it)
	cargo bench --quiet --workspace --bench counts -- "$(FILTER)" $(if $(UPDATE),--update)

bench-growth: bench-prerequisites ## Measure how cost grows, a chart for each part, into docs/benchmarks (FILTER=shards QUICK=1 ROUNDS=3)
	$(bins)
	@ulimit -n "$$(ulimit -H -n)"; exec "$(target)/release/tally-bench" growth --filter "$(FILTER)" $(if $(QUICK),--quick --out "$(target)/benchmarks" --charts "$(target)/benchmarks/growth") $(if $(ROUNDS),--rounds $(ROUNDS))

bench-peers: peers-prerequisites ## Measure Tally beside Python, Bento and GoAccess, into docs/benchmarks/peers.md (FILTER=singles QUICK=1 ROUNDS=5)
	$(bins)
	@scripts/install-peers "$(target)"
	@exec "$(target)/release/tally-bench" peers --filter "$(FILTER)" $(if $(QUICK),--quick --out "$(target)/benchmarks") $(if $(ROUNDS),--rounds $(ROUNDS))

chaos: prerequisites ## Kill everything at random for long, then count (CHAOS_SECONDS=600)
	cargo build --workspace --bins --tests
	CHAOS_SECONDS="$(CHAOS_SECONDS)" cargo test --workspace --test e2e chaos -- --nocapture --include-ignored

lint: prerequisites ## Check format, lints, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/install-cargo-deny
	cargo deny --locked check licenses bans sources

prerequisites: ## Install what is missing (Debian and its kin), or name it
	@scripts/install-prerequisites

page-prerequisites:
	@scripts/install-prerequisites page

test-prerequisites:
	@scripts/install-prerequisites tests

bench-prerequisites:
	@scripts/install-prerequisites bench

counts-prerequisites:
	@scripts/install-prerequisites bench-counts

peers-prerequisites:
	@scripts/install-prerequisites bench-peers

rules-check: ## Test the alerts and parse the dashboards' PromQL with promtool
	@scripts/check-rules

chart-check: prerequisites ## Render the Helm chart with every set of values, and hold the objects to its rules
	@scripts/check-chart

chart-lifecycle: ## Install, upgrade, fail, roll back and uninstall the chart on the cluster of KUBECONFIG (HELM="helm3 helm4")
	@HELM="$(or $(HELM),helm)" PYTHONDONTWRITEBYTECODE=1 python3 tests/cluster/lifecycle.py

cluster-test: ## Do the same and worse to real pods under traffic, then count (KUBECONFIG, LOAD_IMAGE, STEPS; tests/cluster/survive.py)
	@HELM="$(or $(HELM),helm)" PYTHONDONTWRITEBYTECODE=1 python3 tests/cluster/survive.py

deploy: ## Install or upgrade the chart on the current cluster, and wait until it serves (ENV=dev|prod VALUES=mine.yaml)
	@case "$(ENV)" in dev|prod) ;; *) echo "ENV is dev or prod, not $(ENV)" >&2; exit 2;; esac
	$(or $(firstword $(HELM)),helm) upgrade --install "$(RELEASE)" helm --namespace "$(RELEASE_NAMESPACE)" --create-namespace \
		--values "helm/values-$(ENV).yaml" $(if $(VALUES),--values "$(VALUES)") --wait --timeout 10m

rollback: ## Put the release back to the revision before (REVISION=n: to that one)
	$(or $(firstword $(HELM)),helm) rollback "$(RELEASE)" $(REVISION) --namespace "$(RELEASE_NAMESPACE)" --wait --timeout 10m

image: ## Build the images of API and consumer (DOCKER=docker IMAGES=tally/ TAG=dev IMAGE_OPTIONS=)
	@for name in api consumer; do \
		$(DOCKER) build $(IMAGE_OPTIONS) -f Dockerfile.$$name -t "$(IMAGES)$$name:$(TAG)" \
			--build-arg VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" \
			--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
			--build-arg CREATED="$$(git show -s --format=%cI HEAD 2>/dev/null || echo 1970-01-01T00:00:00Z)" . || exit 1; \
	done
