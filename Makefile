# make run    set everything up and run a store's day on the sandbox (Ctrl-C ends it)
# make test   set everything up and run lint, types, import contracts and every test
# make help   the rest

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
WORKERS ?= 5
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: fleet-test help run test collected lint types bench soak attack screenshots lock audit wheel deb release release-key boot-test debian-test arm-test pieces arm64 clean system-test system-deb system-debootstrap system-qemu system-qemu-user

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.run  ## set up, then `tether demo`: the service, the sandbox and a simulated till (PORT=8800 for another port)
	@$(BIN)/tether demo $(if $(PORT),--port $(PORT))

test: $(VENV)/.dev system-test  ## set up, then lint, types, contracts, tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync types lint collected
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

collected: $(VENV)/.dev  # once, beside the types: the workers find their tests compiled
	@found=$$($(BIN)/pytest --collect-only -qq) || { echo "$$found" | tail -n 60; exit 1; }

fleet-test: $(VENV)/.dev system-test  ## headquarters' long tests: 100,000 entries under kills, a week's backlog, 1,000 stores (40 minutes at most)
	TMPDIR=/var/tmp TETHER_FLEET=long timeout 2400 $(BIN)/pytest -q -rs --durations=10 tests/fleet

lint: $(VENV)/.dev  ## ruff and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

BENCHES := $(filter quick $(basename $(notdir $(wildcard tests/bench/*.py))),$(MAKECMDGOALS))
bench: $(VENV)/.dev  ## benchmarks: a JSON line a result, then a table (`make bench quick`: 3 minutes; `make bench parts`: what an event takes, and where it goes)
	$(BIN)/python -m tests.bench $(BENCHES)
ifneq ($(filter bench,$(MAKECMDGOALS)),)
.PHONY: $(BENCHES)
$(BENCHES): ;@:
endif

soak: $(VENV)/.dev  ## a busy day's 100,000 events in an hour, and what memory does (SECONDS=600 for a shorter one)
	$(BIN)/python -m tests.bench.soak $(SECONDS)

attack: $(VENV)/.dev  ## an hour of attacks against a service of its own on loopback (SECONDS=60 SEED=1 for a shorter one)
	$(BIN)/python -m tests.security.attack $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

screenshots: $(VENV)/.dev  ## the pictures of the README, made anew
	$(BIN)/python -m tests.support.screenshots docs/screenshots

audit: $(VENV)/.dev  ## known vulnerabilities and licences of what we depend on
	$(BIN)/python -m pip install --quiet pip-audit pip-licenses
	$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip
	$(BIN)/pip-licenses --from=mixed --order=license

lock: $(VENV)/.dev  ## resolve the dependencies anew into the lock files
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
	  --upgrade --extra fleet -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
	  --extra apprise --extra web --extra fleet --extra hq --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
	  --extra hq -c requirements-dev.lock -o requirements-hq.lock pyproject.toml

wheel: $(VENV)/.run  ## the release as a wheel, in dist/
	@mkdir -p dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

ARCH ?= $(shell dpkg --print-architecture)
deb: wheel system-deb  ## the Debian package in dist/, for the Debian it is built on (ARCH=arm64 for a Raspberry Pi)
	rm -rf build/deb && mkdir -p build/deb/tether
	cp -r docs systemd README.md requirements-hq.lock build/deb/tether
	cp -r systemd/debian build/deb/tether/debian
	$(BIN)/tether manual > build/deb/tether/debian/tether.1
	for shell in bash zsh fish; do $(BIN)/tether completion $$shell > build/deb/tether/debian/tether.$$shell || exit 1; done
	cd build/deb/tether && PIP="$(abspath $(BIN))/python -m pip" WHEEL=$$(ls -t ../../../dist/tether_box-*.whl | head -1) \
	  dpkg-buildpackage --build=binary --no-sign --no-check-builddeps --host-arch $(ARCH) >../build.log 2>&1 || { tail -40 ../build.log; exit 1; }
	mv build/deb/tether_*.deb dist/
	@ls -l dist/tether_*_$(ARCH).deb

RELEASE_KEY ?= $(HOME)/.config/tether/release.key
VERSION = $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' daemon/__init__.py)
release: wheel  ## what owners install, in dist/: wheel, packages for PCs and the Raspberry Pi, what is in them, checksums, signatures (RELEASE_KEY)
	$(MAKE) deb ARCH=amd64
	$(MAKE) deb ARCH=arm64
	$(BIN)/python -m daemon.packaging release --secret $(RELEASE_KEY) --release $(VERSION) \
	  --made-at $$(git log -1 --format=%ct 2>/dev/null || date +%s)

release-key: $(VENV)/.run  ## a new key that signs releases (RELEASE_KEY); its public half goes into the tree
	$(BIN)/python -m daemon.packaging key --secret $(RELEASE_KEY)

boot-test: $(VENV)/.dev system-deb system-debootstrap system-qemu  ## the package, install, watchdog and upgrade in a Debian booted for it (root, KVM, debootstrap, qemu)
	TETHER_BOOT=1 $(BIN)/pytest -q -rs tests/appliance/test_boot.py

SUITE ?= bookworm
# A Debian made for it: $(1) is what debootstrap is told beside that, $(2) what is made in it. What is mounted in it nobody else sees, so that
# its end takes the Debian away and nothing of this machine, whoever was interrupted.
in_a_debian = tree=$$(mktemp -d /var/tmp/tether-$(SUITE).XXXXXX) && trap 'rm -rf --one-file-system "$$tree"' EXIT && trap 'exit 1' HUP INT TERM && chmod 755 "$$tree" && \
	unshare --mount debootstrap $(1) --variant=minbase --include=ca-certificates,git,make,netbase,procps,python3,python3-venv,sudo,systemd $(SUITE) "$$tree" && \
	cp -L /etc/hosts /etc/resolv.conf "$$tree/etc" && cp -L /etc/ssl/certs/ca-certificates.crt "$$tree/etc/ssl/certs" && \
	git clone --quiet . "$$tree/srv/tether" && { [ ! -d ../shared ] || cp -r ../shared/. "$$tree/srv/shared"; } && \
	unshare --mount sh -ec 'for each in proc sys dev; do mount --rbind "/$$each" "$$0/$$each"; done; exec chroot "$$0" make -C /srv/tether $(2)' "$$tree"

debian-test: system-debootstrap  ## `make test` in a Debian 12 made for it (root, debootstrap, a package mirror; SUITE=trixie for 13)
	$(call in_a_debian,,test)

arm-test: system-debootstrap system-qemu-user  ## the tests that the processor matters to, in such a Debian for arm64, under qemu-user (PIECES=tests/keys for less)
	$(call in_a_debian,--arch=arm64,pieces)

PIECES ?= tests/gsm tests/keys tests/migration tests/planning tests/store tests/wire tests/security/test_sealed_backups.py
pieces: $(VENV)/.dev
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -o timeout=1800 $(PIECES)

arm64: $(VENV)/.run  ## see that every dependency has a wheel for a 64-bit Raspberry Pi, for each Python we run on
	@mkdir -p build/arm64
	@for python in 3.11 3.12 3.13; do echo "Python $$python"; \
	  $(BIN)/python -m pip download --quiet --require-hashes --only-binary=:all: --implementation cp --python-version $$python \
	  --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 --platform manylinux_2_26_aarch64 --platform manylinux_2_27_aarch64 \
	  --platform manylinux_2_28_aarch64 --platform manylinux_2_31_aarch64 --platform manylinux_2_34_aarch64 \
	  --dest build/arm64 --requirement requirements.lock || exit 1; done

clean:  ## remove what the above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis dist build

# A Debian python3 comes without ensurepip, which a venv needs.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "Tether runs on Python 3.11 to 3.13; $(PYTHON) is another. Try: make PYTHON=/usr/bin/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "installing python3-venv"; $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# PostgreSQL is the archive of headquarters, Chromium proves the board in a real browser (its shell without a window does where there is one: it is
# lighter), curl and PHP the examples for tills, gammu the modem's simulator, sqlite3 what is saved of a
# damaged database; where they can't be had, those tests say so and skip.
system-test:
	@missing=$$(for program in curl gammu sqlite3 tmux; do command -v $$program >/dev/null || echo $$program; done; \
	  command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || echo chromium; \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql; \
	  php -r 'exit((int) !extension_loaded("curl"));' 2>/dev/null || echo php-cli php-curl); \
	[ -z "$$missing" ] || { $(SUDO) apt-get update -qq; \
	  ! apt-cache show chromium-headless-shell >/dev/null 2>&1 || missing=$$(echo $$missing | sed 's/\bchromium\b/&-headless-shell/'); \
	  echo "installing for the tests:" $$missing; $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; } || \
	  echo "could not be installed, and the tests that need them will skip:" $$missing
	@[ -e node_modules/axe-core/axe.min.js ] || ! command -v npm >/dev/null || \
	  npm install --no-save --no-package-lock --silent --no-fund --no-audit axe-core@4 >/dev/null || \
	  echo "no axe-core: the board's accessibility check will skip"

system-debootstrap:
	@command -v debootstrap >/dev/null || { echo "installing debootstrap"; $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends debootstrap; }

system-qemu:
	@command -v qemu-system-x86_64 >/dev/null && command -v mkfs.ext4 >/dev/null || { echo "installing qemu"; $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends qemu-system-x86 e2fsprogs; }

# Where no systemd told the kernel who runs programs for arm64, it is told here; C, so that sudo works there.
ARM_PROGRAMS := /proc/sys/fs/binfmt_misc/qemu-aarch64
system-qemu-user:
	@[ -e /usr/lib/binfmt.d/qemu-aarch64.conf ] || { echo "installing qemu-user-static"; $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends qemu-user-static; }
	@[ -e $(dir $(ARM_PROGRAMS))register ] || $(SUDO) mount -t binfmt_misc binfmt_misc $(dir $(ARM_PROGRAMS))
	@[ -e $(ARM_PROGRAMS) ] || sed 's/:O*PF$$/:OCPF/' /usr/lib/binfmt.d/qemu-aarch64.conf | $(SUDO) tee $(dir $(ARM_PROGRAMS))register >/dev/null

system-deb:
	@command -v dh >/dev/null || { echo "installing debhelper"; $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends debhelper dpkg-dev; }
