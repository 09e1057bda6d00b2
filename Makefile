# A thin face on Meson, and the two commands of a newcomer: `make run` and `make check`.
# What is missing of Debian's packages is installed first (tools/packages).

prefix = /usr/local
DESTDIR =
# What is run and installed. build-check/ has sanitizers, test hooks and unit tests.
BUILD = build
RELEASE = -Dunit_tests=false
CHECK = -Db_sanitize=address,undefined -Db_lundef=false -Dtest_hooks=true

.PHONY: help all run check bench install clean packages

help:
	@echo 'make run      build, and serve a demonstration maildrop on 127.0.0.1 until Ctrl-C'
	@echo '              (POP3_PORT=1110 POP3S_PORT=1995 choose the ports)'
	@echo 'make check    build with sanitizers, run every test, end with a count'
	@echo 'make          this text;  make all  builds only'
	@echo 'make install  into $$(DESTDIR)$$(prefix), prefix being $(prefix)'
	@echo 'make bench    compare with Dovecot (installs it) and others; results go to bench/RESULTS.md'
	@echo 'make clean    remove what the others made'

packages:
	@tools/packages build

$(BUILD)/build.ninja: | packages
	meson setup $(BUILD) $(RELEASE) --prefix=$(prefix)

build-check/build.ninja:
	meson setup build-check $(CHECK)

all: packages $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

run: all
	@tools/run $(BUILD)

check:
	@tools/packages check
	@tools/mtas || true
	@tools/popservers || true
	@$(MAKE) --no-print-directory build-check/build.ninja
	@tools/check build-check

# It builds its own directory, build-bench/, as its results want it.
bench:
	@tools/packages bench
	bench/compare --write

# The prefix is compiled in (where the programs and the configuration are found).
install: all
	@meson configure $(BUILD) -Dprefix=$(prefix) >/dev/null
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-bench build-check build-courier build-fuzz build-mtas build-popservers build-ci-*
