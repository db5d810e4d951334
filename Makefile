# SPDX-License-Identifier: ISC
# The whole build: one file, no recursion, one wildcard per layer. `make help` lists the goals.
# config.mk comes from ./configure, which a bare `make` runs. B= names another build directory,
# SAN= a sanitizer: `make SAN=thread B=build/tsan check-parts`.
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += -r
all:

UNCONFIGURED = clean distclean help format deb check-package check check-asan check-ubsan check-tsan
ifneq ($(filter-out $(UNCONFIGURED),$(or $(MAKECMDGOALS),all)),)
-include config.mk
endif

# Where tests/need unpacked what a user without root may not install.
ROOT := $(wildcard build/sysroot/usr)
ifneq ($(ROOT),)
ARCH := $(shell $(or $(CC),cc) -print-multiarch)
export PATH := $(PATH):$(CURDIR)/$(ROOT)/bin:$(CURDIR)/$(ROOT)/sbin
export PKG_CONFIG_PATH := $(CURDIR)/$(ROOT)/lib/$(ARCH)/pkgconfig
export PYTHONPATH := $(CURDIR)/$(ROOT)/lib/python3/dist-packages
export LD_LIBRARY_PATH := $(CURDIR)/$(ROOT)/lib/$(ARCH)
export OPENSSL_CONF := $(or $(wildcard /usr/lib/ssl/openssl.cnf),$(CURDIR)/build/sysroot/etc/ssl/openssl.cnf)
ROOT_CPP = -I$(ROOT)/include -I$(ROOT)/include/$(ARCH)
ROOT_LD = -L$(ROOT)/lib/$(ARCH) -Wl,-rpath,'$(LD_LIBRARY_PATH)'
endif

V ?= 0
q = $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(2),@:)
comma = ,
B ?= build
SAN ?=
CORE_LINK ?= static
SOVER = 0
LIB = libtunnel

# Flags. Sanitizers and _FORTIFY_SOURCE do not mix: the fortified calls bypass the interceptors.
WARN = -Wall -Wextra -Wformat=2 -Wshadow -Wvla
FORTIFY = $(if $(SAN)$(filter -O0,$(CFLAGS) $(CXXFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
# vptr needs descriptors of its own, and the tests take them away.
SANITIZE = $(if $(SAN),-O1 -fsanitize=$(SAN) -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPP_ALL = -D_GNU_SOURCE -Iinclude $(CPPFLAGS) $(FORTIFY) $(ROOT_CPP)
LIBS_CPP = $(LIBEVENT_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(QRENCODE_CFLAGS)
C_ALL = -std=c11 $(CFLAGS) $(WARN) -Wstrict-prototypes $(HARDEN_CFLAGS) $(SANITIZE) -pthread -MMD -MP
CXX_ALL = -std=c++20 $(CXXFLAGS) $(WARN) $(HARDEN_CFLAGS) $(SANITIZE) -pthread -MMD -MP
CORE_ONLY = -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden \
	$(if $(SAN),$(if $(findstring clang,$(CXX)),-fno-sanitize=function$(comma)vptr)) # these two need RTTI
LINK = $(LDFLAGS) $(ROOT_LD) $(SANITIZE) -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
LINK_PROGRAM = $(LINK) -fPIE -pie
# libevent_openssl asks for the whole of libevent too, evhttp included: no.
LIBS = $(filter-out -levent,$(LIBEVENT_LIBS)) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(QRENCODE_LIBS)

# Sources, a layer a line.
obj = $(patsubst %,$(B)/%.o,$(sort $(wildcard $(1))))
CORE := $(call obj,src/core/*.cc)
SHARED := $(call obj,src/base/*.cc src/net/*.cc src/flow/*.cc)
SERVER_MAIN := $(call obj,src/server/main.cc)
CLIENT_MAIN := $(call obj,src/client/main.cc)
CTL := $(call obj,src/ctl/*.cc)
SERVER := $(filter-out $(SERVER_MAIN),$(call obj,src/server/*.cc))
CLIENT := $(filter-out $(CLIENT_MAIN),$(call obj,src/client/*.cc))
ECHO := $(call obj,tests/peer/mux_echo.cc)
WEATHER := $(call obj,tests/relay/*.cc)

# Tests and benchmarks: a program for each file; the other files of a folder help every one of it.
program = $(patsubst %,$(B)/%,$(basename $(sort $(wildcard $(1)))))
helpers = $(filter-out $(call obj,$(1)),$(call obj,$(2)))
UNIT := $(call program,tests/unit/*_test.c)
UNIT_HELP := $(call helpers,tests/unit/*_test.c,tests/unit/*.c)
PARTS := $(call program,tests/parts/*_test.cc)
PARTS_HELP := $(call helpers,tests/parts/*_test.cc,tests/parts/*.cc)
FUZZ := $(call program,tests/fuzz/*_fuzz.cc)
REPLAY := $(call obj,tests/fuzz/replay_main.cc)
BENCH := $(call program,tests/bench/*_bench.cc)
BENCH_TOOLS := $(filter-out $(BENCH),$(call program,tests/bench/*.cc))
# A part test is linked with the room that it includes: both rooms have a session, say.
room = $(patsubst %,$(B)/%,$(basename $(if $(wildcard $(2)),$(shell grep -l '^\#include "$(1)/' $(sort $(wildcard $(2)))))))
SERVER_USERS := $(call room,server,tests/parts/*_test.cc tests/bench/*.cc tests/fuzz/*.cc)
CLIENT_USERS := $(call room,client,tests/parts/*_test.cc tests/bench/*.cc)

CORE_static = $(B)/$(LIB).a
CORE_shared = $(B)/$(LIB).so
CORE_LIB = $(CORE_$(CORE_LINK))
LIBRARIES = $(if $(CORE),$(B)/$(LIB).a $(B)/$(LIB).so)
PROGRAMS = $(if $(SERVER_MAIN),$(B)/tunneld $(B)/tunnelctl) $(if $(CLIENT_MAIN),$(B)/tunnel) $(if $(ECHO),$(B)/mux_echo)
TOOLS = $(if $(WEATHER),$(B)/weather)
TESTS = $(if $(filter yes,$(have_CMOCKA)),$(UNIT)) $(PARTS) $(if $(REPLAY),$(FUZZ))

all: $(LIBRARIES) $(PROGRAMS)
tests: $(TESTS) $(TOOLS)

$(B)/src/core/%.cc.o: src/core/%.cc config.mk
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(q)$(CXX) $(CPP_ALL) -Isrc $(JANSSON_CFLAGS) $(CXX_ALL) $(CORE_ONLY) -c -o $@ $<
$(B)/%.cc.o: %.cc config.mk
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(q)$(CXX) $(CPP_ALL) -Isrc -D_GLIBCXX_ASSERTIONS $(LIBS_CPP) $(CXX_ALL) -fPIE -c -o $@ $<
$(B)/%.c.o: %.c config.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(q)$(CC) $(CPP_ALL) $(CMOCKA_CFLAGS) $(C_ALL) -fPIE -c -o $@ $<

# The members of a layer, written anew when they are others: without a file nothing is newer than before.
$(B)/%.members: FORCE
	@mkdir -p $(@D); echo '$($*)' | cmp -s - $@ || echo '$($*)' > $@
define archive
	$(call say,AR,$@)
	$(q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)
endef
$(B)/$(LIB).a: $(CORE) $(B)/CORE.members
	$(archive)
$(B)/libshared.a: $(SHARED) $(B)/SHARED.members
	$(archive)
$(B)/libserver.a: $(SERVER) $(B)/SERVER.members
	$(archive)
$(B)/libclient.a: $(CLIENT) $(B)/CLIENT.members
	$(archive)
# Linked by the C compiler: the core needs no C++ library, and an export that is not tn_* is an error.
$(B)/$(LIB).so.$(VERSION): $(CORE) $(B)/CORE.members src/core/$(LIB).map
	$(call say,LD,$@)
	$(q)$(CC) -shared -Wl,-soname,$(LIB).so.$(SOVER) -Wl,--version-script=src/core/$(LIB).map \
		$(if $(SAN),,-Wl$(comma)-z$(comma)defs) $(CFLAGS) $(LINK) -o $@ $(CORE) $(JANSSON_LIBS)
$(B)/$(LIB).so: $(B)/$(LIB).so.$(VERSION)
	$(q)ln -sf $(<F) $@.$(SOVER) && ln -sf $(<F) $@

define link
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(q)$(CXX) $(CXXFLAGS) $(LINK_PROGRAM) -o $@ $(filter-out %.members,$^) $(LIBS)
endef
$(B)/tunneld: $(SERVER_MAIN) $(SERVER) $(SHARED) $(CORE_LIB) $(B)/SERVER.members $(B)/SHARED.members
	$(link)
$(B)/tunnel: $(CLIENT_MAIN) $(CLIENT) $(SHARED) $(CORE_LIB) $(B)/CLIENT.members $(B)/SHARED.members
	$(link)
$(B)/tunnelctl: $(CTL) $(B)/libserver.a $(B)/libshared.a $(CORE_LIB)
	$(link)
$(B)/mux_echo: $(ECHO) $(SHARED) $(CORE_LIB)
	$(link)
$(B)/weather: $(WEATHER)
	$(link)
$(B)/tests/unit/%: $(B)/tests/unit/%.c.o $(UNIT_HELP) $(B)/$(LIB).a
	$(call say,LD,$@)
	$(q)$(CC) $(CFLAGS) $(LINK_PROGRAM) $(WRAP) -o $@ $^ $(CMOCKA_LIBS) $(JANSSON_LIBS)
# Its allocator is one that fails.
$(B)/tests/unit/nomem_test: private WRAP = $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc aligned_alloc free)
$(SERVER_USERS) $(patsubst %,%.libfuzzer,$(filter $(FUZZ),$(SERVER_USERS))): $(B)/libserver.a
$(CLIENT_USERS): $(B)/libclient.a
$(B)/tests/parts/%: $(B)/tests/parts/%.cc.o $(PARTS_HELP) $(B)/libshared.a $(B)/$(LIB).a
	$(link_test)
$(B)/tests/bench/%: $(B)/tests/bench/%.cc.o $(B)/libshared.a $(B)/$(LIB).a
	$(link_test)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.cc.o $(REPLAY) $(B)/libshared.a $(B)/$(LIB).a
	$(link_test)
# Whatever the order of the prerequisites: objects, then the rooms, then what they stand on.
define link_test
	$(call say,LD,$@)
	$(q)$(CXX) $(CXXFLAGS) $(LINK_PROGRAM) $(LINK_TEST) -o $@ $(filter %.o,$^) $(filter %libserver.a %libclient.a,$^) \
		$(B)/libshared.a $(B)/$(LIB).a $(LIBS)
endef

# Tests. tests/run prints a line for each program and one line for all.
RUN = tests/run --build $(B) $(if $(SAN),--slow)
SHAPE := $(sort $(wildcard tests/shape/*.sh))
DOCS := $(sort $(wildcard tests/docs/*.sh tests/docs/*_test.py))
E2E := $(sort $(wildcard tests/integration/*_test.py tests/interop/*_test.py tests/interop/*_test.sh tests/soak/*_test.py))
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
check:
	$(q)tests/need build check
	$(q)$(MAKE) --no-print-directory $(PARALLEL) all tests
	$(q)$(MAKE) --no-print-directory check-all
check-all: all tests
	$(q)$(RUN) $(SHAPE) $(DOCS) $(TESTS) $(E2E)
check-unit: all $(UNIT)
	$(q)$(RUN) $(UNIT)
check-parts: all $(PARTS)
	$(q)$(RUN) $(PARTS)
check-fuzz: $(FUZZ)
	$(q)$(RUN) $(FUZZ)
check-e2e: all $(TOOLS)
	$(q)$(RUN) $(E2E)
check-shape:
	$(q)$(RUN) $(SHAPE)
check-docs: all
	$(q)$(RUN) $(DOCS)
check-code: all tests
	$(q)$(RUN) $(TESTS)
check-asan:
	$(q)$(MAKE) --no-print-directory B=build/asan SAN=address,undefined check
check-ubsan:
	$(q)$(MAKE) --no-print-directory B=build/ubsan SAN=undefined check
check-tsan:
	$(q)$(MAKE) --no-print-directory B=build/tsan SAN=thread check
# Against others and over long links; ROUNDS, SECONDS, CASES, REFS: see tests/bench/compare.py --help.
BENCH_PY = $(q)tests/need bench && . tests/sysroot.sh && TUNNEL_BUILD=$(B) python3
bench: bench-core bench-compare bench-link
bench-core: $(BENCH)
	$(q)for b in $(BENCH); do "./$$b" || exit 1; done
bench-compare: all $(BENCH_TOOLS)
	$(BENCH_PY) tests/bench/compare.py
bench-workers: all $(BENCH_TOOLS)
	$(BENCH_PY) tests/bench/compare.py --workers 1,2
# What slow readers cost: one row for each end.
bench-slow: all
	$(q)tests/need check && . tests/sysroot.sh && TUNNEL_BUILD=$(B) $${PYTHON:-/usr/bin/python3} tests/bench/slow.py
bench-link: all $(BENCH_TOOLS) $(TOOLS)
	$(BENCH_PY) tests/bench/long_link.py
# Needs clang-14 and libclang-rt-14-dev; TIME is seconds for each target. What it finds is in build/fuzz/found.
TIME ?= 60
fuzz:
	$(q)$(MAKE) B=build/fuzz CC=clang-14 CXX=clang++-14 SAN=address,undefined$(comma)fuzzer-no-link fuzz-run
fuzz-run: $(FUZZ:=.libfuzzer)
	$(q)for f in $(notdir $(FUZZ)); do c=tests/fuzz/corpus/$${f%_fuzz}; mkdir -p $$c $(B)/found/$$f; \
		$(B)/tests/fuzz/$$f.libfuzzer -max_total_time=$(TIME) -artifact_prefix=$(B)/found/ $(B)/found/$$f $$c || exit 1; done
$(B)/tests/fuzz/%.libfuzzer: $(B)/tests/fuzz/%.cc.o $(B)/libshared.a $(B)/$(LIB).a
	$(link_test)
$(B)/tests/fuzz/%.libfuzzer: private LINK_TEST = -fsanitize=fuzzer

# Installation.
DIRS = $(bindir) $(sbindir) $(libdir)/pkgconfig $(includedir)/tunnel $(sysconfdir) $(docdir) \
	$(addprefix $(datarootdir)/,$(WORDS_bash) $(WORDS_fish) $(WORDS_zsh))
MAN := $(sort $(wildcard man/*.[1-8]))
DOC := README.md LICENSE $(sort $(wildcard etc/*.yaml etc/*.json etc/tokens))
# Where each shell looks for them: completions/SHELL, and the folder below $(datarootdir).
WORDS_bash = bash-completion/completions
WORDS_fish = fish/vendor_completions.d
WORDS_zsh = zsh/vendor-completions
place = for f in $(2); do install -m $(1) "$$f" "$(DESTDIR)$(3)/$${f\#\#*/}" || exit 1; done
take = for f in $(1); do rm -f "$(DESTDIR)$(2)/$${f\#\#*/}"; done
install: all
	install -d $(patsubst %,"$(DESTDIR)%",$(DIRS))
	install -m 755 $(B)/tunneld "$(DESTDIR)$(sbindir)/tunneld"
	install -m 755 $(B)/tunnelctl "$(DESTDIR)$(sbindir)/tunnelctl"
	install -m 755 $(B)/tunnel "$(DESTDIR)$(bindir)/tunnel"
	install -m 644 $(B)/$(LIB).a $(B)/$(LIB).so.$(VERSION) "$(DESTDIR)$(libdir)/"
	ln -sf $(LIB).so.$(VERSION) "$(DESTDIR)$(libdir)/$(LIB).so.$(SOVER)"
	ln -sf $(LIB).so.$(SOVER) "$(DESTDIR)$(libdir)/$(LIB).so"
	$(call place,644,include/tunnel/*.h,$(includedir)/tunnel)
	sed 's|@prefix@|$(prefix)|;s|@libdir@|$(libdir)|;s|@includedir@|$(includedir)|;s|@VERSION@|$(VERSION)|' \
		src/core/$(LIB).pc.in > "$(DESTDIR)$(libdir)/pkgconfig/$(LIB).pc"
	chmod 644 "$(DESTDIR)$(libdir)/pkgconfig/$(LIB).pc"
	for f in $(MAN); do install -D -m 644 $$f "$(DESTDIR)$(mandir)/man$${f##*.}/$${f##*/}" || exit 1; done
	$(foreach s,bash fish zsh,$(call place,644,completions/$s/*,$(datarootdir)/$(WORDS_$s));)
	$(call place,644,$(DOC),$(docdir))
	[ -e "$(DESTDIR)$(sysconfdir)/tunneld.yaml" ] || install -m 644 etc/tunneld.yaml "$(DESTDIR)$(sysconfdir)/tunneld.yaml"
# The configuration in $(sysconfdir) is the operator's and stays.
uninstall:
	rm -f "$(DESTDIR)$(sbindir)/tunneld" "$(DESTDIR)$(sbindir)/tunnelctl" "$(DESTDIR)$(bindir)/tunnel" "$(DESTDIR)$(libdir)/$(LIB)".* \
		"$(DESTDIR)$(libdir)/pkgconfig/$(LIB).pc"
	for f in $(MAN); do rm -f "$(DESTDIR)$(mandir)/man$${f##*.}/$${f##*/}"; done
	$(call take,include/tunnel/*.h,$(includedir)/tunnel)
	$(foreach s,bash fish zsh,$(call take,completions/$s/*,$(datarootdir)/$(WORDS_$s));)
	$(call take,$(DOC),$(docdir))
	-rmdir "$(DESTDIR)$(includedir)/tunnel" "$(DESTDIR)$(docdir)"

# From a clone. The same commit gives the same tarball, byte for byte; it needs no autoconf to build.
DIST = tunnel-$(VERSION)
dist: configure include/config.h.in
	$(q)(git ls-files -- . ':!debian'; printf '%s\n' $^) | tar -c --format=gnu --files-from=- --sort=name --owner=0 --group=0 \
		--numeric-owner --mode=u+rw,go=u-w --mtime=@$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} \
		--transform='s|^|$(DIST)/|' | gzip -9n > $(DIST).tar.gz
	@echo $(DIST).tar.gz
# The packages, in build/deb, from a clone; and what is expected of them.
deb:
	$(q)tests/need package
	$(q)debian/build build/deb
check-package:
	$(q)tests/package/run

clean:
	rm -rf $(B)
distclean: clean
	rm -rf config.mk config.log config.status configure autom4te.cache include/config.h include/config.h.in
format:
	clang-format-14 -i $(sort $(wildcard src/*/*.cc src/*/*.h include/tunnel/*.h tests/*/*.cc tests/*/*.c tests/*/*.h))
opts:
	@$(foreach v,VERSION CC CXX CFLAGS CXXFLAGS HARDEN_CFLAGS LDFLAGS LIBS B SAN CORE_LINK prefix sysconfdir \
		have_CMOCKA have_QRENCODE,printf '%-14s %s\n' $(v) '$($(v))';)
help:
	@sed -n 's/^# help: //p' Makefile
# help: make [all]        the programs and the library, in build/ (another directory: B=DIR)
# help: make check        every test; installs what the tests need (as root, or with sudo)
# help:   check-unit check-parts check-fuzz check-e2e check-shape check-docs   one kind of test
# help:   check-code          unit, parts and fuzz corpus: what needs no other program
# help:   check-asan check-ubsan check-tsan   every test on a sanitizer build of its own
# help: make bench        the core by itself, the programs beside others, the programs over long links
# help:   bench-core bench-compare bench-link bench-workers bench-slow   one of them
# help: make fuzz         libFuzzer on every decoder, TIME=60 seconds each (needs clang)
# help: make install      below prefix; DESTDIR= stages.  make uninstall takes it away again
# help: make deb          the Debian packages, in build/deb
# help: make check-package  lintian, blhc, units, and a Debian root where they are installed and purged (as root)
# help: make dist         a reproducible source tarball
# help: make opts         what configure found.  make format: the layout, by clang-format
# help: make clean        the build directory.  make distclean: what configure made, too

# Several makes may run at once in one tree, so this part holds a lock (on configure.ac) and looks again inside.
lock = $(if $(shell command -v flock),flock configure.ac) sh -ec
stale = [ -n "$$(find $(1) -newer $@ 2>/dev/null)" ] || [ ! -e $@ ]
configure: configure.ac m4/pkg.m4 VERSION
	$(q)$(lock) 'if $(call stale,$^); then autoconf -o configure.new && mv configure.new $@; fi'
include/config.h.in: configure.ac m4/pkg.m4
	$(q)$(lock) 'if $(call stale,$^); then autoheader -f && touch $@; fi'
config.mk: configure config.mk.in include/config.h.in
	$(q)$(lock) 'if $(call stale,$^); then if [ -x config.status ]; then ./config.status --recheck && ./config.status; \
		else ./configure -q $(CONFIGURE_ARGS); fi && touch $@; fi'

.PHONY: all tests check check-all check-unit check-parts check-fuzz check-e2e check-shape check-docs check-code \
	check-asan check-ubsan check-tsan bench bench-core bench-compare bench-workers bench-slow bench-link fuzz fuzz-run deb check-package install uninstall dist clean distclean format opts help FORCE
-include $(wildcard $(B)/src/*/*.d $(B)/tests/*/*.d)
