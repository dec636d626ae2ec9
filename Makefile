# The short way to what CMake does; CMakePresets.json has the long one. Each target first installs missing packages.
JOBS ?= $(shell nproc)
FILE ?=
SECONDS ?= 60
FUZZ ?=
RESULTS ?=
COUNT ?= 10000
SEED ?= 1
MUTANTS ?=
DEVICE ?= cpu
export JOBS

.PHONY: help build run test campaign soak mutants bench docs fuzz clean setup

help:
	@echo 'make build  the command and the library, optimized: build/release/bin/vyre'
	@echo 'make run    build, then run the example Programs over a large file; FILE=PATH chooses another'
	@echo 'make test   build and test all presets: gcc, clang, three sanitizers; then the release build'
	@echo 'make campaign  COUNT=N random Programs, machine code against the interpreter, and as many in sessions of'
	@echo '               both builders; SEED=N is the first'
	@echo 'make soak      a session of DEVICE, here $(DEVICE), under everything at once for SECONDS; SEED=N'
	@echo 'make mutants   plants defects, one at a time, and sees that the tests find each; MUTANTS=NAMES chooses,'
	@echo '               RESULTS=FILE keeps the table'
	@echo 'make bench  build, then run the benchmarks; RESULTS=FOLDER keeps their output and writes'
	@echo '            the table of docs/performance.md, BENCH=NAME chooses'
	@echo 'make fuzz   run the fuzz targets for SECONDS, here $(SECONDS), each; FUZZ=NAME chooses one'
	@echo 'make docs   write the pages that are made from tables'
	@echo 'make clean  remove build/'
	@echo 'JOBS=N      parallel jobs, here $(JOBS)'

setup:
	@tools/setup.sh

build: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS)

run: build
	@tools/run.sh build/release/bin/vyre '$(FILE)'

test: setup
	@tools/test.sh

campaign: setup
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target test-differential test-builders vyre-codegen-library
	@tools/campaign.sh build/dev $(COUNT) $(SEED)

soak: setup
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target test-soak vyre-codegen-library
	@build/dev/bin/test-soak $(DEVICE) $(SECONDS) $(SEED)

mutants: setup
	@MUTANTS='$(MUTANTS)' tests/mutation/mutate.sh '$(RESULTS)'

bench: build
	@tools/bench.sh build/release '$(RESULTS)'
	@[ -z '$(RESULTS)' ] || tools/performance.sh '$(RESULTS)'

docs: setup
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target docs

fuzz: setup
	@tools/fuzz.sh '$(SECONDS)' '$(FUZZ)'

clean:
	rm -rf build
