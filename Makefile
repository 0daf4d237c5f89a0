# make demo      builds the release binary and shows the main job on a vault of its own
# make test      builds and runs every test
# make build     leaves the release binary, one static file, at .build/release/vault, and vault-web beside it
# make install   puts it, its manual page and its completions under PREFIX (default /usr/local)
# make docs      the library's reference by DocC, at .build/VaultKit.doccarchive; a warning is an error
# make check     format, layers, unsafe, documents
# make torture   writers, readers, a compactor, a copier and a killer on one vault, for SECONDS=600
# make crash     the machine stops wherever it can, in every state that this leaves; STATES=1000000 of them, the first SEED=1
# make faults    every call to the disk and every system call of every verb fails, or is the last; STEP=7 tries every seventh,
#                VERB=set one verb, SECONDS=600 so long
# make corruption  every bit, byte, length and frame of two vaults is spoiled or exchanged, with counts
# make model     OPERATIONS=1000000 random operations through agent and files against a dictionary; SEED=7 does the same again
# make merge     PAIRS=10000 random pairs of copies that went apart are merged, and held against a union of sets; SEED=1 is the first
# make rollback  HISTORIES=10000 random histories of two and three machines, with forks, compactions, merges, new keys, purges and
#                old files: a file is refused exactly where it lacks a change that the machine saw; SEED=1 is the first
# make formats   VALUES=10000 random values through every export format into the programs that read it, and as many random
#                files through `import`
# make vectors   the frozen test vectors in Python and in Swift, then VAULTS=10000 random vaults each way between the two;
#                SEED=1 chooses which, and is printed
# make fuzz      the fuzzers of Fuzz, each for SECONDS=60; TARGET=header, frames, agent, arguments or formats runs one alone;
#                SANITIZE=address adds the address sanitizer; a file that takes longer than its size allows is a finding too
# make hostile   how long the release binary takes for files whose author has the key and wants them to take long, against an
#                ordinary one of the same size; MEBIBYTES=8
# make agent-load  how long the agent keeps others waiting, and its memory, while 64 clients ask for everything and hostile files are
#                opened, for SECONDS=60
# make mutants   engines that are wrong on purpose, each of which the proofs must catch
# make reader-mutants  Python readers with one rule wrong, each of which the test vectors must catch
# make sanitize  the Swift tests with the address sanitizer, then with the thread sanitizer
# make coverage  which parts of the engine no test runs; Tests/uncovered.txt must give a reason for each
# make fuzz-web  REQUESTS=100000 malformed requests on the web page's interface
# make order     what the usual verbs run and touch, so that the linker puts it side by side
# make bench     how fast vault is beside C programs that do no more than has to be done, with 10 to 1,000,000 secrets;
#                QUICK=1 tries each work a few times, for no figures
# make bench-peers  vault beside pass, age, KeePassXC, SQLCipher, GNOME's keyring, ansible-vault and python-dotenv, doing the same work
# make bench-page   puts what these two measured last into docs/performance.md
#
# demo, test and bench-peers install what is missing; the other rules expect it to be there.

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
FRONTEND = -Xswiftc -Xfrontend -Xswiftc
# Each function is a section of its own, and what the usual verbs run and touch lies side by side: a start costs as much as the pages that it
# touches. Types are known from their own code, not looked up by name.
STATIC = -c release -Xswiftc -static-executable -Xswiftc -cross-module-optimization -Xcc -DVAULT_STATIC \
	$(FRONTEND) -function-sections $(FRONTEND) -prespecialize-generic-metadata \
	$(FRONTEND) -disable-concrete-type-metadata-mangled-name-accessors -Xswiftc -use-ld=lld
ORDERED = -Xlinker -s -Xlinker --no-warn-symbol-ordering -Xlinker --symbol-ordering-file="$(CURDIR)/Scripts/symbols.txt"
UNITTEST = VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B -W ignore -m unittest discover --start-directory
# libmicrohttpd comes with TLS, which has no static form, so vault-web is a program of its own. It looks for libraries where the system does and
# nowhere else, and nothing that decides where a call goes can be written once it runs.
PAGE = -c release --scratch-path .build/page --static-swift-stdlib --disable-local-rpath -Xlinker -s -Xlinker -z -Xlinker relro \
	-Xlinker -z -Xlinker now

.PHONY: demo test test-build test-reader test-agent test-programs test-web build install docs check format torture crash faults corruption model merge rollback formats vectors fuzz hostile agent-load mutants reader-mutants sanitize coverage fuzz-web bench bench-peers bench-page order clean

demo:
	@Scripts/install-packages build
	@$(MAKE) --no-print-directory build
	@Scripts/demo $(BINARY)

build:
	@Scripts/quietly $(SWIFT) build $(STATIC) $(ORDERED) --product vault
	@Scripts/quietly $(SWIFT) build $(PAGE) --product vault-web
	@install -m 0755 .build/page/release/vault-web .build/release/vault-web

test:
	@Scripts/install-packages build test
	@Scripts/install-node
	@Scripts/install-gradient
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-reader test-build
	@$(MAKE) --no-print-directory -j3 --output-sync=target test-web test-agent test-programs
	XDG_STATE_HOME="$(CURDIR)/.build/state" SWIFT_BACKTRACE=enable=no VAULT_BINARY="$(CURDIR)/$(BINARY)" $(SWIFT) test --disable-xctest

test-reader:
	/usr/bin/python3 -B -m unittest discover --start-directory Tests/PythonReader

test-build:
	@Scripts/quietly $(SWIFT) build --build-tests

# These three wait more than they work, and look at the clock.
test-agent:
	$(UNITTEST) Tests/EndToEnd/Agent

test-programs:
	$(UNITTEST) Tests/EndToEnd/Formats
	$(UNITTEST) Tests/EndToEnd/Shells

test-web:
	$(UNITTEST) Tests/EndToEnd/Web

install:
	@test -x $(BINARY) || { echo "run 'make build' first" >&2; exit 1; }
	install -D -m 0755 $(BINARY) "$(DESTDIR)$(PREFIX)/bin/vault"
	install -D -m 0755 .build/release/vault-web "$(DESTDIR)$(PREFIX)/bin/vault-web"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
		"$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	$(BINARY) man >"$(DESTDIR)$(PREFIX)/share/man/man1/vault.1"
	$(BINARY) completions bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vault"
	$(BINARY) completions zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vault"
	$(BINARY) completions fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vault.fish"

check:
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Bodies Fuzz/Targets
	Scripts/check-layers
	Scripts/check-unsafe
	Scripts/check-documents

docs:
	@rm -rf .build/symbols .build/documentation .build/VaultKit.doccarchive
	@mkdir -p .build/symbols/all .build/symbols/kit
	@Scripts/quietly $(SWIFT) build --target VaultKit --scratch-path .build/documentation \
		-Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc "$(CURDIR)/.build/symbols/all"
	@cp .build/symbols/all/VaultKit*.symbols.json .build/symbols/kit
	docc convert --warnings-as-errors --fallback-display-name VaultKit --fallback-bundle-identifier org.vault.VaultKit \
		--additional-symbol-graph-dir .build/symbols/kit --output-path .build/VaultKit.doccarchive

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Bodies Fuzz/Targets

torture:
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/torture.py --seconds $(SECONDS)

crash: SEED = 1
crash:
	@mkdir -p .build
	@gcc -O2 -shared -fPIC -o .build/quick.so Fuzz/Targets/quick/quick.c
	@LD_PRELOAD="$(CURDIR)/.build/quick.so" VAULT_SEED=$(SEED) VAULT_STATES=$(STATES) Scripts/campaign crash CrashTests

faults:
	@VAULT_FAULTS=$(STEP) Scripts/campaign faults VaultFileTests.FaultTests
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/faults.py --step $(STEP) --verb "$(VERB)" \
		$(if $(filter file,$(origin SECONDS)),,--seconds $(SECONDS))

corruption:
	@VAULT_CORRUPTION=all Scripts/campaign corruption CorruptionTests

model:
	@VAULT_SEED=$(SEED) VAULT_OPERATIONS=$(OPERATIONS) Scripts/campaign model 'VaultAgentTests.*ModelTests'

merge: SEED = 1
merge:
	@VAULT_SEED=$(SEED) VAULT_PAIRS=$(PAIRS) Scripts/campaign merge MergeTests

rollback: SEED = 1
rollback:
	@VAULT_SEED=$(SEED) VAULT_HISTORIES=$(HISTORIES) Scripts/campaign rollback RollbackModelTests

formats:
	VAULT_SEED=$$(od -An -N4 -tu4 /dev/urandom) VAULT_VALUES=$(VALUES) VAULT_FILES=$(VALUES) VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B -W ignore -m unittest discover --start-directory Tests/EndToEnd/Formats

vectors:
	/usr/bin/python3 -B Tests/Campaigns/vectors.py --swift $(SWIFT) --vaults $(VAULTS) --seed $(SEED)

fuzz: SECONDS = 60
fuzz:
	Fuzz/run $(SECONDS) $(TARGET)

hostile:
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/hostile.py --mebibytes $(MEBIBYTES)

agent-load:
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/agentload.py --seconds $(SECONDS)

mutants:
	/usr/bin/python3 -B Tests/Campaigns/mutants.py --swift $(SWIFT)

reader-mutants:
	/usr/bin/python3 -B Tests/Campaigns/readermutants.py

# Leaks are not looked for: Foundation's Process, which tests use, has one of 32 bytes.
sanitize:
	SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:suppressions="$(CURDIR)/Tests/address-sanitizer.txt" VAULT_BINARY="$(CURDIR)/$(BINARY)" \
		$(SWIFT) test --sanitize=address --scratch-path .build/address --disable-xctest
	SWIFT_BACKTRACE=enable=no TSAN_OPTIONS=suppressions="$(CURDIR)/Tests/thread-sanitizer.txt" VAULT_BINARY="$(CURDIR)/$(BINARY)" \
		$(SWIFT) test --sanitize=thread --scratch-path .build/thread --disable-xctest

coverage:
	@SWIFT_BACKTRACE=enable=no $(SWIFT) test --enable-code-coverage --scratch-path .build/coverage --disable-xctest \
		--filter 'VaultFileTests|VaultKitTests|VaultAgentTests|FuzzTests' >.build/coverage.log 2>&1 || { cat .build/coverage.log; exit 1; }
	@"$(dir $(realpath $(shell command -v $(SWIFT))))llvm-cov" export .build/coverage/debug/vaultPackageTests.xctest \
		-instr-profile .build/coverage/debug/codecov/default.profdata >.build/coverage.json
	@Scripts/uncovered .build/coverage.json

fuzz-web:
	VAULT_BINARY="$(CURDIR)/$(BINARY)" /usr/bin/python3 -B Tests/Campaigns/web.py --requests $(REQUESTS)

bench:
	@Scripts/install-packages build
	@test -x $(BINARY) || $(MAKE) --no-print-directory build
	@Scripts/quietly $(SWIFT) build -c release --package-path Benchmarks -Xswiftc -static-executable \
		-Xswiftc -cross-module-optimization --product engine
	/usr/bin/python3 -B Benchmarks/bench.py --json .build/bench.json $(if $(QUICK),--quick)

bench-peers:
	@Scripts/install-packages build peers
	@Scripts/install-peers
	@test -x $(BINARY) || $(MAKE) --no-print-directory build
	/usr/bin/python3 -B Benchmarks/peers.py --json .build/peers.json $(if $(QUICK),--quick)

bench-page:
	@mkdir -p Benchmarks/results
	cp .build/bench.json .build/peers.json Benchmarks/results
	/usr/bin/python3 -B Benchmarks/page.py

order:
	@Scripts/quietly $(SWIFT) build $(STATIC) -Xlinker -Map=.build/order.map --scratch-path .build/order --product vault
	Scripts/order-symbols .build/order/release/vault .build/order.map

clean:
	rm -rf .build
