# From data to a measured model: generate, filter, train, evaluate. What is there already is not made again, and what was
# interrupted is taken up where it stood:
#   make -f docs/recipe.mk FOLDER=work GENERATOR=a.gguf JUDGE=b.gguf BASE=c.gguf SEEDS=seeds.jsonl \
#     GENERAL=general.jsonl TASKS="choice.jsonl" HELD_OUT=held-out.jsonl
# PASSAGES, files or a folder to ask about, can stand in place of SEEDS.

FOLDER ?= work
HYPNOS ?= .build/release/hypnos
GENERATOR ?= $(error say GENERATOR=FILE.gguf, the model that writes the pairs)
JUDGE ?= $(error say JUDGE=FILE.gguf, a model that did not write them)
BASE ?= $(error say BASE=FILE.gguf, the model to train)
GENERAL ?= $(error say GENERAL=FILE.jsonl, pairs of general medicine)
HELD_OUT ?= $(error say HELD_OUT=FILE.jsonl, pairs that nothing is trained on)
COUNT ?= 1000
KEEP ?= 0.5
TEMPLATE ?= plain
TRAINING ?=

sources := $(SEEDS:%=--seeds %) $(PASSAGES:%=--from %)
tasks := $(TASKS:%=--task %)

.DELETE_ON_ERROR:
.PRECIOUS: $(FOLDER)/pairs.jsonl
.PHONY: all
all: $(FOLDER)/base.json $(FOLDER)/adapter.json

$(FOLDER)/made:
	mkdir -p $(FOLDER) && touch $@

# A file of pairs that is there but short is gone on with; the mark says that it is whole.
$(FOLDER)/pairs.done: | $(FOLDER)/made
	$(HYPNOS) generate -m $(GENERATOR) $(sources) --count $(COUNT) --out $(FOLDER)/pairs.jsonl
	touch $@

$(FOLDER)/kept.jsonl: $(FOLDER)/pairs.done
	$(HYPNOS) filter -m $(JUDGE) $(FOLDER)/pairs.jsonl --keep $(KEEP) --out $@ --rejected $(FOLDER)/rejected.jsonl \
	  --report $(FOLDER)/filter.html

$(FOLDER)/adapter.gguf: $(FOLDER)/kept.jsonl
	$(HYPNOS) finetune -m $(BASE) --template $(TEMPLATE) --stage general=$(GENERAL) --stage specific=$(FOLDER)/kept.jsonl \
	  --validation $(HELD_OUT) --report $(FOLDER)/training.html --out $@ $(TRAINING) \
	  $(if $(wildcard $(FOLDER)/adapter.gguf.run),--resume)

$(FOLDER)/base.json: | $(FOLDER)/made
	$(HYPNOS) eval -m $(BASE) $(tasks) --loss $(HELD_OUT) --template $(TEMPLATE) --json $@

$(FOLDER)/adapter.json: $(FOLDER)/adapter.gguf $(FOLDER)/base.json
	$(HYPNOS) eval -m $(BASE) --adapter $(FOLDER)/adapter.gguf $(tasks) --loss $(HELD_OUT) --template $(TEMPLATE) \
	  --compare $(FOLDER)/base.json --json $@ --report $(FOLDER)/adapter.html
