# `make` lists the common targets, `make help` the campaigns too; docs/development.md explains them.
# demo, test and bench-peers install what is missing; the other targets expect it to be there.

.DEFAULT_GOAL := usage

PREFIX ?= /usr/local
SWIFT ?= swift
SECONDS ?= 600
STATES ?= 1000000
STEP ?= 1
VALUES ?= 10000
OPERATIONS ?= 1000000
PAIRS ?= 10000
HISTORIES ?= 10000
REQUESTS ?= 100000
VAULTS ?= 10000
MEBIBYTES ?= 8
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
BINARY = .build/release/vault
# Types are known from their own code, not looked up by name: without this flag, `vault get` takes 8 % longer.
STATIC = -c release -Xswiftc -static-executable -Xswiftc -cross-module-optimization -Xcc -DVAULT_STATIC -Xlinker -s \
	-Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
UNITTEST = VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B -W ignore -m unittest discover --start-directory
# libmicrohttpd comes with TLS, which has no static form, so vault-web is a program of its own. It looks for libraries where the system does and
# nowhere else, and nothing that decides where a call goes can be written once it runs.
PAGE = -c release --scratch-path .build/page --static-swift-stdlib --disable-local-rpath -Xlinker -s -Xlinker -z -Xlinker relro \
	-Xlinker -z -Xlinker now

.PHONY: usage help demo build test check install docs format bench bench-peers bench-page clean torture crash \
	faults corruption model merge rollback formats vectors fuzz fuzz-web hostile agent-load mutants reader-mutants \
	sanitize coverage build-vault build-web test-build test-library test-reader test-agent test-programs test-web

usage:
	@awk -F ':.*## ' '/^[a-z-]+:.*[^#]## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

help: ## list these and the long campaigns
	@awk -F ':.*## ' '/^[a-z-]+:.*[^#]## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Campaigns run long, take their options as NAME=VALUE and print what they did:"
	@awk -F ':.*### ' '/^[a-z-]+:.*### / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## install what is missing, build the release binary, show the main job
	@Scripts/install-packages build
	@$(MAKE) --no-print-directory build
	@Scripts/demo $(BINARY)

build: ## build .build/release/vault, one static file, and vault-web beside it
	@$(MAKE) --no-print-directory -j2 build-vault build-web
	@install -m 0755 .build/page/release/vault-web .build/release/vault-web

build-vault:
	@Scripts/quietly $(SWIFT) build $(STATIC) --product vault

build-web:
	@Scripts/quietly $(SWIFT) build $(PAGE) --product vault-web

test: ## install what is missing, build and run every test
	@Scripts/install-packages build test
	@Scripts/install-node
	@Scripts/install-gradient
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory -j3 --output-sync=target test-reader test-build test-library
	@$(MAKE) --no-print-directory -j3 --output-sync=target test-web test-agent test-programs
	XDG_STATE_HOME="$(CURDIR)/.build/state" SWIFT_BACKTRACE=enable=no VAULT_BINARY="$(CURDIR)/$(BINARY)" $(SWIFT) test --disable-xctest

test-reader:
	/usr/bin/python3 -B -m unittest discover --start-directory Tests/PythonReader

test-build:
	@Scripts/quietly $(SWIFT) build --build-tests

# The Swift tests run what this builds.
test-library:
	@Tests/Library/build.sh >/dev/null

# These three wait more than they work, and look at the clock.
test-agent:
	$(UNITTEST) Tests/EndToEnd/Agent

test-programs:
	$(UNITTEST) Tests/EndToEnd/Formats
	$(UNITTEST) Tests/EndToEnd/Shells

test-web:
	$(UNITTEST) Tests/EndToEnd/Web

install: ## install the programs, manual page and completions under PREFIX=/usr/local
	@test -x $(BINARY) || { echo "run 'make build' first" >&2; exit 1; }
	install -D -m 0755 $(BINARY) "$(DESTDIR)$(PREFIX)/bin/vault"
	install -D -m 0755 .build/release/vault-web "$(DESTDIR)$(PREFIX)/bin/vault-web"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
		"$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	$(BINARY) man >"$(DESTDIR)$(PREFIX)/share/man/man1/vault.1"
	$(BINARY) completions bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vault"
	$(BINARY) completions zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vault"
	$(BINARY) completions fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vault.fish"

check: ## check format, layers, use of unsafe code, documents
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Bodies Fuzz/Targets
	Scripts/check-layers
	Scripts/check-unsafe
	Scripts/check-documents

docs: ## build the reference of the library, .build/VaultKit.doccarchive
	@rm -rf .build/symbols .build/VaultKit.doccarchive
	@mkdir -p .build/symbols
	@Scripts/quietly $(SWIFT) build --target VaultKit
	@Scripts/quietly $(SWIFT) symbolgraph-extract -module-name VaultKit -target $(shell uname -m)-unknown-linux-gnu \
		-I .build/debug/Modules -I Sources/CSodium -Xcc -fmodule-map-file=.build/debug/CPlatform.build/module.modulemap \
		-experimental-allowed-reexported-modules=VaultCore -skip-inherited-docs -output-dir .build/symbols
	docc convert Sources/VaultKit/VaultKit.docc --warnings-as-errors --fallback-display-name VaultKit \
		--fallback-bundle-identifier org.vault.VaultKit --additional-symbol-graph-dir .build/symbols \
		--output-path .build/VaultKit.doccarchive

format: ## format all Swift files
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Bodies Fuzz/Targets

torture: ### writers, readers, a compactor, a copier and a killer on one vault; SECONDS=600
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/torture.py --seconds $(SECONDS)

crash: SEED = 1
crash: ### stop the machine in every state that a power cut can leave; STATES=1000000 SEED=1
	@mkdir -p .build
	@gcc -O2 -shared -fPIC -o .build/quick.so Fuzz/Targets/quick/quick.c
	@LD_PRELOAD="$(CURDIR)/.build/quick.so" VAULT_SEED=$(SEED) VAULT_STATES=$(STATES) Scripts/campaign crash CrashTests

faults: ### let every call to the disk and every system call fail, or be the last; STEP=7 VERB=set SECONDS=600
	@VAULT_FAULTS=$(STEP) Scripts/campaign faults VaultFileTests.FaultTests
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/faults.py --step $(STEP) --verb "$(VERB)" \
		$(if $(filter file,$(origin SECONDS)),,--seconds $(SECONDS))

corruption: ### spoil or exchange every bit, byte, length and frame of two vaults
	@VAULT_CORRUPTION=all Scripts/campaign corruption CorruptionTests

model: ### random operations through agent and files against a dictionary; OPERATIONS=1000000 SEED=7
	@VAULT_SEED=$(SEED) VAULT_OPERATIONS=$(OPERATIONS) Scripts/campaign model 'VaultAgentTests.*ModelTests'

merge: SEED = 1
merge: ### random pairs of forked copies, merged and compared with a union of sets; PAIRS=10000 SEED=1
	@VAULT_SEED=$(SEED) VAULT_PAIRS=$(PAIRS) Scripts/campaign merge MergeTests

rollback: SEED = 1
rollback: ### random histories of two and three machines, with older files put back; HISTORIES=10000 SEED=1
	@VAULT_SEED=$(SEED) VAULT_HISTORIES=$(HISTORIES) Scripts/campaign rollback RollbackModelTests

formats: ### random values through every export format into its programs, random files through import; VALUES=10000
	VAULT_SEED=$$(od -An -N4 -tu4 /dev/urandom) VAULT_VALUES=$(VALUES) VAULT_FILES=$(VALUES) VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B -W ignore -m unittest discover --start-directory Tests/EndToEnd/Formats

vectors: ### the frozen test vectors in Python and Swift, then random vaults between the two; VAULTS=10000 SEED=1
	/usr/bin/python3 -B Tests/Campaigns/vectors.py --swift $(SWIFT) --vaults $(VAULTS) --seed $(SEED)

fuzz: SECONDS = 60
fuzz: ### the fuzzers; SECONDS=60 TARGET=header, frames, agent, arguments or formats; SANITIZE=address
	Fuzz/run $(SECONDS) $(TARGET)

hostile: ### files made to take long, beside ordinary ones of the same size; MEBIBYTES=8
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/hostile.py --mebibytes $(MEBIBYTES)

agent-load: ### how long the agent keeps others waiting under load, and its memory; SECONDS=60
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/agentload.py --seconds $(SECONDS)

mutants: ### engines that are wrong on purpose, each of which a test must catch
	/usr/bin/python3 -B Tests/Campaigns/mutants.py --swift $(SWIFT)

reader-mutants: ### Python readers with one rule wrong, each of which a test vector must catch
	/usr/bin/python3 -B Tests/Campaigns/readermutants.py

# Leaks are not looked for: Foundation's Process, which tests use, has one of 32 bytes.
sanitize: ### the Swift tests under the address sanitizer, then the thread sanitizer
	SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:suppressions="$(CURDIR)/Tests/address-sanitizer.txt" VAULT_BINARY="$(CURDIR)/$(BINARY)" \
		$(SWIFT) test --sanitize=address --scratch-path .build/address --disable-xctest
	SWIFT_BACKTRACE=enable=no TSAN_OPTIONS=suppressions="$(CURDIR)/Tests/thread-sanitizer.txt" VAULT_BINARY="$(CURDIR)/$(BINARY)" \
		$(SWIFT) test --sanitize=thread --scratch-path .build/thread --disable-xctest

# Tests run in several threads: only atomic counters tell what was never run.
coverage: ### the parts of the engine that no test runs; Tests/uncovered.txt must give a reason for each
	@SWIFT_BACKTRACE=enable=no $(SWIFT) test --enable-code-coverage --scratch-path .build/coverage --disable-xctest \
		-Xswiftc -Xllvm -Xswiftc -instrprof-atomic-counter-update-all --filter 'VaultFileTests|VaultCoreTests|VaultKitTests|VaultAgentTests|FuzzTests' >.build/coverage.log 2>&1 || { cat .build/coverage.log; exit 1; }
	@"$(dir $(realpath $(shell command -v $(SWIFT))))llvm-cov" export .build/coverage/debug/vaultPackageTests.xctest \
		-instr-profile .build/coverage/debug/codecov/default.profdata >.build/coverage.json
	@Scripts/uncovered .build/coverage.json

fuzz-web: ### malformed requests to the web page; REQUESTS=100000
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/web.py --requests $(REQUESTS)

bench: ## measure vault beside C programs that do only what is necessary; QUICK=1
	@Scripts/install-packages build
	@test -x $(BINARY) || $(MAKE) --no-print-directory build
	@Scripts/quietly $(SWIFT) build -c release --package-path Benchmarks -Xswiftc -static-executable \
		-Xswiftc -cross-module-optimization --product engine
	/usr/bin/python3 -B Benchmarks/bench.py --json .build/bench.json $(if $(QUICK),--quick)

bench-peers: ## measure vault beside pass, age, KeePassXC and others; QUICK=1
	@Scripts/install-packages build peers
	@Scripts/install-peers
	@test -x $(BINARY) || $(MAKE) --no-print-directory build
	/usr/bin/python3 -B Benchmarks/peers.py --json .build/peers.json $(if $(QUICK),--quick)

bench-page: ## put the results of both into docs/performance.md
	@mkdir -p Benchmarks/results
	cp .build/bench.json .build/peers.json Benchmarks/results
	/usr/bin/python3 -B Benchmarks/page.py

clean: ## remove .build
	rm -rf .build
