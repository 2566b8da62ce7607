# Entrepot: "make" lists what can be made. Everything works from an empty
# module cache; nothing is written into the checkout but ./data by "make run".

SHELL := /bin/sh
GO ?= $(or $(shell command -v go),/usr/local/go/bin/go)
export PATH := $(dir $(GO)):$(PATH)
export HOME := $(or $(HOME),/tmp/entrepot-home)

OUT ?= $(HOME)/.cache/entrepot
# The tests of clients run a program that the test cache knows nothing of.
GOTEST = $(GO) run .ci/gotest/main.go -count=1
# Without SA1008: some headers are spelt as clients match them, by case.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Programs that tests run, as program=package where the names differ.
CLIENTS = swift=python3-swiftclient /usr/lib/python3/dist-packages/keystoneclient/__init__.py=python3-keystoneclient python3 openssl rclone litmus cadaver curl strace git $(INITDB)=postgresql-15
INITDB = $(or $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb)),/usr/lib/postgresql/15/bin/initdb)
MOUNTS = mount.davfs=davfs2 lftp rclone fusermount3=fuse3 git xmlrpc=libxmlrpc-core-c3-dev gcc \
	davix-put=davix restic duplicity gio=libglib2.0-bin dbus-run-session=dbus-daemon /usr/libexec/gvfsd-dav=gvfs-backends \
	ruby php=php-cli javac=default-jdk-headless /usr/share/java/httpclient.jar=libhttpclient-java \
	chromium rsync fio xmllint=libxml2-utils /usr/lib/python3/dist-packages/webdav3/__init__.py=python3-webdavclient \
	soffice=libreoffice-writer-nogui /usr/lib/python3/dist-packages/uno.py=python3-uno git-annex \
	kioclient5=kde-cli-tools
RACE = gcc
# Built from its module: the first version whose uploads in pieces are tested.
RCLONE = v1.76.0

# How long "make random" draws other seeds.
RANDOMTIME ?= 20m
# Length of one fuzz target's run, of one benchmark, and what to bench.
FUZZTIME ?= 20s
BENCHTIME ?= 1s
# How long "make crash" makes faults.
CRASHTIME ?= 30m
BENCH ?= .

.DEFAULT_GOAL := help
.PHONY: help go build run test e2e check lint race fuzz random bench peers cover golden crash postgres

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

go:
	@$(GO) version >/dev/null 2>&1 || { echo "Go 1.26 or newer is needed: https://go.dev/doc/install"; exit 1; }

build: go ## build the program into OUT, by default ~/.cache/entrepot
	@mkdir -p $(OUT)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(OUT)/entrepot ./cmd/entrepot
	@echo "built $(OUT)/entrepot"

run: build ## build, then serve ./data on 127.0.0.1:8080
	@exec $(OUT)/entrepot serve --data ./data

test: go ## everything needed to trust a change; installs clients when run as root on Debian
	@.ci/with-packages "$(CLIENTS)" $(GOTEST) -timeout 40m ./...

e2e: go ## further real clients: mounted drives, backup programs, desktops
	@GO="$(GO)" .ci/with-rclone $(RCLONE) .ci/with-packages "$(MOUNTS)" $(GOTEST) -timeout 40m -tags e2e -run '^TestE2E' ./cmd/entrepot/clients

check: lint race ## what a commit must pass: gofmt, vet, staticcheck, tidy go.mod, race and shape tests
	$(GO) mod tidy -diff
	$(GO) test .ci/gotest/main.go .ci/gotest/main_test.go

lint: go ## gofmt, vet, staticcheck
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "not formatted: $$bad"; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags e2e ./cmd/entrepot/clients && $(GO) vet .ci/gotest/main.go .ci/gotest/main_test.go && $(GO) vet .ci/random/main.go
	$(GO) run $(STATICCHECK) -checks inherit,-SA1008 -tags e2e ./...

race: go ## all tests under the race detector, the served program too
	@.ci/with-packages "$(CLIENTS) $(RACE)" env CGO_ENABLED=1 $(GOTEST) -race -timeout 2h ./...

fuzz: go ## every fuzz target for FUZZTIME, by default 20s
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "== $$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
		done; \
	done

random: go ## tests that do something at random, with other seeds, for RANDOMTIME, by default 20m
	$(GO) run .ci/random/main.go -for $(RANDOMTIME)

bench: go ## benchmarks that match BENCH, by default all, for BENCHTIME each; then peers
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...
	@$(MAKE) --no-print-directory peers

peers: go ## WebDAV servers that are installed here and ours, under one load
	@mkdir -p $(OUT)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(OUT)/entrepot ./cmd/entrepot
	CGO_ENABLED=0 $(GO) build -trimpath -o $(OUT)/peerbench ./cmd/peerbench
	$(OUT)/peerbench -entrepot $(OUT)/entrepot

postgres: go ## all tests of the core and the doors on PostgreSQL, one server for all
	@.ci/with-packages "$(CLIENTS)" $(GO) run .ci/postgres/main.go $(GO) test -count=1 -timeout 60m ./gateway/... ./protocols/...

cover: go ## statements that the tests reach, over all packages
	@mkdir -p $(OUT)
	@$(GO) test -coverpkg=./... -coverprofile=$(OUT)/cover.txt ./... >$(OUT)/cover.log || { tail -n 50 $(OUT)/cover.log; exit 1; }
	@$(GO) tool cover -func=$(OUT)/cover.txt | tail -n 1
	@echo "profile: $(OUT)/cover.txt"

golden: go ## write the files that request scripts are compared with; read the diff afterwards
	$(GO) test $$($(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/\/protocols\/protocoltest/ { print $$1 }') -update

crash: go ## faults, restarts, inspections for CRASHTIME, by default 30m; see docs/reliability.md
	$(GO) test -count 3 -run 'Crash|Kill' ./store/... ./cmd/entrepot/clients
	@mkdir -p $(OUT)
	$(GO) run ./cmd/crashcheck run --faults C1,C2,C3,C4,C5,C6,C7,C14,C17 --for $(CRASHTIME) --ledger $(OUT)/crash.jsonl
