# `make demo` is the first thing to run, `make help` lists the rest.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
# Leaves out what no program here uses: tracing pages of gRPC and the manual writer of the command line library.
TAGS     := grpcnotrace,urfave_cli_no_docs
TOOL     := $(GO) tool -modfile=tools.mod
PROGRAMS := kadeploy kadeploy-server kadeploy-agent
CONFDIR  ?= testdata/demo
E2EPROCS ?= 2

export CGO_ENABLED ?= 0

.PHONY: help build images demo test test-netns test-qemu test-firmware torture blackout bench bench-chain chainbench lab lab-deps bench-lab e2e test-lab lint verify fuzz generate g5ktest clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build: images ## the three programs, in bin/
	$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./cmd/,$(PROGRAMS))

images: ## the images of the demonstration, in testdata/demo/images/
	@$(GO) run ./internal/demoimage/mkimage -o testdata/demo/images/debian.tar.zst

demo: build ## deploy a real image on eight sandbox nodes, two of them with faults
	@testdata/demo/demo.sh

test: images ## every test, race detector on, in random order
	CGO_ENABLED=1 $(GO) test -p $$((2 * $$(nproc))) -race -shuffle=on -timeout 25m ./... # suites wait more than they compute

test-netns: ## the tests that need root, iproute2 and socat: network namespaces
	CGO_ENABLED=1 $(GO) test -race -tags netns ./internal/netlab ./internal/chainbench

test-qemu: ## the driver of real disks and the deployment system, in QEMU machines (docs/disks.md says what they need)
	CGO_ENABLED=0 $(GO) test -tags qemu -count=1 -run TestRealDisks -timeout 20m -v ./internal/machine/linux
	CGO_ENABLED=0 $(GO) test -tags qemu -count=1 -timeout 20m -v ./internal/deploysystem

test-firmware: ## boot loaders in real firmware, from our DHCP, TFTP and HTTP; needs root and make lab-deps
	$(GO) test -tags firmware -count=1 -timeout 30m -v ./pxe -ginkgo.label-filter firmware

torture: build ## the chain tool under faults drawn from seeds; best as root (CONTRIBUTING.md); options: TORTURE='-seed 1 -runs 200'
	$(GO) build -o bin/tools/torture ./internal/torture/cmd
	CGO_ENABLED=1 $(GO) build -race -o bin/tools/kadeploy-agent-race ./cmd/kadeploy-agent
	bin/tools/torture -agent bin/kadeploy-agent -race bin/tools/kadeploy-agent-race $(TORTURE)

blackout: build ## the daemon killed at moments drawn from seeds, and what it says afterwards; options: BLACKOUT='-seed 1 -runs 50'
	$(GO) build -o bin/tools/blackout ./internal/blackout/cmd
	bin/tools/blackout $(BLACKOUT)

bench: chainbench ## every benchmark; nothing here is asserted
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./...
	bin/tools/chainbench $(CHAINBENCH) || [ $$? -eq 3 ] # it has said why it cannot run here

bench-chain: chainbench ## the chain beside its rivals; needs root (docs/benchmarks.md); options: CHAINBENCH='-run limit'
	bin/tools/chainbench $(CHAINBENCH)

chainbench: build
	$(GO) build -o bin/tools/ ./internal/chainbench

lab-deps: ## install the Debian packages that the lab needs, and say which; needs root
	@packages=$$($(GO) run ./internal/lab/cmd packages) || exit 1; set -- $$packages; echo "the lab needs: $$*"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@" >/dev/null

lab: build ## a room of QEMU machines with firmware, BMCs and consoles, until Ctrl-C; needs root (docs/lab.md); options: LAB='-n 4 -uefi 2'
	$(GO) build -o bin/tools/lab ./internal/lab/cmd
	bin/tools/lab up $(LAB)

test-lab: ## the lab alone: machines, BMCs, images; needs root and make lab-deps
	$(GO) test -tags lab -count=1 -timeout 30m ./internal/lab/...

e2e: build ## the programs in the lab, on machines that boot; needs root and make lab-deps; E2E=short: two machines, BIOS and UEFI
	KADEPLOY_BIN=$(CURDIR)/bin $(TOOL) ginkgo --procs $(E2EPROCS) --tags e2e --timeout 110m $(if $(E2E),--label-filter '$(E2E)') $(E2EFLAGS) ./internal/lab/e2e

bench-lab: build ## deployments of 1, 2 and 4 machines that boot, by state; our TFTP and HTTP beside others; needs root (docs/lab.md)
	$(GO) build -o bin/tools/lab ./internal/lab/cmd
	bin/tools/lab bench $(BENCHLAB)

fuzz: ## every fuzz target for some ten thousand inputs
	@.ci/fuzz 20000x

lint: ## format, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -d $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags qemu,firmware,lab,e2e,netns,peers ./... # no other step compiles these tests
	$(TOOL) staticcheck ./...

verify: lint ## lint, tidy modules, generated code as its sources say
	$(GO) mod tidy -diff
	$(GO) mod verify
	@.ci/generated

generate: ## the protocols' Go code; needs protoc
	$(GO) build -modfile=tools.mod -o bin/tools/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
	PATH="$(CURDIR)/bin/tools:$$PATH" protoc -I . --go_out=. --go_opt=paths=source_relative \
		--go-grpc_out=. --go-grpc_opt=paths=source_relative \
		internal/agentlink/agentpb/agent.proto actors/message/message.proto

g5ktest: build ## deploy on the nodes of the file OAR_NODEFILE, with the configuration in CONFDIR
	@test -n "$(OAR_NODEFILE)" || { echo "g5ktest: set OAR_NODEFILE to a file of node names" >&2; exit 2; }
	bin/kadeploy-server start -d $(CONFDIR)
	bin/kadeploy -f $(OAR_NODEFILE) -d $(CONFDIR) start; code=$$?; bin/kadeploy-server stop -d $(CONFDIR); exit $$code

clean: ## all that was built or left by a demonstration
	rm -rf bin testdata/demo/images testdata/demo/var testdata/demo/ok.txt testdata/demo/ko.txt
