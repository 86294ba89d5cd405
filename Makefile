# Every verb of the project, for people and for CI alike.

CARGO ?= cargo
OUT   ?= out
BUILT := $(or $(CARGO_TARGET_DIR),target)
RECIPE ?= thumb = resize:256 -> jpeg; web = resize:1200 | blur:3 -> jpeg:q=82; gray = grayscale -> png

.DEFAULT_GOAL := help
.PHONY: help run test browser judges mutants soak faults audit parity bench bench-pipeline bench-api bench-console build release deploy destroy lint fmt schemas samples clean setup venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@sh tools/setup.sh

venv: setup
	@sh tools/venv.sh target/venv tests/requirements.txt

browser:
	@sh tools/browser.sh target/browser

run: setup ## set up what is missing, build, and grind the samples into out/
	$(CARGO) build --release --locked --no-default-features
	./target/release/pixmill run samples --recipe '$(RECIPE)' --out $(OUT)

# Who judges what is in infra: a scanner of policies, and systemd where that can be had.
judges: venv
	@sh tools/venv.sh target/scanner tests/scanner.txt
	@command -v systemd-analyze >/dev/null 2>&1 || sh tools/setup.sh systemd || true

# Most tests wait for processes more than they compute: a few more of them than there are cores.
test: export RUST_TEST_THREADS ?= 4
test: venv browser judges lint ## everything that CI runs
	$(CARGO) test --workspace --features pixmill/otel --locked

mutants: setup ## whether the tests notice what they are there for
	sh tools/mutants.sh

soak: venv ## the long campaigns: kill -9, outages, faults, queue rates, overhead, 10,000 jobs on S3 and SQS, 5,000 dropped files, fleets
	$(CARGO) build --release --locked
	sh tools/soak.sh
	sh tools/soak_aws.sh
	sh tools/faults.sh
	PIXMILL_SOAK_FILES=5000 $(CARGO) test --locked --test all drop::files_copied -- --nocapture
	PIXMILL_SOAK_KILLS=1000 $(CARGO) test --locked --test all api::kills -- --nocapture
	PIXMILL_SOAK_PICTURES=1000 $(CARGO) test --locked --test all -- controller::worlds controller::crashes ec2::bad

faults: venv ## what holds when everything goes wrong: simulations, hostile input, memory, roles and hosts under fire
	$(CARGO) build --release --locked
	sh tools/faults.sh

audit: ## what is known today against what we are built of; needs a network, and cargo-deny
	$(CARGO) deny --locked check

parity: setup ## compare every operation with OpenCV, Pillow and NumPy, sample by sample
	$(CARGO) build --release --locked -p pixmill-ops --example grind
	sh tools/venv.sh target/parity benches/parity/requirements.txt
	target/parity/bin/python benches/parity/random_parity.py $(BUILT)/release/examples/grind 5000
	target/parity/bin/python benches/parity/parity.py $(BUILT)/release/examples/grind benches/PARITY.md

bench: setup ## measure beside OpenCV, libvips, Pillow and sharp, in a quarter of an hour; or PART=operations, jobs, thumbnails, faults
	$(CARGO) build --release --locked -p pixmill-ops --features bench --example bench
	sh tools/venv.sh target/bench benches/side_by_side/requirements.txt
	sh tools/bench_sharp.sh target/bench-work
	target/bench/bin/python benches/side_by_side/side_by_side.py $(BUILT)/release/examples/bench benches/RESULTS.md \
	    target/bench-work $(if $(PART),--part $(PART)) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-pipeline: setup ## measure the finished pipeline beside what people would use instead; or PART=thumbnails, prototype, efficiency, million, api, cold, aws
	$(CARGO) build --release --locked $(if $(PART),$(if $(filter aws,$(PART)),,--no-default-features))
	$(CARGO) build --release --locked -p pixmill-ops --features bench --example bench
	$(CARGO) build --release --locked -p pixmill-local --example queue_rates
	sh tools/bench_pipeline.sh target/bench-pipeline
	PYTHONPATH=benches/side_by_side target/bench-pipeline/venv/bin/python benches/pipeline --pixmill $(BUILT)/release/pixmill \
	    --work target/bench-pipeline $(foreach part,$(PART),--part $(part))

bench-api: ## the part of it that asks how many pictures a second the HTTP API accepts
	@$(MAKE) bench-pipeline PART=api

bench-console: browser ## how quick the web console is, in a browser
	$(CARGO) build --release --locked --no-default-features
	python3 tools/bench_console.py

build: setup ## the debug binary, without AWS
	$(CARGO) build --locked --no-default-features

release: setup ## the release binary, with AWS, and the list of what it is built of
	$(CARGO) build --release --locked
	python3 tools/sbom.py target/release/pixmill.cdx.json

deploy: ## a pipeline in your AWS account, new or up to date: STACK=NAME SET='Key=Value …' DRY_RUN=1
	@STACK='$(STACK)' SET='$(SET)' DRY_RUN='$(DRY_RUN)' sh infra/deploy.sh

destroy: ## remove it; pictures, results and jobs stay unless DATA=1
	@STACK='$(STACK)' DATA='$(DATA)' sh infra/destroy.sh

lint: ## formatting and lints, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) clippy --no-default-features --locked -- -D warnings

fmt: ## format everything
	$(CARGO) fmt --all

schemas: ## write the JSON Schemas anew
	$(CARGO) run -p pixmill-contract --example schemas

samples: setup ## render the sample pictures anew
	$(CARGO) run --release -p pixmill-ops --example render_samples

clean: ## remove what was built and made
	$(CARGO) clean
	rm -rf $(OUT)
