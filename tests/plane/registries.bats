#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# registries, bundle: against a real registry and real chart repositories under a private CA, with
# passwords; apply and diff on real API servers.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # jq filters, bats' subshells

load ../helpers

setup_file() {
	bats_load_library bats-support
	export WORK=$BATS_FILE_TMPDIR
	# shellcheck source=/dev/null
	. "$RK3K_TESTBED/env"
	export REGISTRY=${CHART_OCI#oci://} OPEN=${CHART_OCI_PUBLIC#oci://}
	REGISTRY=${REGISTRY%%/*} OPEN=${OPEN%%/*}
	export PRIVATE=${CHART_HTTP_PRIVATE#https://}
	bed "$RK3K_TOP/tests/env/charts-server" tokens "$RK3K_TESTBED"
	tiny_image "$WORK/tiny"
	mkdir "$WORK/certs"
	cp "$CHART_CA" "$WORK/certs/ca.crt"
	conf
	bed "$RK3K_BIN/rk3k-registries" render docker -c "$WORK/doc.json" >"$WORK/auth.json"
	bed "$RK3K_BIN/rk3k-bundle" --list -c "$WORK/doc.json" >"$WORK/list"
	while read -r what image; do
		[[ $what != image ]] || push "$image"
	done <"$WORK/list"
}

setup() {
	plane_home
	cd "$BATS_TEST_TMPDIR" || return
	# The bed has the upper hand over variables of the machine.
	# shellcheck source=/dev/null
	. "$RK3K_TESTBED/env"
}

teardown() { [[ -z ${PID:-} ]] || kill "$PID"; }

push() { # IMAGE: an image of nothing under its name in the registry
	bed skopeo copy --quiet --dest-authfile "$WORK/auth.json" --dest-cert-dir "$WORK/certs" \
		"oci:$WORK/tiny:x" "docker://$REGISTRY/$1" </dev/null >/dev/null
}

unpush() { bed skopeo delete --authfile "$WORK/auth.json" --cert-dir "$WORK/certs" "docker://$REGISTRY/$1" >/dev/null; }

blob() { # DIR FILE: its digest, of a copy among the blobs
	local hash
	hash=$(sha256sum <"$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$hash"
	printf '{"digest":"sha256:%s","size":%d' "$hash" "$(wc -c <"$2")"
}

# An OCI layout with one image, x, of one empty layer.
tiny_image() {
	local oci=application/vnd.oci.image layer config manifest
	mkdir -p "$1/blobs/sha256"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
	tar -cf "$1/layer" -T /dev/null
	layer=$(blob "$1" "$1/layer")
	printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$(sha256sum <"$1/layer" | cut -d' ' -f1)" >"$1/config"
	config=$(blob "$1" "$1/config")
	printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":%s,"mediaType":"%s.config.v1+json"},"layers":[%s,"mediaType":"%s.layer.v1.tar"}]}' \
		$oci "$config" $oci "$layer" $oci >"$1/manifest"
	manifest=$(blob "$1" "$1/manifest")
	printf '{"schemaVersion":2,"manifests":[%s,"mediaType":"%s.manifest.v1+json","annotations":{"org.opencontainers.image.ref.name":"x"}}]}' \
		"$manifest" $oci >"$1/index.json"
}

# conf [KEY=VALUE...]: settings in $WORK/doc.json, or doc.json with arguments.
conf() {
	local password to=$WORK
	[[ $# -eq 0 ]] || to=$PWD
	password=$(<"$CHART_PASSWORD_FILE")
	printf '%s\n' HOSTNAME=rancher.example.test "PRIVATE_REGISTRY=$REGISTRY" "PRIVATE_CA_PATH=$CHART_CA" \
		"HELM_REPO_USER=$CHART_USER" "HELM_REPO_PASS='$password'" "HELM_REPO_HOSTS=$PRIVATE" \
		"RANCHER_REPO=$CHART_OCI/rancher" "CERTMANAGER_REPO=$CHART_HTTP_PRIVATE" "K3K_REPO=$CHART_HTTP_PUBLIC" \
		"$@" >"$to/deploy.conf"
	chmod 600 "$to/deploy.conf"
	"$RK3K_BIN/rk3k-config" -c "$to/deploy.conf" --no-prompt >"$to/doc.json"
}

check() { rk3k registries check --images "$WORK/list" -c "${DOC:-$WORK/doc.json}" "$@"; }

# Rows as "state kind name: detail; remedy".
rows() { jq -r '.[] | "\(.state) \(.kind) \(.name): \(.detail)\(if .remedy then "; " + .remedy else "" end)"' <<<"$1"; }

@test "registries: check: everything is ok" {
	run -0 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line "ok registry $REGISTRY: grants access, with credentials"
	assert_line "ok image docker.io/rancher/rancher:v2.14.1: $REGISTRY/docker.io/rancher/rancher"
	assert_line "ok image quay.io/jetstack/cert-manager-controller:v1.18.5: $REGISTRY/quay.io/jetstack/cert-manager-controller"
	assert_line "ok mirror docker.io: $REGISTRY/docker.io answers"
	assert_line "ok chart cert-manager v1.18.5: $CHART_HTTP_PRIVATE, with credentials"
	assert_line "ok chart rancher v2.14.1: $CHART_OCI/rancher, with credentials"
	assert_line "ok chart k3k 1.0.2: $CHART_HTTP_PUBLIC"
	refute_line --regexp '^(failed|warning)'
	run -0 check
	assert_line --regexp '^KIND +NAME +STATE +DETAIL$'
}

@test "registries: check: a missing image names registry, image and remedy" {
	printf 'image quay.io/jetstack/nothing:v1\nimage gcr.io/x/y:1\n' >list
	run -1 --separate-stderr rk3k registries check --images list -c "$WORK/doc.json" -o json
	assert_regex "$stderr" '2 of [0-9]+ checks failed'
	run -0 rows "$output"
	assert_line "failed image quay.io/jetstack/nothing:v1: $REGISTRY/quay.io/jetstack/nothing:v1: not found; push it (see kubectl rk3k bundle --help), or let the registry fetch quay.io/jetstack/nothing from quay.io"
	assert_line "failed image gcr.io/x/y:1: no mirror for gcr.io: servers would pull from there; add the registry to MIRROR_REGISTRIES_FILE"
}

@test "registries: check: a wrong password is reported for each host, with a hint" {
	run -1 --separate-stderr check -o json --user "$CHART_USER" --password-file <(printf wrong-password)
	[[ $stderr != *wrong-password* && $output != *wrong-password* ]]
	run -0 rows "$output"
	assert_line "failed registry $REGISTRY: registry $REGISTRY: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
	assert_line "failed chart cert-manager v1.18.5: $CHART_HTTP_PRIVATE/index.yaml: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
	assert_line "ok chart k3k 1.0.2: $CHART_HTTP_PUBLIC"
}

@test "registries: check: a wrong login of Docker's file names that file" {
	jq -n --arg h "$REGISTRY" '{auths: {($h): {auth: ("me:wrong-password" | @base64)}}}' >config.json
	run -1 --separate-stderr rk3k registries check -o json --registry "$REGISTRY" --ca "$CHART_CA" --credentials config.json
	[[ $stderr != *wrong-password* && $output != *wrong-password* ]]
	run -0 rows "$output"
	assert_line "failed registry $REGISTRY: registry $REGISTRY: the server rejected the credentials; log in again: user me came from $PWD/config.json"
}

@test "registries: check: a wrong CA, and none" {
	run -1 --separate-stderr check -o json --ca "$CHART_PUBLIC_CA"
	run -0 rows "$output"
	assert_line --regexp "^failed registry $REGISTRY: https://$REGISTRY: .*CN=private charts CA.*; see PRIVATE_CA_PATH: it must hold the CA of this server\$"
	assert_line --regexp "^failed chart cert-manager .*$PRIVATE: .*; see PRIVATE_CA_PATH"
	conf PRIVATE_CA_PATH=
	DOC=doc.json run -1 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line --regexp "^failed registry .*; see PRIVATE_CA_PATH: it is not set"
}

@test "registries: check: a bundle of several CAs holds the right one" {
	cat "$CHART_PUBLIC_CA" "$CHART_CA" >both.pem
	run -0 --separate-stderr check --ca both.pem
}

@test "registries: check: without credentials, and a missing chart" {
	run -1 --separate-stderr rk3k registries check -o json --registry "$REGISTRY" --ca "$CHART_CA" \
		--set "K3K_REPO=$CHART_HTTP_PUBLIC" --set K3K_VERSION=9.9.9
	run -0 rows "$output"
	assert_line "failed registry $REGISTRY: registry $REGISTRY: credentials required; set HELM_REPO_USER and HELM_REPO_PASS, or log in and set CREDENTIALS"
	assert_line "failed chart k3k 9.9.9: $CHART_HTTP_PUBLIC has chart k3k, but not version 9.9.9; push chart k3k 9.9.9 there, or set K3K_REPO or K3K_VERSION"
}

@test "registries: 25 check: credentials are sent to their hosts and to no other" {
	local from
	from=$(wc -l <"$CHART_ACCESS_LOG")
	conf "CERTMANAGER_REPO=$CHART_OCI_PUBLIC/cert-manager"
	DOC=doc.json run -0 --separate-stderr check
	conf
	run -0 --separate-stderr check
	run -0 jq -r '"\(.server) \(.authorization)"' <(tail -n "+$((from + 1))" "$CHART_ACCESS_LOG")
	assert_line "$PRIVATE sent"
	assert_line "${CHART_HTTP_PUBLIC#https://} absent"
	assert_line "$OPEN absent"
	refute_line "${CHART_HTTP_PUBLIC#https://} sent"
	refute_line "$OPEN sent"
}

# moved ADDRESS TO: a repository that has moved, under a name of the public one's certificate.
moved() {
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" python3 -c '
import http.server, ssl, sys
class Moved(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("sent" if self.headers.get("Authorization") else "absent", flush=True)
        self.send_response(302)
        self.send_header("Location", sys.argv[2] + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer((sys.argv[1], 443), Moved)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[3] + ".crt", sys.argv[3] + ".key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()' "$1" "$2" "$RK3K_TESTBED/charts/public" >moved.log 3>&- &
	PID=$!
	within 10 curl -s --cacert "$CHART_PUBLIC_CA" --resolve "charts.public.test:443:$1" https://charts.public.test/
}

@test "registries: check: follows a moved chart repository as helm does, without login" {
	local from repo=https://charts.public.test
	moved 127.77.0.61 "$CHART_HTTP_PUBLIC"
	conf "K3K_REPO=$repo" PRIVATE_REGISTRY= PRIVATE_CA_PATH= HELM_REPO_HOSTS=charts.public.test \
		"RANCHER_REPO=$CHART_HTTP_PUBLIC" "CERTMANAGER_REPO=$CHART_HTTP_PUBLIC"
	from=$(wc -l <"$CHART_ACCESS_LOG")
	: >moved.log
	run -0 --separate-stderr rk3k registries check -o json -c doc.json --resolve charts.public.test:443:127.77.0.61
	run -0 rows "$output"
	assert_line "ok chart k3k 1.0.2: $repo, with credentials"
	run -0 cat moved.log
	assert_output sent
	run -0 jq -r .authorization <(tail -n "+$((from + 1))" "$CHART_ACCESS_LOG")
	refute_line sent
	kill "$PID"
	moved 127.77.0.62 "$repo" # to itself, and to a place without TLS
	run -1 rk3k registries check -c doc.json --resolve charts.public.test:443:127.77.0.62
	assert_line --regexp "chart +k3k 1.0.2 +failed +$repo/index.yaml: redirects to $repo/index.yaml"
	kill "$PID"
	moved 127.77.0.63 http://charts.public.test
	run -1 rk3k registries check -c doc.json --resolve charts.public.test:443:127.77.0.63
	assert_line --regexp "chart +k3k 1.0.2 +failed +$repo/index.yaml: redirects to http://charts.public.test/index.yaml"
}

# --- registries that leave logins to a token server (WWW-Authenticate: Bearer) ---

# token_conf HOST [KEY=VALUE...]: settings for such a registry, in doc.json.
token_conf() {
	conf "PRIVATE_REGISTRY=$1" HELM_REPO_HOSTS= "RANCHER_REPO=oci://$1/charts/rancher" \
		"CERTMANAGER_REPO=oci://$1/charts/cert-manager" "${@:2}"
	DOC=doc.json
	FROM=$(wc -l <"$CHART_ACCESS_LOG")
}

anonymous() { # HOST [FLAG...]: check it without a login; ROOTS are the CAs of the system
	bed env ${ROOTS:+SSL_CERT_FILE="$ROOTS" SSL_CERT_DIR=/nowhere} "$RK3K_BIN/rk3k-registries" check -o json --registry "$1" --ca "$CHART_CA" --set "K3K_REPO=$CHART_HTTP_PUBLIC" \
		--set "CERTMANAGER_REPO=$CHART_HTTP_PUBLIC" --set "RANCHER_REPO=$CHART_HTTP_PUBLIC" "${@:2}"
}

# What the token server of another host has been sent since: "sent" and "absent", each once.
realm_was_sent() {
	tail -n "+$((FROM + 1))" "$CHART_ACCESS_LOG" |
		jq -r --arg s "$CHART_REALM" 'select(.server == $s).authorization' | sort -u
}

@test "registries: check: a token server on the registry's host accepts our login" {
	token_conf "$CHART_HARBOR"
	run -0 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line "ok registry $CHART_HARBOR: grants access, with credentials"
	assert_line "ok image docker.io/rancher/rancher:v2.14.1: $CHART_HARBOR/docker.io/rancher/rancher"
	assert_line "ok mirror quay.io: $CHART_HARBOR/quay.io answers"
	assert_line "ok chart rancher v2.14.1: oci://$CHART_HARBOR/charts/rancher, with credentials"
	refute_line --regexp '^(failed|warning)'
	rk3k registries render docker -c doc.json >auth.json
	run -0 bed skopeo inspect --authfile "$PWD/auth.json" --cert-dir "$WORK/certs" \
		"docker://$CHART_HARBOR/docker.io/rancher/rancher:v2.14.1"
	run -0 bed env HELM_REGISTRY_CONFIG="$PWD/auth.json" helm show chart --ca-file "$CHART_CA" \
		"oci://$CHART_HARBOR/charts/rancher" --version v2.14.1
	assert_line 'name: rancher'
}

@test "registries: check: a wrong password at the token server names both hosts" {
	token_conf "$CHART_HARBOR"
	run -1 --separate-stderr check -o json --user "$CHART_USER" --password-file <(printf wrong-password)
	[[ $stderr != *wrong-password* && $output != *wrong-password* ]]
	run -0 rows "$output"
	assert_line "failed registry $CHART_HARBOR: registry $CHART_HARBOR, at its token server: https://$CHART_HARBOR/service/token: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
	assert_line "failed chart rancher v2.14.1: registry $CHART_HARBOR, at its token server: https://$CHART_HARBOR/service/token: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
}

@test "registries: check: a token that allows nothing, with and without a login" {
	echo docker.io/secret/x:1 >list
	token_conf "$CHART_HARBOR"
	run -1 --separate-stderr rk3k registries check --images list -c doc.json -o json
	run -0 rows "$output"
	assert_line "failed image docker.io/secret/x:1: $CHART_HARBOR/docker.io/secret/x:1: the server rejected the credentials; the user may not pull there: grant it permission to docker.io/secret/x"
	# Such a registry lets everybody in, and then gives nothing.
	run -1 --separate-stderr anonymous "$CHART_HARBOR" --images list
	run -0 rows "$output"
	assert_line "failed image docker.io/secret/x:1: $CHART_HARBOR/docker.io/secret/x:1: credentials required; set HELM_REPO_USER and HELM_REPO_PASS, or log in and set CREDENTIALS"
	assert_line "failed mirror docker.io: $CHART_HARBOR/docker.io/library/probe: credentials required; set HELM_REPO_USER and HELM_REPO_PASS, or log in and set CREDENTIALS"
}

@test "registries: check: a token server on an unnamed host gets no login" {
	token_conf "$CHART_GITLAB"
	run -1 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line "failed registry $CHART_GITLAB: registry $CHART_GITLAB refers to the token server https://$CHART_REALM/token, which is not a host for the credentials; add it to HELM_REPO_HOSTS if it may have them"
	run -0 realm_was_sent
	assert_output ''
}

@test "registries: check: a named token server gets login and CA" {
	token_conf "$CHART_GITLAB" "HELM_REPO_HOSTS=$CHART_REALM"
	run -1 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line --regexp "^failed registry $CHART_GITLAB: registry $CHART_GITLAB, at its token server: https://$CHART_REALM/token: .*CN=public charts CA.*; see PRIVATE_CA_PATH: it must hold the CA of this server\$"
	run -0 realm_was_sent
	assert_output ''
	cat "$CHART_CA" "$CHART_PUBLIC_CA" >both.pem
	run -0 --separate-stderr check --ca "$PWD/both.pem"
	run -0 realm_was_sent
	assert_output sent
}

@test "registries: check: an unnamed token server is verified by the system's CAs" {
	token_conf "$CHART_GITLAB"
	run -1 --separate-stderr anonymous "$CHART_GITLAB"
	run -0 rows "$output"
	assert_line "ok registry $CHART_GITLAB: grants access"
	run -0 realm_was_sent
	assert_output absent
	ROOTS=$CHART_CA run -1 --separate-stderr anonymous "$CHART_GITLAB"
	run -0 rows "$output"
	assert_line --regexp "^failed registry $CHART_GITLAB: registry $CHART_GITLAB, at its token server: https://$CHART_REALM/token: .*CN=public charts CA.*; PRIVATE_CA_PATH is used for it only when it is in HELM_REPO_HOSTS\$"
}

@test "registries: check: a token server without TLS is not asked" {
	local at=$CHART_GITLAB:5443
	sed -e "s|$CHART_GITLAB:5000|$at|" -e 's|realm: "https:|realm: "http:|' \
		-e "s|^http:|&\n  tls: {certificate: $RK3K_TESTBED/charts/private.crt, key: $RK3K_TESTBED/charts/private.key}|" \
		"$RK3K_TESTBED/charts/charts-gitlab.yaml" >plain.yaml
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" registry serve "$PWD/plain.yaml" >plain.log 2>&1 3>&- &
	PID=$!
	within 10 curl -s --cacert "$CHART_CA" "https://$at/v2/"
	token_conf "$at" "HELM_REPO_HOSTS=$CHART_REALM"
	run -1 --separate-stderr check -o json
	run -0 rows "$output"
	assert_line "failed registry $at: registry $at does not name a token server with https"
	run -0 realm_was_sent
	assert_output ''
}

@test "registries: 23 24 43 44 45 helm logs in by the login files" {
	local home=$PWD/h
	mkdir h
	rk3k registries render helm -c "$WORK/doc.json" >h/repositories.yaml
	chmod 600 h/repositories.yaml
	mine() { bed env ${ROOTS:+SSL_CERT_FILE="$ROOTS" SSL_CERT_DIR=/nowhere} HELM_REPOSITORY_CONFIG="$home/repositories.yaml" HELM_REPOSITORY_CACHE="$home/c" HELM_REGISTRY_CONFIG="$home/r" helm "$@"; }
	run -0 mine repo update
	run -0 mine show chart cert-manager/cert-manager --version v1.18.5
	run -0 mine show chart k3k/k3k --version 1.0.2 # has no login
	# The same without login, and without the CA.
	jq 'del(.repositories[].username, .repositories[].password)' h/repositories.yaml >h/x && mv h/x h/repositories.yaml
	run mine repo update cert-manager
	assert_output --partial 401
	rk3k registries render helm -c "$WORK/doc.json" | jq 'del(.repositories[].caFile)' >h/repositories.yaml
	run mine repo update cert-manager
	assert_output --partial 'unknown authority'
	# A repository without login under a CA that is given for its host, and is no CA of the system's.
	rk3k registries render helm --ca "$CHART_PUBLIC_CA" --set "HELM_REPO_HOSTS=${CHART_HTTP_PUBLIC#https://}" \
		--set "K3K_REPO=$CHART_HTTP_PUBLIC" >h/repositories.yaml
	run -0 jq -c '.repositories[] | select(.name == "k3k") | keys' h/repositories.yaml
	assert_output '["caFile","name","url"]'
	rm -r h/c
	ROOTS=$CHART_CA run -0 mine repo update k3k
	run -0 mine show chart k3k/k3k --version 1.0.2
	jq 'del(.repositories[].caFile)' h/repositories.yaml >h/x && mv h/x h/repositories.yaml
	ROOTS=$CHART_CA run mine repo update k3k
	assert_output --partial 'unknown authority'
}

@test "bundle: the list, from the charts alone" {
	run -0 cat "$WORK/list"
	assert_line "chart $CHART_HTTP_PUBLIC k3k 1.0.2"
	assert_line "chart $CHART_OCI/rancher rancher v2.14.1"
	assert_line 'image docker.io/rancher/k3s:v1.34.7-k3s1'
	assert_line 'image docker.io/rancher/rancher:v2.14.1'
	assert_line 'image quay.io/jetstack/cert-manager-webhook:v1.18.5'
}

@test "bundle: saves and pushes everything, and registries check finds it" {
	local image images
	run -0 --separate-stderr rk3k bundle -q -c "$WORK/doc.json" --from "$OPEN" --save "$PWD/b.tar"
	assert_output --regexp '^saved [0-9]+ images and 3 charts'
	mkdir layout
	tar -C layout -xf b.tar
	mapfile -t images < <(sed -n 's/^image //p' "$WORK/list")
	# On the other side of the gap: a registry without any of it, and the charts to be there, too.
	for image in "${images[@]}"; do
		run -0 bed skopeo inspect "oci:$PWD/layout:$image"
		unpush "$image"
	done
	conf "K3K_REPO=oci://$REGISTRY/air-$$/k3k" "CERTMANAGER_REPO=oci://$REGISTRY/air-$$/cert-manager" \
		"RANCHER_REPO=oci://$REGISTRY/air-$$/rancher"
	DOC=doc.json run -1 --separate-stderr check -o json
	run -0 jq -r '.[] | "\(.kind) \(.state)"' <<<"$output"
	refute_line 'image ok'
	refute_line 'chart ok'
	run -0 --separate-stderr rk3k bundle -q -c doc.json --push "$PWD/b.tar"
	assert_output "pushed ${#images[@]} images to $REGISTRY"
	DOC=doc.json run -0 --separate-stderr check -o json
	run -0 rows "$output"
	# The chart is 2.14.1, the setting v2.14.1: helm takes a tag as it is.
	assert_line "ok chart rancher v2.14.1: oci://$REGISTRY/air-$$/rancher, with credentials"
	assert_equal "$(grep -c '^ok image' <<<"$output")" "${#images[@]}"
	rk3k registries render docker -c doc.json >auth.json
	run -0 bed env HELM_REGISTRY_CONFIG="$PWD/auth.json" helm show chart --ca-file "$CHART_CA" \
		"oci://$REGISTRY/air-$$/rancher" --version v2.14.1
	run -0 --separate-stderr rk3k bundle -q -c doc.json --push "$PWD/b.tar"
}

@test "bundle: a registry that refuses the login is named" {
	run -0 --separate-stderr rk3k bundle -q -c "$WORK/doc.json" --from "$OPEN" --save "$PWD/b"
	conf HELM_REPO_PASS=wrong-password "RANCHER_REPO=$CHART_OCI_PUBLIC/rancher" "CERTMANAGER_REPO=$CHART_HTTP_PUBLIC"
	run -1 rk3k bundle -q -c doc.json --push "$PWD/b"
	assert_output --partial "registry $REGISTRY does not take docker.io/rancher/k3k:v1.0.2"
	refute_output --partial wrong-password
	run -1 rk3k bundle -q -c doc.json --from 10.90.0.99:1 --save "$PWD/c"
	assert_output --partial 'cannot fetch image 10.90.0.99:1/docker.io/rancher/k3k:v1.0.2'
}

# --- on clusters ---

@test "registries: apply, again, diff: on the host and inside" {
	virtual_up reg-1 rancher '{"expose": {"nodePort": {}}, "serverArgs": ["--disable-network-policy"],
		"persistence": {"type": "dynamic", "storageClassName": "local", "storageRequestSize": "1Gi"}}'
	run -1 --separate-stderr rk3k registries diff -c "$WORK/doc.json" reg-1/rancher
	assert_line '+  - --system-default-registry='"$REGISTRY"'/docker.io'
	assert_line --partial '+kind: Secret'
	[[ $output != *"$(<"$CHART_PASSWORD_FILE")"* ]]
	run -0 --separate-stderr rk3k registries apply --dry-run=server -c "$WORK/doc.json" reg-1/rancher
	run -1 --separate-stderr rk3k registries diff -c "$WORK/doc.json" reg-1/rancher
	run -0 --separate-stderr rk3k registries apply -c "$WORK/doc.json" reg-1/rancher
	assert_line 'secret/k3s-registry-config created'
	assert_line 'secret/k3s-registry-ca created'
	assert_line 'cluster.k3k.io/rancher configured'
	assert_line 'secret/helm-repo-auth created'
	assert_line 'secret/helm-oci-auth created'
	assert_line 'configmap/helm-repo-ca created'
	assert_regex "$stderr" 'restart'
	run -0 kubectl get -n reg-1 clusters.k3k.io rancher -o json
	run -0 jq -c '[.spec.mode, .spec.serverArgs, [.spec.secretMounts[].secretName]]' <<<"$output"
	assert_output "[\"virtual\",[\"--disable-network-policy\",\"--system-default-registry=$REGISTRY/docker.io\",\"--disable-default-registry-endpoint\"],[\"k3s-registry-config\",\"k3s-registry-ca\"]]"
	within 60 rk3k registries diff -c "$WORK/doc.json" reg-1/rancher
	run -0 --separate-stderr rk3k registries diff -c "$WORK/doc.json" reg-1/rancher
	assert_equal "$output" ''
	run -0 --separate-stderr rk3k registries apply -c "$WORK/doc.json" reg-1/rancher
	refute_line --regexp '(created|configured)$'
	# Another password differs without being shown.
	run -1 --separate-stderr rk3k registries diff -c "$WORK/doc.json" reg-1/rancher --user "$CHART_USER" --password-file <(printf other-password)
	assert_line --regexp '^\+.*\*\*\* \(after\)'
	[[ $output != *other-password* && $output != *"$(<"$CHART_PASSWORD_FILE")"* ]]
	virtual_down reg-1
}

@test "registries: apply: a cluster without a disk is not restarted unasked" {
	virtual_up reg-2
	run -5 --separate-stderr rk3k registries apply -c "$WORK/doc.json" reg-2/rancher
	assert_regex "$stderr" 'reg-2/rancher.*ephemeral.*--yes-lose-data'
	run -0 kubectl get -n reg-2 clusters.k3k.io rancher -o 'jsonpath={.spec.secretMounts}'
	assert_output ''
	run -0 rk3k registries apply --dry-run=server --yes-lose-data -c "$WORK/doc.json" reg-2/rancher
	virtual_down reg-2
}

@test "registries: diff: trouble is more than a difference" {
	run --separate-stderr rk3k registries diff -c "$WORK/doc.json" --kubeconfig /nowhere
	assert [ "$status" -gt 1 ]
}
