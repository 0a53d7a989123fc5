# Muster: `make help` lists what there is.

SHELL := /bin/sh
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.cache/bin:$(CURDIR)/.cache/node/node_modules/node/bin:$(PATH)

VERSION ?= dev
GOFLAGS_BUILD = -trimpath -ldflags "-X main.version=$(VERSION)"
WEB_SOURCES = $(shell find web/src web/public web/index.html web/package.json web/vite.config.ts -type f 2>/dev/null)

.PHONY: help run build test test-go test-web test-newest check bench soak image rclgo rclgo-ros2 clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, build, and show a simulated fleet; Ctrl-C ends it
	@deploy/install.sh run
	@$(MAKE) --no-print-directory build
	@exec ./bin/muster-sim demo $(DEMO)

build: web/dist/index.html ## the programs, with the web app inside, into bin/
	go build $(GOFLAGS_BUILD) -o bin/ ./cmd/muster ./cmd/muster-sim

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run --silent build -- --logLevel warn

test: ## install what is missing and run every test, the end-to-end ones included
	@deploy/install.sh test
	@$(MAKE) --no-print-directory build test-go test-web

# The tests of rollouts that search at random; a failure prints its seed. The
# first two have no use for the race detector: one decides without a goroutine, the
# other crashes what the simulations run as well.
UNRACED = TestNextIsSafeUnderAnySchedule|TestACrashAfterEveryEffect
SEARCHES = $(UNRACED)|TestSimulations

test-go: build ## the Go tests alone; the packages with the race detector, then the built programs
	go test -race -timeout 15m -skip '$(UNRACED)' $$(go list ./... | grep -v /cmd/muster$$)
	GOGC=800 go test -timeout 15m -run '$(SEARCHES)' ./internal/rollout -schedules 100000 -simulations 10000
	cd cmd/muster-rclgo && go test ./...
	CHROMIUM=$$(deploy/install.sh browser) go test -timeout 20m ./cmd/muster

test-web: web/node_modules/.installed ## the web app's tests alone
	cd web && npm test --silent
	cd web && CHROMIUM=$$(../deploy/install.sh browser) npm run --silent e2e

# Engine 29 keeps images in containerd's store, one that was updated to it in the
# older one.
test-newest: ## internal/docker's tests on the newest Docker Engine, with both image stores; builds it first
	@deploy/install.sh engine >/dev/null
	MUSTER_TEST_ENGINE=$$(deploy/install.sh engine) go test -timeout 20m ./internal/docker/...
	MUSTER_TEST_ENGINE=$$(deploy/install.sh engine) MUSTER_TEST_ENGINE_FLAGS=--feature=containerd-snapshotter=false \
	  go test -timeout 20m ./internal/docker/...

check: ## format, lint, generated files, web lint and types
	@deploy/install.sh check
	@$(MAKE) --no-print-directory web/node_modules/.installed
	@test -z "$$(gofumpt -l cmd internal msgs sim web/*.go | tee -a /dev/stderr)"
	golangci-lint run ./...
	go mod tidy -diff
	@cd cmd/muster-rclgo && test -z "$$(go mod tidy -e -diff 2>/dev/null | tee -a /dev/stderr)" # -e: rclgo is not listed there
	go generate ./msgs/...
	@git diff --exit-code --stat -- msgs || { echo "make check: go generate changed msgs"; exit 1; }
	shellcheck deploy/*.sh .ci/run
	cd web && npm run --silent check

bench: ## the benchmarks, each beside a peer of its own run
	@deploy/install.sh bench
	go test -run '^$$' -bench . -benchtime 1s ./msgs/... ./internal/ros/... ./internal/stream/... ./internal/etcd/...
	@mkdir -p .cache && go test -tags bench -count 1 -p 1 -run TestFigure -timeout 40m -v ./cmd/muster ./internal/dds ./internal/docker >.cache/figures.log 2>&1; \
	  status=$$?; grep -E 'figure|^(ok|FAIL|---)|Error' .cache/figures.log; exit $$status

soak: ## the tests that search at random, for longer, and every fault at every point of a rollout
	go test -race -timeout 60m -run 'Test.*' -rapid.checks=5000 ./internal/ros ./internal/stream
	GOGC=800 go test -timeout 120m -run '$(SEARCHES)|TestASeedRepeatsItsSimulation' -v ./internal/rollout -schedules 1000000 -simulations 200000
	go test -timeout 180m -run TestFaults -v ./cmd/muster -faults
	$(MAKE) --no-print-directory test-newest

image: ## the container image
	docker build -t muster:$(VERSION) --target muster --build-arg VERSION=$(VERSION) .

# The newest commit of github.com/tiiuae/rclgo; it has no releases. The module
# does not list it (see cmd/muster-rclgo/README.md): a copy of go.mod does.
RCLGO = 56b24e11219bb3d7c4479323c59fa5c2c8e04d18
RCLGO_FLAGS = -modfile=$(CURDIR)/.cache/rclgo/go.mod -tags rclgo

rclgo: rclgo-ros2 web/dist/index.html ## the manager on rcl, tested against it, into bin/; where ROS 2 Humble is
	mkdir -p .cache/rclgo && cp cmd/muster-rclgo/go.mod cmd/muster-rclgo/go.sum .cache/rclgo/
	cd cmd/muster-rclgo && go get $(RCLGO_FLAGS) github.com/tiiuae/rclgo/pkg/rclgo@$(RCLGO)
	cd cmd/muster-rclgo && go vet $(RCLGO_FLAGS) ./...
	cd cmd/muster-rclgo && go build $(RCLGO_FLAGS) $(GOFLAGS_BUILD) -o ../../bin/ .
	cd cmd/muster-rclgo && go test $(RCLGO_FLAGS) -count=1 -timeout 5m ./...

rclgo-ros2:
	@test "$$ROS_DISTRO" = humble && test -d /opt/ros/humble || { \
	  echo "make rclgo: ROS 2 Humble must be installed in /opt/ros/humble and sourced (ROS_DISTRO is '$$ROS_DISTRO'); 'docker build --target rclgo .' brings its own." >&2; exit 1; }

clean: ## remove what was built
	rm -rf bin .cache web/node_modules
	find web/dist -mindepth 1 ! -name .gitkeep -delete
