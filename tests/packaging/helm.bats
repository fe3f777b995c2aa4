#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# helm rk3k: the plugin folder and the archive on real helm 3 and helm 4.

load ../cli/common

setup_file() {
	local bed="$BATS_TEST_DIRNAME/../env/build"
	"$bed" helm helm4 kubectl >/dev/null
	BED=$("$bed" --path)
	export BED
	make -s -C "$BATS_TEST_DIRNAME/../.." B="$(dirname "$RK3K_BIN")" dist >/dev/null
	serve "$(dirname "$RK3K_BIN")/dist"
}

teardown_file() {
	kill "$SERVER"
}

# The archives over http on loopback; URL and SERVER. helm 3 knows an archive by its type.
serve() { # DIRECTORY
	local log=$BATS_FILE_TMPDIR/http.log
	python3 -u - "$1" >"$log" 2>&1 3>&- <<-'EOF' &
		import functools, http.server, sys
		handler = http.server.SimpleHTTPRequestHandler
		handler.extensions_map = {'.tgz': 'application/gzip'}
		handler = functools.partial(handler, directory=sys.argv[1])
		server = http.server.HTTPServer(('127.0.0.1', 0), handler)
		print('http://127.0.0.1:%d/' % server.server_port)
		server.serve_forever()
	EOF
	SERVER=$!
	until URL=$(grep -om1 'http://[0-9.:]*' "$log"); do sleep 0.1; done
	export SERVER URL
}

setup() {
	clean_environment
	export HELM_DATA_HOME=$HOME/data HELM_CACHE_HOME=$HOME/cache HELM_CONFIG_HOME=$HOME/config
	SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../../helm-rk3k")
	# deploy and status tell what they were given
	mkdir fake
	local name
	for name in deploy status; do
		program "fake/rk3k-$name" <<-'EOF'
			if [[ ${1:-} == __complete ]]; then
				[[ ${0##*/} == *status && ${2:-} == --namespace ]] && echo --namespace
				echo :4
				exit
			fi
			printf '%s ' "${0##*/}" "$@"
			echo "context=${RK3K_CONTEXT:-} server=${RK3K_SERVER:-} ca=${RK3K_CERTIFICATE_AUTHORITY:-}" \
				"as=${RK3K_AS:-}/${RK3K_AS_GROUP:-} ns=${RK3K_NAMESPACE:-}" \
				"token=$(cat "${RK3K_TOKEN_FILE:-/dev/null}") in-env=${HELM_KUBETOKEN:-}"
		EOF
	done
}

# Both helms: `each FUNCTION`.
each() {
	for HELM in "$BED/helm" "$BED/helm4"; do
		rm -rf "$HOME/data"
		"$@"
	done
}

install_folder() {
	run -0 "$HELM" plugin install "$SOURCE"
	run -0 "$HELM" plugin list
	assert_line --regexp '^rk3k[[:space:]]+0\.1\.0'
}

has_verbs() {
	install_folder
	local verb
	for verb in deploy destroy status; do
		run -0 "$HELM" rk3k "$verb" --help
		assert_output --partial "helm rk3k $verb"
		refute_output --partial "kubectl rk3k $verb"
	done
	run -0 "$HELM" rk3k --help
	assert_output --partial 'helm rk3k TOOL [flags]'
	run -0 "$HELM" rk3k version -o name
	assert_output "$(kubectl-rk3k version -o name)"
}

@test "helm rk3k: the folder installs and runs deploy, destroy and status" {
	each has_verbs
}

installs_archive() {
	local verify=()
	[[ $HELM != *helm4 ]] || verify=(--verify=false)
	run -0 "$HELM" plugin install "${verify[@]}" "$URL/helm-rk3k-$(kubectl-rk3k version -o name).tgz"
	assert [ ! -L "$HELM_DATA_HOME/plugins/helm-rk3k" ]
	PATH=$BED:/usr/bin:/bin run -0 "$HELM" rk3k version
	assert_line --partial libcurl
	run -0 "$HELM" plugin uninstall rk3k
	run ! "$HELM" rk3k version
}

@test "helm rk3k: the archive is installed over http, runs alone, and is removed" {
	each installs_archive
}

maps_flags() {
	install_folder
	export RK3K_EXEC_PATH=$PWD/fake
	run -0 "$HELM" rk3k deploy -c x --kube-context ctx --kube-apiserver https://h:1 \
		--kube-as-user jane --kube-as-group a --kube-as-group b --kube-token s3cret \
		--kube-ca-file /ca.pem
	output=${output/a,b,a,b/a,b} # helm 3 says groups twice
	assert_output "rk3k-deploy -c x context=ctx server=https://h:1 ca=/ca.pem as=jane/a,b ns= token=s3cret in-env="
	run -0 "$HELM" rk3k deploy
	assert_output "rk3k-deploy context= server= ca= as=/ ns= token= in-env="
}

@test "helm rk3k: uses helm's cluster flags; the token is not in the environment" {
	each maps_flags
}

maps_namespace() {
	install_folder
	export RK3K_EXEC_PATH=$PWD/fake
	run -0 "$HELM" rk3k deploy -n chosen
	assert_output --partial ' ns=chosen '
	assert_output --partial 'rk3k-deploy context='
	run -0 "$HELM" --namespace=chosen rk3k status x
	assert_output --partial 'rk3k-status --namespace chosen x context='
	HELM_NAMESPACE=ignored run -0 "$HELM" rk3k status x
	assert_output --partial 'rk3k-status x context='
}

@test "helm rk3k: -n reaches the tool, a defaulted namespace does not" {
	each maps_namespace
}

refuses_insecure() {
	install_folder
	run "$HELM" rk3k version --kube-insecure-skip-tls-verify
	assert_equal "$status" 2
	assert_line 'rk3k: --kube-insecure-skip-tls-verify is not supported; TLS is always verified; pin the CA with --kube-ca-file'
}

@test "helm rk3k: TLS verification cannot be switched off, exit code passes through" {
	each refuses_insecure
}

completes() {
	install_folder
	run -0 --separate-stderr "$HELM" __complete rk3k dest
	assert_line --partial destroy
	run -0 --separate-stderr "$HELM" __complete rk3k version -o j
	assert_line json
	{ echo 'autoload -Uz compinit; compinit -u -D' && "$HELM" completion zsh; } >rc.zsh
	"$HELM" completion fish >rc.fish
	mkdir -p bin dir
	ln -sf "$HELM" bin/helm
	touch dir/deploy.conf
	local shell
	for shell in zsh fish; do
		PATH=$PWD/bin:$PATH run -0 "$BATS_TEST_DIRNAME/../cli/type" "$shell" "rc.$shell" 'helm rk3k vers' \
			'helm rk3k version --output=y' 'helm rk3k version -o y' 'helm rk3k deploy --only=cl' \
			'helm rk3k config -c dir/d'
		assert_output - <<-'END'
			<helm> <rk3k> <version>
			<helm> <rk3k> <version> <--output=yaml>
			<helm> <rk3k> <version> <-o> <yaml>
			<helm> <rk3k> <deploy> <--only=cluster>
			<helm> <rk3k> <config> <-c> <dir/deploy.conf>
		END
	done
}

@test "helm rk3k: helm completes tools and flags" {
	each completes
}
