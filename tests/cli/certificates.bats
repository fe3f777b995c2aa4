#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Certificates and keys that come from outside, at every place that takes them: no private key passes
# where certificates belong, what passes is plain PEM, and every key is read by us before a library.
# The API server is standin-api: it serves the Secrets of a virtual cluster.
# shellcheck disable=SC2016,SC2154 # filters of jq; stderr is set by run --separate-stderr

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup_file() {
	export TOP BIN
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "${RK3K_BIN:-$TOP/build/libexec}" && pwd)
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=standin \
		-addext subjectAltName=IP:127.0.0.1,DNS:k3k-rancher-service,DNS:rancher.example.com \
		-keyout tls.key -out tls.crt 2>/dev/null
	cat tls.crt tls.key >key.pem
	openssl pkcs8 -topk8 -in tls.key -passout pass:x -out encrypted.key
	openssl ec -in tls.key -aes128 -passout pass:x -out legacy.key 2>/dev/null
	cat tls.crt encrypted.key >encrypted.pem
	{ printf '\xEF\xBB\xBF' && cat tls.crt; } >bom.pem
	sed 's/$/\r/' tls.crt >crlf.pem
	openssl x509 -in tls.crt -trustout -addtrust serverAuth -setalias ours -out trusted.pem
	{ echo '# our CA' && openssl x509 -in tls.crt -text && sed 's/^/# /' tls.crt; } >text.pem
	openssl x509 -in tls.crt -outform DER -out der.pem
	: >empty.pem
	mkdir directory.pem
	{ openssl ecparam -name prime256v1 && cat tls.key; } >params.key
	printf '%s\n' HOSTNAME=rancher.example.com >deploy.conf
}

setup() {
	unset "${!RK3K_@}" KUBECONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY || true
	cd "$BATS_FILE_TMPDIR" || return
	export HOME=$BATS_TEST_TMPDIR XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR
	chmod 700 "$BATS_TEST_TMPDIR"
	secret=$(sed -n 2p tls.key)
}

b64() { base64 -w0 "$1"; }

# The objects, changed by a filter of jq.
serve() { # [FILTER]
	jq -n --arg crt "$(b64 tls.crt)" --arg key "$(b64 tls.key)" --rawfile ca tls.crt --rawfile cakey tls.key \
		-f "$TOP/tests/cli/standin-objects.jq" |
		jq --arg text "$(b64 "${2:-tls.crt}")" --rawfile raw "${2:-tls.crt}" "${1:-.}" >objects.json
	coproc api { exec "$TOP/tests/cli/standin-api" "$PWD" 3>&-; }
	read -r PORT <&"${api[0]}"
	export KUBECONFIG=$PWD/good/.kube/config
}

# A kubeconfig that names files.
kubeconfig() { # CA CERT KEY
	cat <<-END
		apiVersion: v1
		kind: Config
		current-context: c
		contexts: [{name: c, context: {cluster: c, user: c}}]
		clusters: [{name: c, cluster: {server: "https://127.0.0.1:${PORT:-1}", certificate-authority: $1}}]
		users: [{name: c, user: {client-certificate: $2, client-key: $3}}]
	END
}

inline() { # CA CERT KEY
	kubeconfig "$@" | sed -E "s|certificate-authority: [^}]*|certificate-authority-data: $(b64 "$1")|
		s|client-certificate: [^,]*|client-certificate-data: $(b64 "$2")|; s|client-key: [^}]*|client-key-data: $(b64 "$3")|"
}

# refused TEXT TOOL...: exit 1 or 2, one line with TEXT, and not a byte of a key.
refused() {
	run --separate-stderr timeout 20 "$BIN/rk3k-$2" "${@:3}"
	[[ $status == [12] && ${#stderr_lines[@]} -le 4 && $stderr == *"$1"* && $output$stderr != *"$secret"* ]] || {
		echo "rk3k-${*:2}: expected \"$1\", exit $status: $output$stderr"
		return 1
	}
}

# A credential plugin that answers with a certificate and a key.
plugin() { # CERT KEY
	jq -n --rawfile c "$1" --rawfile k "$2" '{apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential",
		status: {clientCertificateData: $c, clientKeyData: $k}}' >"$HOME/answer"
	kubeconfig "$PWD/tls.crt" x y | sed '/^users/d' >"$HOME/exec"
	cat >>"$HOME/exec" <<-END
		users: [{name: c, user: {exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never,
		  command: cat, args: ["$HOME/answer"]}}}]
	END
}

# Every place that takes certificates, with a file there, is refused.
certificates_refused() { # TEXT FILE
	local key
	for key in PRIVATE_CA_PATH CA_ROOT_PATH CA_CERT_PATH TLS_CERT_PATH; do
		refused "$1" config -c deploy.conf --no-prompt --set "$key=$2"
		echo "{apiVersion: rk3k.io/v1, kind: Settings, HOSTNAME: r.example.com, $key: $2}" >"$HOME/doc"
		refused "$1" render all -c "$HOME/doc"
	done
	refused "$1" registries render --registry r.example.com --ca "$2"
	refused "$1" tf-setup --url https://127.0.0.1:1 --ca-file "$2" --dir "$HOME" --password-file /dev/null
	kubeconfig "$2" "$PWD/tls.crt" "$PWD/tls.key" >"$HOME/named"
	refused "$1" kubeconfig export "$HOME/named"
	refused "$1" kubeconfig merge --kubeconfig "$HOME/to" --name x "$HOME/named"
	refused "$1" wait --kubeconfig "$HOME/named" pod/x
	kubeconfig "$PWD/tls.crt" "$PWD/tls.crt" "$PWD/tls.key" >"$HOME/good"
	refused "$1" wait --kubeconfig "$HOME/good" --certificate-authority "$2" pod/x
	[[ -s $2 && -f $2 ]] || return 0
	inline "$2" tls.crt tls.key >"$HOME/inline"
	refused "$1" kubeconfig export "$HOME/inline"
	refused "$1" kubeconfig merge --kubeconfig "$HOME/to" --name x "$HOME/inline"
	inline tls.crt "$2" tls.key >"$HOME/inline"
	refused "$1" kubeconfig export "$HOME/inline"
	refused "$1" kubeconfig merge --kubeconfig "$HOME/to" --name x "$HOME/inline"
	[[ $2 == *der.pem ]] || plugin "$2" tls.key
	[[ $2 == *der.pem ]] || refused "$1" wait --kubeconfig "$HOME/exec" pod/x
}

# Every place that takes a private key, with a file there, is refused.
keys_refused() { # TEXT FILE
	kubeconfig "$PWD/tls.crt" "$PWD/tls.crt" "$2" >"$HOME/named"
	inline tls.crt tls.crt "$2" >"$HOME/inline"
	plugin tls.crt "$2"
	refused "$1" kubeconfig export "$HOME/named"
	refused "$1" kubeconfig export "$HOME/inline"
	refused "$1" kubeconfig merge --kubeconfig "$HOME/to" --name x "$HOME/inline"
	for file in named inline exec; do
		refused "$1" wait --kubeconfig "$HOME/$file" pod/x
		refused "$1" status --kubeconfig "$HOME/$file"
	done
	"$BIN/rk3k-config" -c deploy.conf --no-prompt --set TLS_SOURCE=secret --set "TLS_CERT_PATH=tls.crt" --set "TLS_KEY_PATH=$2" >"$HOME/doc"
	refused "$1" render issuer -c "$HOME/doc"
	"$BIN/rk3k-config" -c deploy.conf --no-prompt --set TLS_SOURCE=secret --set "CA_CERT_PATH=tls.crt" --set "CA_KEY_PATH=$2" >"$HOME/doc" 2>/dev/null
	refused "$1" render issuer -c "$HOME/doc"
}

@test "certificates: a private key beside them is refused at every entry" {
	certificates_refused 'it holds a private key' "$PWD/key.pem"
	assert_regex "$stderr" 'openssl crl2pkcs7 -nocrl -certfile FILE'
	certificates_refused 'it holds a private key' "$PWD/encrypted.pem"
}

@test "certificates: the command in the refusal extracts them" {
	openssl crl2pkcs7 -nocrl -certfile key.pem | openssl pkcs7 -print_certs -out "$HOME/only.pem"
	run -0 --separate-stderr "$BIN/rk3k-config" -c deploy.conf --no-prompt --set "PRIVATE_CA_PATH=$HOME/only.pem"
}

@test "certificates: an empty file, a directory and DER are refused at every entry" {
	certificates_refused empty "$PWD/empty.pem"
	certificates_refused 'a directory' "$PWD/directory.pem"
	certificates_refused 'openssl x509 -inform DER -in FILE' "$PWD/der.pem"
}

@test "certificates: an encrypted private key is refused at every entry" {
	keys_refused 'the private key is encrypted: ' "$PWD/encrypted.key"
	keys_refused 'the private key is encrypted: ' "$PWD/legacy.key"
}

@test "certificates: a key file without a key is refused at every entry" {
	keys_refused 'is not a private key' "$PWD/tls.crt"
}

@test "certificates: every notation is passed on as plain PEM" {
	for file in bom crlf trusted text; do
		kubeconfig "$PWD/$file.pem" "$PWD/$file.pem" "$PWD/params.key" >"$HOME/named"
		inline "$file.pem" "$file.pem" params.key >"$HOME/inline"
		for from in named inline; do
			run -0 --separate-stderr "$BIN/rk3k-kubeconfig" export -o json "$HOME/$from"
			[[ $(jq -r '.clusters[0].cluster["certificate-authority-data"]' <<<"$output") == "$(b64 tls.crt)" ]]
			[[ $(jq -r '.users[0].user["client-certificate-data"]' <<<"$output") == "$(b64 tls.crt)" ]]
			[[ $(jq -r '.users[0].user["client-key-data"]' <<<"$output") == "$(b64 tls.key)" ]]
		done
		"$BIN/rk3k-kubeconfig" merge --kubeconfig "$HOME/to-$file" --name x "$HOME/inline"
		[[ $(grep -cF "$(b64 tls.crt)" "$HOME/to-$file") == 2 && $(grep -cF "$(b64 tls.key)" "$HOME/to-$file") == 1 ]]
		"$BIN/rk3k-config" -c deploy.conf --no-prompt --set PRIVATE_REGISTRY=r.example.com --set TLS_SOURCE=secret \
			--set "PRIVATE_CA_PATH=$file.pem" --set "TLS_CERT_PATH=$file.pem" --set TLS_KEY_PATH=params.key >"$HOME/doc"
		run -0 --separate-stderr "$BIN/rk3k-render" all -c "$HOME/doc" --show-secrets -o json
		[[ $(jq -r '.items[].data // {} | .["ca.crt"], .["cacerts.pem"], .["tls.crt"] | values' <<<"$output" |
			sort | uniq -c) =~ ^' '+3' '"$(b64 tls.crt)"$ ]]
		[[ $(jq -r '.items[].data // {} | .["tls.key"] | values' <<<"$output") == "$(b64 tls.key)" ]]
	done
}

@test "config get --pem: writes the certificates of a file as plain PEM" {
	for file in bom crlf trusted text; do
		run -0 --separate-stderr "$BIN/rk3k-config" get --pem CA_ROOT_PATH < <("$BIN/rk3k-config" -c deploy.conf --no-prompt \
			--set TLS_SOURCE=secret --set CA_CERT_PATH=tls.crt --set CA_KEY_PATH=tls.key --set "CA_ROOT_PATH=$file.pem")
		assert_output "$(<tls.crt)"
	done
	"$BIN/rk3k-config" -c deploy.conf --no-prompt >"$HOME/doc"
	run -3 "$BIN/rk3k-config" get --pem PRIVATE_CA_PATH <"$HOME/doc"
	run -2 "$BIN/rk3k-config" get --pem TLS_KEY_PATH <"$HOME/doc"
	assert_output --partial 'TLS_KEY_PATH does not name a file of certificates'
}

@test "certificates: TLS_KEY_PATH with the certificate in it: only the key passes on" {
	"$BIN/rk3k-config" -c deploy.conf --no-prompt --set TLS_SOURCE=secret --set TLS_CERT_PATH=tls.crt --set TLS_KEY_PATH=key.pem >"$HOME/doc"
	run -0 --separate-stderr "$BIN/rk3k-render" issuer -c "$HOME/doc" --show-secrets -o json
	[[ $(jq -r '.items[].data["tls.key"] | values' <<<"$output") == "$(b64 tls.key)" ]]
}

@test "certificates: one file may have client certificate and key, like the kubelet's" {
	kubeconfig "$PWD/tls.crt" "$PWD/key.pem" "$PWD/key.pem" >"$HOME/named"
	run -0 --separate-stderr "$BIN/rk3k-kubeconfig" export -o json "$HOME/named"
	[[ $(jq -r '.users[0].user["client-certificate-data"]' <<<"$output") == "$(b64 tls.crt)" ]]
	[[ $(jq -r '.users[0].user["client-key-data"]' <<<"$output") == "$(b64 tls.key)" ]]
}

@test "certificates: a client key of another certificate is refused" {
	openssl ecparam -name prime256v1 -genkey -noout -out "$HOME/other.key"
	kubeconfig "$PWD/tls.crt" "$PWD/tls.crt" "$HOME/other.key" >"$HOME/named"
	refused 'does not belong to the certificate' kubeconfig export "$HOME/named"
	refused 'does not belong to the certificate' kubeconfig merge --kubeconfig "$HOME/to" --name x "$HOME/named"
}

# --- from a cluster --------------------------------------------------------------

@test "certificates: an encrypted key in the cluster's kubeconfig Secret is refused" {
	for key in encrypted.key legacy.key; do
		serve '.kubeconfig.users[0].user["client-key-data"] = $text' "$key"
		export KUBECONFIG=$HOME/host
		inline tls.crt tls.crt tls.key >"$KUBECONFIG"
		for tool in 'kubeconfig get' credential 'kubeconfig get --exec' 'kubeconfig get --no-probe' 'wait --virtual rancher pod/x' \
			cert-sync 'tf-setup rancher --url https://rancher.example.com'; do
			# shellcheck disable=SC2086 # words
			refused 'the private key is encrypted: ' $tool
		done
		run -1 --separate-stderr "$BIN/rk3k-status"
		assert_regex "$output$stderr" 'the private key is encrypted'
		kill "$api_PID"
	done
}

@test "certificates: an encrypted CA key of the virtual cluster signs nothing" {
	serve '.bootstrap.clientCAKey.Content = $raw' encrypted.key
	refused 'the private key is encrypted: ' kubeconfig generate --cn jane
}

@test "certificates: a private key in a CA of the virtual cluster is refused" {
	serve '.kubeconfig.clusters[0].cluster["certificate-authority-data"] = $text' key.pem
	export KUBECONFIG=$HOME/host
	inline tls.crt tls.crt tls.key >"$KUBECONFIG"
	refused 'it holds a private key' kubeconfig get
	kill "$api_PID"
	serve '.bootstrap.serverCA.Content = $raw' key.pem
	refused 'it holds a private key' kubeconfig generate --cn jane
}

@test "certificates: kubeconfig get writes the Secret's certificates as plain PEM" {
	for file in bom crlf trusted text; do
		serve '.kubeconfig.clusters[0].cluster["certificate-authority-data"] = $text |
			.kubeconfig.users[0].user["client-certificate-data"] = $text' "$file.pem"
		run -0 --separate-stderr "$BIN/rk3k-kubeconfig" get -o json
		[[ $(jq -r '.clusters[0].cluster["certificate-authority-data"]' <<<"$output") == "$(b64 tls.crt)" ]]
		[[ $(jq -r '.users[0].user["client-certificate-data"]' <<<"$output") == "$(b64 tls.crt)" ]]
		run -0 --separate-stderr "$BIN/rk3k-credential"
		[[ $(jq -r .status.clientCertificateData <<<"$output") == "$(<tls.crt)" ]]
		kill "$api_PID"
	done
}

secret_of() { printf '(.["/api/v1/namespaces/%s/secrets/tls-rancher-ingress"].data["%s"])' "$1" "$2"; }

@test "cert-sync: copies plain PEM only, and no private key in tls.crt" {
	serve "$(secret_of cattle-system tls.crt) = \$text" key.pem
	refused 'tls.crt: it holds a private key' cert-sync
	kill "$api_PID"
	serve "$(secret_of cattle-system tls.key) = \$text" legacy.key
	refused 'tls.key: the private key is encrypted: ' cert-sync
	kill "$api_PID"
	serve "$(secret_of cattle-system tls.crt) = \$text" crlf.pem
	run -0 --separate-stderr "$BIN/rk3k-cert-sync"
	assert_output --partial unchanged # the host's copy is plain
}

# --- what preflight says of them -------------------------------------------------

# A root, an intermediate CA below it, and leaves of the intermediate.
chain() {
	[[ ! -e leaf.crt ]] || return 0
	ca root root
	issue inter root 'basicConstraints=critical,CA:TRUE' -newkey ec -pkeyopt ec_paramgen_curve:P-256
	issue leaf inter "$SAN" -newkey ec -pkeyopt ec_paramgen_curve:P-256
	issue client inter "$SAN"$'\nextendedKeyUsage=clientAuth' -newkey ec -pkeyopt ec_paramgen_curve:P-256
	issue named inter '' -newkey ec -pkeyopt ec_paramgen_curve:P-256
	issue short inter "$SAN" -newkey rsa:1024
	ca other other
	cat leaf.crt inter.crt >full.crt
	cat root.crt inter.crt leaf.crt >reversed.crt
	openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=rsa -keyout rsa.key -out rsa.crt 2>/dev/null
	MD=sha1 issue weak rsa "$SAN" -newkey ec -pkeyopt ec_paramgen_curve:P-256
}

SAN=subjectAltName=DNS:rancher.example.com

ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=$2" -keyout "$1.key" -out "$1.crt" 2>/dev/null; }

issue() { # NAME CA EXTENSIONS KEY...
	openssl req "${@:4}" -nodes -subj /CN=rancher.example.com -keyout "$1.key" -out csr 2>/dev/null
	openssl x509 -req -in csr -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 60 "-${MD:-sha256}" \
		-extfile <(echo "$3") -out "$1.crt" 2>/dev/null
}

# preflight KEY=VALUE...: the rows that preflight has of them.
preflight() {
	local set=()
	for pair in "$@"; do set+=(--set "$pair"); done
	"$BIN/rk3k-config" -c deploy.conf --no-prompt --set TLS_SOURCE=secret "${set[@]}" >"$HOME/doc"
	run --separate-stderr "$BIN/rk3k-preflight" -c "$HOME/doc" -o json
	output=$(jq -r '.. | objects | select(.check? == "certificates") | "\(.result) \(.detail)"' <<<"$output")
	mapfile -t lines <<<"$output"
}

@test "preflight: the chain of TLS_CERT_PATH must end at a CA that agents get" {
	chain
	serve
	good='ok TLS_CERT_PATH fits its key and covers every name'
	preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=root.crt
	assert_output "$good"
	preflight TLS_CERT_PATH=leaf.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=root.crt
	assert_output --regexp '^failed PRIVATE_CA_PATH does not verify TLS_CERT_PATH: .*append the certificate of the CA'
	preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=other.crt
	assert_output --regexp '^failed PRIVATE_CA_PATH does not verify TLS_CERT_PATH'
	preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key CA_ROOT_PATH=other.crt
	assert_output --regexp '^failed CA_ROOT_PATH does not verify TLS_CERT_PATH'
	preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key
	assert_output --regexp "^failed TLS_CERT_PATH: .*Rancher's agents need its CA: set PRIVATE_CA_PATH or CA_ROOT_PATH"
	SSL_CERT_FILE=$PWD/root.crt preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key
	assert_output "$good"
	SSL_CERT_FILE=$PWD/root.crt preflight TLS_CERT_PATH=full.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=other.crt
	assert_output "$good"
}

@test "preflight, render: the issuing intermediate alone is an anchor, with a warning" {
	chain
	serve
	preflight TLS_CERT_PATH=leaf.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=inter.crt
	assert_line --regexp '^warning PRIVATE_CA_PATH: no root CA in it, only CN=rancher.example.com: .*append its root'
	assert_line --regexp '^ok '
	run -0 --separate-stderr "$BIN/rk3k-render" issuer -c "$HOME/doc" --show-secrets -o json
	[[ $(jq -r '.items[].data["cacerts.pem"] | values' <<<"$output") == "$(b64 inter.crt)" ]]
}

@test "preflight: a reversed chain, and certificates that Go refuses" {
	chain
	serve
	preflight TLS_CERT_PATH=reversed.crt TLS_KEY_PATH=leaf.key PRIVATE_CA_PATH=root.crt
	assert_output --regexp '^failed TLS_CERT_PATH: .*the key belongs to certificate 3: put it first'
	preflight TLS_CERT_PATH=client.crt TLS_KEY_PATH=client.key PRIVATE_CA_PATH=inter.crt
	assert_output --regexp '^failed TLS_CERT_PATH: .*lacks serverAuth'
	preflight TLS_CERT_PATH=weak.crt TLS_KEY_PATH=weak.key PRIVATE_CA_PATH=rsa.crt
	assert_output --regexp '^failed TLS_CERT_PATH: .*signed with SHA-1'
	preflight TLS_CERT_PATH=named.crt TLS_KEY_PATH=named.key PRIVATE_CA_PATH=inter.crt
	assert_output --regexp '^failed TLS_CERT_PATH: .*it covers no name'
	preflight TLS_CERT_PATH=short.crt TLS_KEY_PATH=short.key PRIVATE_CA_PATH=inter.crt
	assert_line --regexp '^warning TLS_CERT_PATH: certificate 1 has an RSA key of 1024 bits'
}

# --- expired ---------------------------------------------------------------------

@test "credential, kubeconfig get, status: refuse an expired client certificate" {
	openssl x509 -in tls.crt -signkey tls.key -days -1 -out old.crt 2>/dev/null
	serve '.kubeconfig.users[0].user["client-certificate-data"] = $text' old.crt
	export KUBECONFIG=$HOME/host
	inline tls.crt tls.crt tls.key >"$KUBECONFIG"
	for tool in credential 'kubeconfig get' 'kubeconfig get --no-probe' 'kubeconfig get rancher -- true'; do
		# shellcheck disable=SC2086 # words
		refused 'the kubeconfig Secret of rancher-k3k/rancher expired on 20' $tool
		assert_regex "$stderr" 'kubectl rk3k kubeconfig generate rancher-k3k/rancher'
		assert_output ''
	done
	run -0 --separate-stderr "$BIN/rk3k-kubeconfig" generate
	run -1 --separate-stderr "$BIN/rk3k-status"
	assert_output --regexp 'kubeconfig +expired +.*expired on 20'
}

# --- against Go ------------------------------------------------------------------

@test "certificates: accepted exactly when Go reads and verifies them" {
	local unit build
	build=$(cd "$BIN/.." && pwd)
	unit=$build/unit/test_cert
	[[ -x $unit ]] || make -s -C "$TOP" B="$build" "$unit"
	"$TOP/tests/env/build" certificates 2>/dev/null
	run -0 timeout 600 "$("$TOP/tests/env/build" --path)/certificates" "$unit" 1 1500
	assert_output --regexp '^1500 cases, passed on: '
}
