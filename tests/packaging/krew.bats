#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# krew: the manifest passes krew's own validator, the archive installs with real krew, and the
# plugin works from there with real kubectl.

load ../cli/common

setup_file() {
	local bed="$BATS_TEST_DIRNAME/../env/build"
	"$bed" kubectl kubectl-krew validate-krew-manifest >/dev/null
	BED=$("$bed" --path)
	DIST=$(dirname "$RK3K_BIN")/dist
	export BED DIST
	local log=$BATS_FILE_TMPDIR/http.log
	mkdir -p "$DIST"
	python3 -u -m http.server -b 127.0.0.1 -d "$DIST" 0 >"$log" 2>&1 3>&- &
	SERVER=$!
	export SERVER
	until RELEASE_URL=$(grep -om1 'http://[0-9.:]*' "$log"); do sleep 0.1; done
	export RELEASE_URL
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$(dirname "$RK3K_BIN")" dist >/dev/null
}

teardown_file() {
	kill "$SERVER"
}

setup() {
	clean_environment
	export KREW_ROOT=$HOME/krew
	PATH=$KREW_ROOT/bin:$BED:/usr/bin:/bin
	ARCHIVE=$(echo "$DIST"/rk3k-*.tar.gz)
}

install_plugin() {
	run -0 kubectl krew install --manifest="$DIST/rk3k.yaml" --archive="$ARCHIVE"
}

@test "krew: the validator accepts manifest and archive" {
	run -0 validate-krew-manifest -manifest "$DIST/rk3k.yaml"
}

@test "krew: installed from the archive, the tools are found through krew's link" {
	install_plugin
	assert_output --partial 'kubectl rk3k install-completion'
	assert [ -L "$KREW_ROOT/bin/kubectl-rk3k" ]
	run -0 kubectl rk3k version
	assert_line --partial libyaml
	run -0 kubectl rk3k deploy --help
	assert_output --partial 'kubectl rk3k deploy'
	git init -q "$KREW_ROOT/index/default" # krew uninstalls only with an index
	run -0 kubectl krew uninstall rk3k
	run -1 kubectl rk3k version
}

@test "krew: the command in the README installs" {
	local command
	# shellcheck disable=SC2016 # backquotes of Markdown
	command=$(sed -n 's/^| krew |.*, then `\([^`]*\)`.*/\1/p' "$BATS_TEST_DIRNAME/../../README.md")
	run -0 bash -c "${command//build\/dist/\"\$DIST\"}"
	run -0 kubectl rk3k version
}

@test "krew: only the dispatcher is on PATH, and kubectl plugin list has no complaint" {
	install_plugin
	run -0 kubectl plugin list
	assert_line "$KREW_ROOT/bin/kubectl-rk3k"
	refute_output --partial warning
}

@test "krew: kubectl completes after install-completion" {
	install_plugin
	run -0 kubectl rk3k install-completion
	run -0 --separate-stderr kubectl __complete rk3k dest
	assert_line --partial destroy
	assert_line ':4'
	run -0 --separate-stderr kubectl __complete rk3k version -o j
	assert_line --index 0 json
}

@test "kubectl rk3k: zsh and fish complete it by kubectl's own completion" {
	local shell
	install_plugin
	run -0 kubectl rk3k install-completion
	{ echo 'autoload -Uz compinit; compinit -u -D' && kubectl completion zsh; } >rc.zsh
	kubectl completion fish >rc.fish
	mkdir dir
	touch dir/deploy.conf
	for shell in zsh fish; do
		run -0 "$BATS_TEST_DIRNAME/../cli/type" "$shell" "rc.$shell" 'kubectl rk3k vers' \
			'kubectl rk3k version --output=y' 'kubectl rk3k version -o y' 'kubectl rk3k deploy --only=cl' \
			'kubectl rk3k config -c dir/d'
		assert_output - <<-'END'
			<kubectl> <rk3k> <version>
			<kubectl> <rk3k> <version> <--output=yaml>
			<kubectl> <rk3k> <version> <-o> <yaml>
			<kubectl> <rk3k> <deploy> <--only=cluster>
			<kubectl> <rk3k> <config> <-c> <dir/deploy.conf>
		END
	done
}

@test "krew: the archives have no links and no leading dot" {
	run -0 tar tvzf "$ARCHIVE"
	refute_line --regexp '^[lh]'
	refute_line --regexp ' \./'
	assert_line --regexp ' LICENSE$'
	run -0 tar tzf "$(echo "$DIST"/helm-rk3k-*.tgz)"
	assert_line plugin.yaml
	refute_line --regexp '^\./'
}

@test "krew: packing twice gives the same bytes" {
	local before
	before=$(cat "$DIST/SHA256SUMS")
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$(dirname "$RK3K_BIN")" dist >/dev/null
	assert_equal "$(cat "$DIST/SHA256SUMS")" "$before"
}

@test "kubectl rk3k: exit codes come through kubectl" {
	install_plugin
	run -2 kubectl rk3k nosuchtool
	assert_output --partial 'unknown tool "nosuchtool"'
	run -0 kubectl rk3k install_completion --help
}
