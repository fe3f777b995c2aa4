# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# common.bash - what the files of the node tier share: a home for one deployment, and how it is
# seen from outside.

readonly INGRESS=10.90.0.1

# one_home: (after HOSTS) for all tests of a file; deploy merges into its kubeconfig.
one_home() {
	export PLANE_HOME=$BATS_FILE_TMPDIR/home
	export PLANE_KUBECONFIG=$PLANE_HOME/.kube/config
	mkdir -p "$PLANE_HOME/.kube"
	cp "$RK3K_TESTBED/host/admin.kubeconfig" "$PLANE_KUBECONFIG"
	chmod 600 "$PLANE_KUBECONFIG"
	{ cat /etc/hosts && echo "$INGRESS $HOSTS"; } >"$BATS_FILE_TMPDIR/hosts"
}

# deploy ARG...: of the settings in CONF, where DNS leads all HOSTS to the host's ingress.
deploy() {
	# shellcheck disable=SC2016 # for the inner shell
	bed unshare -m bash -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$BATS_FILE_TMPDIR/hosts" \
		"$RK3K_BIN/rk3k-deploy" -c "$CONF" --timeout 90s "$@"
}

inside() { kubectl --context rancher-k3k "$@"; }

# secret_pem KEY [NAME]: a part of a TLS Secret in the virtual cluster.
secret_pem() {
	inside get secret -n cattle-system "${2:-$SECRET}" -o "jsonpath={.data.${1/./\\.}}" | base64 -d
}

# served HOST: the certificate that a client is shown which asks for HOST, its fingerprint.
served() {
	bed openssl s_client -connect "$INGRESS:443" -servername "$1" -showcerts </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256
}

inner_fingerprint() { secret_pem tls.crt | openssl x509 -noout -fingerprint -sha256; }

is_served() { [[ "$(served "$1")" == "$(inner_fingerprint)" ]]; }

# ping HOST: under a verified certificate.
ping_host() {
	secret_pem tls.crt tls-rancher >"$BATS_TEST_TMPDIR/ca"
	curl -sS --cacert "$BATS_TEST_TMPDIR/ca" --resolve "$1:443:$INGRESS" "https://$1/ping"
}
