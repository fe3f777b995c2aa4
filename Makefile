# rk3k - build, test, install. `make help` lists the targets; CONTRIBUTING.md has minutes for each.
#
# Sources are found by wildcard: a new tool is kubectl-rk3k/NAME.c (or an executable script
# kubectl-rk3k/NAME), a new module common/NAME/*.c, a new manifest manifests/NAME.yaml, a new test
# tests/unit/test_NAME.c or tests/{cli,plane}/NAME.bats. A tool of many verbs has further files in
# kubectl-rk3k/NAME/.
#
#   DEVELOPER=1          warnings are errors
#   SANITIZE=address     build with a sanitizer; give it a B of its own
#   B=DIR                where all output goes (build)
#   PREFIX, DESTDIR, CC, CFLAGS, CPPFLAGS, LDFLAGS as everywhere

VERSION  := 0.1.0
COMMIT   := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
DATE     := $(shell git log -1 --format=%cs 2>/dev/null || echo 1970-01-01)
PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/rk3k
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
B        ?= build
# The names of dependencies are relative, however tests spell it.
override B := $(patsubst $(CURDIR)/%,%,$(B))

# --- flags ---

PKGS     := libcurl yaml-0.1 openssl
CC       ?= cc
CFLAGS   ?= -O2 -g
RK_CFLAGS := -std=gnu17 -D_GNU_SOURCE -iquote common -iquote $(B)/gen \
	-Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wno-gnu-zero-variadic-macro-arguments -fno-common \
	-fstack-protector-strong $(shell pkg-config --cflags $(PKGS))
RK_LDFLAGS := -Wl,--as-needed
LDLIBS   := $(shell pkg-config --libs $(PKGS))
# What single tools need beyond that: LDLIBS_NAME.
ifdef DEVELOPER
RK_CFLAGS += -Werror
endif
# Hardening, each flag only if this compiler accepts it for this machine; no build path in a
# binary or its debug information. The sanitizers do not go together with some of it.
# tests/packaging/hardening.bats reads the result from the binaries.
accepts  = $(shell $(CC) -Werror $(CFLAGS) $(1) -S -x c /dev/null -o /dev/null 2>&1 || echo no)
optional = $(foreach f,$(1),$(if $(call accepts,$(f)),,$(f)))
FORTIFY  = $(shell for n in 3 2; do \
	printf '\043include <stdlib.h>\n\043if __USE_FORTIFY_LEVEL < %d\n\043error\n\043endif\n' $$n | \
	$(CC) -Werror $(CFLAGS) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$$n -S -x c - -o /dev/null \
		2>/dev/null && echo -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$$n && break; done)
ifdef SANITIZE
HARDEN   := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
RK_LDFLAGS += -fsanitize=$(SANITIZE)
else
HARDEN   := $(FORTIFY) -fPIE "-ffile-prefix-map=$(CURDIR)=." \
	"-ffile-prefix-map=$(abspath $(B))=build" \
	$(call optional,-fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero)
RK_LDFLAGS += $(if $(filter -static,$(LDFLAGS) $(CFLAGS)),,-pie) \
	-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
endif
RK_CFLAGS += $(HARDEN)
COMPILE   = $(CC) $(RK_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK      = $(CC) $(CFLAGS) $(RK_LDFLAGS) $(LDFLAGS)

# --- what there is ---

COMMON   := $(wildcard common/*/*.c)
TOOLS_C  := $(filter-out kubectl-rk3k/rk3k.c,$(wildcard kubectl-rk3k/*.c))
PARTS    := $(wildcard kubectl-rk3k/*/*.c)
TOOLS_SH := $(filter-out %.c %.md $(TOOLS_C:.c=),$(wildcard kubectl-rk3k/*))
UNIT     := $(wildcard tests/unit/test_*.c)
FUZZ     := $(wildcard tests/fuzz/fuzz_*.c)
MANIFESTS := $(wildcard manifests/*.yaml)
SHARED_SH := $(wildcard common/*/*.bash)

SHARED   := $(addprefix $(B)/libexec/,$(notdir $(SHARED_SH)))

LIB      := $(B)/librk3k.a
# The further files of tools, for their unit tests.
PARTS_LIB := $(B)/tools.a
LIB_OBJ  := $(COMMON:%.c=$(B)/obj/%.o) $(B)/obj/gen/manifests.o
TOOLS    := $(sort $(TOOLS_C:kubectl-rk3k/%.c=%) $(TOOLS_SH:kubectl-rk3k/%=%))
TOOL_BIN := $(TOOLS:%=$(B)/libexec/rk3k-%)
LIBEXEC  := $(TOOL_BIN) $(SHARED) $(B)/libexec/tools.list
PROGRAMS := $(B)/bin/kubectl-rk3k $(B)/bin/kubectl_complete-rk3k
UNIT_BIN := $(UNIT:tests/unit/%.c=$(B)/unit/%)
READER   := $(B)/unit/kubeconfigs $(B)/unit/printer
FUZZ_BIN := $(FUZZ:tests/fuzz/%.c=$(B)/fuzz/%)
PAGES    := $(B)/man/kubectl-rk3k.1 $(TOOLS:%=$(B)/man/kubectl-rk3k-%.1)

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

# --- build ---

##: all            build the tools (the default)
all: $(LIB) $(LIBEXEC) $(PROGRAMS)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/obj/gen/manifests.o: $(B)/gen/manifests.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# The version belongs to one object only, so that a commit does not rebuild everything.
$(B)/obj/common/base/version.o: $(B)/commit
$(B)/obj/common/base/version.o: RK_CFLAGS += -DRK_VERSION='"$(VERSION)"' -DRK_COMMIT='"$(COMMIT)"' \
	-DRK_DATE='"$(DATE)"'

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(PARTS_LIB): $(PARTS:%.c=$(B)/obj/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

parts_of = $(patsubst %.c,$(B)/obj/%.o,$(filter kubectl-rk3k/$(1)/%,$(PARTS)))
# The long texts of a tool are docs/help/NAME.txt, linked into it as bytes.
help_of = $(patsubst docs/help/%.txt,$(B)/obj/gen/help/%.o,$(wildcard docs/help/$(1).txt))
.SECONDEXPANSION:
$(TOOLS_C:kubectl-rk3k/%.c=$(B)/libexec/rk3k-%): $(B)/libexec/rk3k-%: \
		$(B)/obj/kubectl-rk3k/%.o $$(call parts_of,$$*) $$(call help_of,$$*) $(LIB) $(B)/parts.names
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o %.a,$^) $(LDLIBS) $(LDLIBS_$*)

$(TOOLS_SH:kubectl-rk3k/%=$(B)/libexec/rk3k-%): $(B)/libexec/rk3k-%: kubectl-rk3k/%
	@mkdir -p $(@D)
	install -m 755 $< $@

$(SHARED): $(B)/libexec/%: $(SHARED_SH)
	@mkdir -p $(@D)
	install -m 644 $(filter %/$*,$^) $@

# What `kubectl rk3k --help` lists: each tool in its own words.
$(B)/libexec/tools.list: $(TOOL_BIN) $(SHARED)
	@for t in $(TOOLS); do s=$$($(B)/libexec/rk3k-$$t --summary) || exit 1; \
		printf '%s\t%s\n' "$$t" "$$s"; done > $@

$(B)/bin/kubectl-rk3k: $(B)/obj/kubectl-rk3k/rk3k.o $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(LIB) $(LDLIBS)

$(B)/bin/kubectl_complete-rk3k: $(B)/libexec/rk3k-install-completion $(SHARED) $(B)/libexec/rk3k-version
	@mkdir -p $(@D)
	$< --print > $@ && chmod 755 $@

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(PARTS_LIB) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(PARTS_LIB) $(LIB) $(LDLIBS) -lcmocka

$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(PARTS_LIB) $(LIB)
	@mkdir -p $(@D)
	$(LINK) -fsanitize=fuzzer -o $@ $< $(PARTS_LIB) $(LIB) $(LDLIBS)

# The start of a new tool must not rot.
$(B)/template: $(B)/obj/docs/template.o $(B)/obj/gen/help/template.o $(LIB)
	$(LINK) -o $@ $^ $(LDLIBS)

$(B)/gen/help/%.c: docs/help/%.txt
	@mkdir -p $(@D)
	@{ echo '#include "cli/cli.h"'; echo 'const char rk_help[] = {'; \
	od -An -v -td1 $< | sed 's/ *\(-*[0-9][0-9]*\)/\1,/g'; echo '0};'; } > $@
$(B)/obj/gen/help/%.o: $(B)/gen/help/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# The manifests go into the library as bytes.
$(B)/gen/manifests.c: $(MANIFESTS) $(B)/manifests.names
	@mkdir -p $(@D)
	@{ echo '#include "data/data.h"'; \
	for f in $(MANIFESTS); do n=$$(basename $$f .yaml | tr -c 'a-z0-9\n' _); \
		echo "static const unsigned char m_$$n[] = {"; \
		od -An -v -tu1 $$f | sed 's/ *\([0-9][0-9]*\)/\1,/g'; echo '0};'; done; \
	echo 'const struct rk_manifest_file rk_manifest_files[] = {'; \
	for f in $(MANIFESTS); do n=$$(basename $$f .yaml | tr -c 'a-z0-9\n' _); \
		echo "{\"$$(basename $$f .yaml)\", (const char *)m_$$n, sizeof(m_$$n) - 1},"; done; \
	echo '{0}}; /* ended by a NULL name */'; } > $@

# Files that change only with what they hold: flags, version, lists of sources.
define remember
@mkdir -p $(@D)
@echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
endef
$(B)/flags: FORCE
	$(call remember,$(CC) $(HARDEN) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(DEVELOPER))
$(B)/commit: FORCE
	$(call remember,$(VERSION) $(COMMIT) $(DATE))
$(B)/manifests.names: FORCE
	$(call remember,$(MANIFESTS))
$(B)/parts.names: FORCE
	$(call remember,$(PARTS))

##: man            man pages, from the option tables
man: $(PAGES)
$(B)/man/kubectl-rk3k-%.1: $(B)/libexec/rk3k-% $(SHARED) $(B)/libexec/rk3k-version
	@mkdir -p $(@D)
	$< __man > $@
$(B)/man/kubectl-rk3k.1: docs/kubectl-rk3k.1.in $(B)/libexec/tools.list
	@mkdir -p $(@D)
	awk -v date=$(DATE) -v version=$(VERSION) -f docs/man.awk $(B)/libexec/tools.list $< > $@

# --- tests; each stage is a function of tests/run ---

RUN = DEVELOPER=1 B=$(B) MAKE='$(MAKE)' tests/run

##: unit           C tests of the modules
unit: $(UNIT_BIN)
	@B=$(B) tests/run unit
unit-bin: $(UNIT_BIN) $(READER)
fuzz-bin: $(FUZZ_BIN)

##: cli            tests of the tools without a cluster
cli: all $(READER)
	+@$(RUN) cli
##: plane          tests of the tools on real API servers
plane: all $(READER)
	+@$(RUN) plane
##: check-node     a deployment of real pods, behind a real ingress, from a private registry
check-node: deps
	@$(MAKE) all DEVELOPER=1
	+@$(RUN) node
##: lint           shellcheck, shfmt, clang-format, headers, man pages, words, architecture
lint: all man
	+@$(RUN) lint
##: asan           unit and cli tests, and some of plane, under ASan and UBSan
asan:
	+@$(RUN) asan
##: fuzz           the fuzzers, FUZZ_SECONDS each (10), from FUZZ_SEED (1; 0: another each time)
fuzz:
	+@$(RUN) fuzz
##: quick          unit, lint, and the quick parts of cli and plane: for every day
quick: deps
	@$(MAKE) all man unit-bin DEVELOPER=1
	+@$(RUN) quick
##: check          every test there is; one line with the sum at the end
check: deps
	@$(MAKE) all man unit-bin DEVELOPER=1
	+@$(RUN) check
##: bench          the measurements the README quotes
bench: deps
	@$(MAKE) all
	@tests/bench/run
##: demo           from nothing to a running Rancher in a test bed, and away again
demo: deps
	@$(MAKE) all
	@tests/demo
##: deps           install the Debian packages that building and testing need (root)
deps:
	@tests/env/setup

##: check-headers  every header compiles alone
check-headers: $(B)/gen/manifests.c
	@for h in common/*/*.h; do \
		echo "#include \"$${h#common/}\"" | $(COMPILE) -fsyntax-only -x c - || exit 1; done
##: fmt            format C and shell; write the tables in README and ARCHITECTURE anew
fmt: all
	clang-format -i $$(git ls-files '*.c' '*.h')
	shfmt -w $$(tests/lint --shell-files)
	B=$(B) tests/lint --fix-tables
	tests/arrows --fix
##: compile_commands.json  for clangd and clang-tidy
compile_commands.json: FORCE
	@for f in $(COMMON) kubectl-rk3k/rk3k.c $(TOOLS_C) $(PARTS) $(UNIT) $(READER:$(B)/%=tests/%.c) $(FUZZ); do \
		printf '{"directory": "%s", "file": "%s", "command": "%s"},\n' '$(CURDIR)' $$f \
			'$(subst ",\",$(COMPILE)) -c '$$f; done | sed '1s/^/[/; $$s/,$$/]/' > $@

# --- install ---

# Quoted: a blank in one of them must not make two directories of it.
TO_BIN     := "$(DESTDIR)$(BINDIR)"
TO_LIBEXEC := "$(DESTDIR)$(LIBEXECDIR)"
TO_MAN     := "$(DESTDIR)$(MANDIR)"/man1
TO_BASH    := "$(DESTDIR)$(DATADIR)"/bash-completion/completions
TO_ZSH     := "$(DESTDIR)$(DATADIR)"/zsh/site-functions
TO_FISH    := "$(DESTDIR)$(DATADIR)"/fish/vendor_completions.d

##: install        into PREFIX (/usr/local), below DESTDIR
install: all man
	install -d $(TO_BIN) $(TO_LIBEXEC) $(TO_MAN) $(TO_BASH) $(TO_ZSH) $(TO_FISH)
	install -m 755 $(PROGRAMS) $(TO_BIN)
	install -m 755 $(TOOL_BIN) $(TO_LIBEXEC)
	install -m 644 $(filter-out $(TOOL_BIN),$(LIBEXEC)) $(TO_LIBEXEC)
	install -m 644 $(PAGES) $(TO_MAN)
	$(B)/libexec/rk3k-completion bash > $(TO_BASH)/kubectl-rk3k
	$(B)/libexec/rk3k-completion zsh > $(TO_ZSH)/_kubectl-rk3k
	$(B)/libexec/rk3k-completion fish > $(TO_FISH)/kubectl-rk3k.fish
	chmod 644 $(TO_BASH)/kubectl-rk3k $(TO_ZSH)/_kubectl-rk3k $(TO_FISH)/kubectl-rk3k.fish
##: uninstall      what install put there
uninstall:
	rm -f $(foreach f,$(notdir $(PROGRAMS)),$(TO_BIN)/$(f))
	rm -rf $(TO_LIBEXEC)
	rm -f $(foreach f,$(notdir $(PAGES)),$(TO_MAN)/$(f))
	rm -f $(TO_BASH)/kubectl-rk3k $(TO_ZSH)/_kubectl-rk3k $(TO_FISH)/kubectl-rk3k.fish
##: dist           archives for krew and helm, and the krew manifest
dist: all man
	helm-rk3k/dist $(B) $(VERSION)

##: clean          remove the output directory
clean:
	rm -rf $(B)
##: help           this list
help:
	@sed -n 's/^##: /  /p' $(firstword $(MAKEFILE_LIST))

.PHONY: all man unit unit-bin fuzz-bin cli plane check-node lint asan fuzz quick check bench demo deps \
	check-headers fmt install uninstall dist clean help FORCE
FORCE:

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
