# rk3k - build, test, install. `make help` lists the targets; CONTRIBUTING.md has minutes for each.
#
# Sources are found by wildcard: a new tool is kubectl-rk3k/NAME.c (or an executable script
# kubectl-rk3k/NAME), a new room common/NAME.c, a new manifest manifests/NAME.yaml.

VERSION  := 0.1.0
COMMIT   := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
DATE     := $(shell git log -1 --format=%cs 2>/dev/null || echo 1970-01-01)
PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/rk3k
MANDIR   ?= $(PREFIX)/share/man
B        ?= build

PKGS     := libcurl yaml-0.1 openssl
CC       ?= cc
CFLAGS   ?= -O2 -g
RK_CFLAGS := -std=gnu17 -D_GNU_SOURCE -iquote common -iquote $(B)/gen \
	-Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -fno-common -fstack-protector-strong \
	-D_FORTIFY_SOURCE=2 $(shell pkg-config --cflags $(PKGS))
RK_LDFLAGS := -Wl,--as-needed -Wl,-z,relro,-z,now
LDLIBS   := $(shell pkg-config --libs $(PKGS))
ifdef DEVELOPER
RK_CFLAGS += -Werror
endif
ifdef SANITIZE
RK_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(RK_CFLAGS)) -fsanitize=$(SANITIZE) \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
RK_LDFLAGS += -fsanitize=$(SANITIZE)
endif

COMMON   := $(wildcard common/*.c)
TOOLS_C  := $(filter-out kubectl-rk3k/rk3k.c,$(wildcard kubectl-rk3k/*.c))
TOOLS_SH := $(filter-out %.c %.md,$(wildcard kubectl-rk3k/*))
UNIT     := $(wildcard tests/unit/test_*.c)
MANIFESTS := $(wildcard manifests/*.yaml)

LIB      := $(B)/librk3k.a
LIB_OBJ  := $(COMMON:%.c=$(B)/obj/%.o) $(B)/obj/gen/manifests.o
TOOL_BIN := $(TOOLS_C:kubectl-rk3k/%.c=$(B)/libexec/rk3k-%) \
	$(TOOLS_SH:kubectl-rk3k/%=$(B)/libexec/rk3k-%) $(B)/libexec/wrapper.bash
UNIT_BIN := $(UNIT:tests/unit/%.c=$(B)/unit/%)

.DEFAULT_GOAL := all
.PHONY: all unit clean
.SECONDARY:

all: $(LIB) $(TOOL_BIN) $(if $(wildcard kubectl-rk3k/rk3k.c),$(B)/bin/kubectl-rk3k)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(RK_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/gen/manifests.o: $(B)/gen/manifests.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(RK_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The version belongs to one object only, so that a commit does not rebuild everything.
$(B)/obj/common/version.o: RK_CFLAGS += -DRK_VERSION='"$(VERSION)"' -DRK_COMMIT='"$(COMMIT)"' \
	-DRK_DATE='"$(DATE)"'
$(B)/obj/common/version.o: $(B)/commit
$(B)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT) $(DATE)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT) $(DATE)' > $@

$(B)/gen/manifests.c: tests/../manifests $(MANIFESTS) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "yaml.h"'; \
	for f in $(MANIFESTS); do n=$$(basename $$f .yaml | tr -c 'a-z0-9\n' _); \
		echo "static const unsigned char m_$$n[] = {"; od -An -v -tu1 $$f | sed 's/ *\([0-9][0-9]*\)/\1,/g'; echo '0};'; done; \
	echo 'const struct rk_manifest_file rk_manifest_files[] = {'; \
	for f in $(MANIFESTS); do n=$$(basename $$f .yaml | tr -c 'a-z0-9\n' _); \
		echo "{\"$$(basename $$f .yaml)\", (const char *)m_$$n, sizeof(m_$$n) - 1},"; done; \
	echo '{0}}; /* ended by a NULL name */'; } > $@.tmp && mv $@.tmp $@

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/libexec/rk3k-%: $(B)/obj/kubectl-rk3k/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(RK_LDFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS) $(LDLIBS_$*)

$(B)/libexec/rk3k-%: kubectl-rk3k/%
	@mkdir -p $(@D)
	install -m 755 $< $@

$(B)/libexec/wrapper.bash: common/wrapper.bash
	@mkdir -p $(@D)
	install -m 644 $< $@

$(B)/bin/kubectl-rk3k: $(B)/obj/kubectl-rk3k/rk3k.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(RK_LDFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(RK_LDFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS) -lcmocka

unit: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do CMOCKA_MESSAGE_OUTPUT=stdout $$t > $$t.log 2>&1 || { cat $$t.log; exit 1; }; done

# Changed compiler or flags rebuild all objects.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(SANITIZE) $(DEVELOPER)' | cmp -s - $@ || \
		echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(SANITIZE) $(DEVELOPER)' > $@
FORCE:

clean:
	rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
