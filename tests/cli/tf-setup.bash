# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # stderr is set by run --separate-stderr
# tf-setup.bash - what the bats files of tf-setup share: a stand-in Rancher that runs alone
# (tests/env/standin/cmd/rancher says what it imitates) under a CA of the test's own.

# shellcheck disable=SC2016 # not to be expanded
PASSWORD='correct "horse" ${battery}'

authorities() { # in the file's own directory, once
	cd "$BATS_FILE_TMPDIR" || return 1
	authority ca
	authority other
	leaf ca rancher.test
	STANDIN=$("$RK3K_TOP/tests/env/build" --path)/rancher-standin
	"$RK3K_TOP/tests/env/build" rancher-standin 2>/dev/null
	export STANDIN
}

authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

leaf() { # CA HOST
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj / \
		-keyout tls.key -out leaf.csr 2>/dev/null
	openssl x509 -req -in leaf.csr -CA "$1.crt" -CAkey "$1.key" -CAcreateserial -days 20 \
		-extfile <(echo "subjectAltName=DNS:$2") -out tls.crt 2>/dev/null
}

setup() {
	HOME=$BATS_TEST_TMPDIR/home
	export HOME
	unset KUBECONFIG RK3K_RESOLVE "${!RANCHER_@}" "${!TF_@}"
	mkdir -p "$HOME" "$BATS_TEST_TMPDIR/server" "$BATS_TEST_TMPDIR/a b\$e"
	cd "$BATS_TEST_TMPDIR/a b\$e" || return 1
	CA=$BATS_FILE_TMPDIR/ca.crt
	(umask 077 && printf '%s\n' "$PASSWORD" >../password)
	standin v2.13.1
}

teardown() { end_standin; }

# standin VERSION: a fresh one; its base in URL, the way there in RESOLVE.
standin() {
	local dir=$BATS_TEST_TMPDIR/server
	end_standin
	cp "$BATS_FILE_TMPDIR"/tls.{crt,key} "$dir"
	cp "$CA" "$dir/ca.crt"
	printf '%s\n' "$PASSWORD" >"$dir/password"
	rm -f "$dir/address"
	CATTLE_SERVER_VERSION=$1 "$STANDIN" --alone "$dir" >"$dir/log" 2>&1 3>&- &
	STANDIN_PID=$!
	within 5 test -e "$dir/address"
	PORT=$(cut -d: -f2 "$dir/address")
	URL=https://rancher.test:$PORT
	RESOLVE=rancher.test:$PORT:127.0.0.1
}

end_standin() {
	[[ -z ${STANDIN_PID:-} ]] || { kill "$STANDIN_PID" && wait "$STANDIN_PID"; } 2>/dev/null || true
	STANDIN_PID=
}

ask() { command curl -sSf --cacert "$CA" --resolve "$RESOLVE" "$@"; }

# switch KEY=VALUE...: how the stand-in answers from here on.
switch() {
	local word words=()
	for word; do words+=(--data-urlencode "$word"); done
	ask -G -X POST "${words[@]}" "$URL/standin"
}

requests() { ask "$URL/standin/log"; }

# told TEXT...: all of it is in stderr; not_told: none of it is.
told() {
	local text
	for text; do [[ $stderr == *"$text"* ]] || fail "not told: $text"$'\n'"$stderr"; done
}

not_told() {
	local text
	for text; do [[ $stderr != *"$text"* ]] || fail "told: $text"$'\n'"$stderr"; done
}

# What lives on the server: "NAME KIND TTL" a line.
tokens() { ask "$URL/standin/tokens"; }

tf() { "$RK3K_BIN/rk3k-tf-setup" "$@"; }

# The usual call: setup_tf -CODE ARG...
setup_tf() {
	local code=$1
	shift
	run --separate-stderr "$code" tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
		--password-file ../password --timeout 1s "$@"
}

token_value() { sed -n 's/^rancher_token *= "\(.*\)"/\1/p' terraform.tfvars; }

no_session() { # nothing of ours is left open
	run -0 tokens
	refute_output --partial ' session '
}

nothing_left() {
	run -0 tokens
	assert_output ''
	assert_not_exists terraform.tfvars
}

# run_printed ARG...: the revoke command that the last run printed, with what it lacks here.
run_printed() {
	local command
	command=$(sed -n 's/.*kubectl rk3k tf-setup \(revoke .*\)/\1/p' <<<"$stderr" | tail -n 1)
	[[ -n $command ]] || fail "no command: $stderr"
	run -0 --separate-stderr bash -c "\"\$0\" $command \"\$@\"" "$RK3K_BIN/rk3k-tf-setup" "$@"
}
