#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What went wrong in the rancher-k3k scripts and is not covered by another file; docs/lessons.md has the
# list of all. No cluster.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BIN=$(cd "${RK3K_BIN:-$TOP/build/libexec}" && pwd)
	unset "${!RK3K_@}" KUBECONFIG || true
	export HOME=$BATS_TEST_TMPDIR/home TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$HOME" "$TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=private CA' \
		-keyout ca.key -out ca.pem 2>/dev/null
	word='correct horse&battery|staple\1'
	harbor=(PRIVATE_REGISTRY=harbor.example.com HELM_REPO_USER=robot "HELM_REPO_PASS='$word'"
		"PRIVATE_CA_PATH=$PWD/ca.pem")
}

conf() { # KEY=VALUE...: deploy.conf, and its document in doc.json
	printf '%s\n' HOSTNAME=rancher.example.com "$@" >deploy.conf
	chmod 600 deploy.conf
	"$BIN/rk3k-config" -c deploy.conf --no-prompt >doc.json
}

objects() { "$BIN/rk3k-render" "$1" -c doc.json -o json; }

# A kubeconfig whose only server is ADDRESS, in the test's home.
kubeconfig() { # ADDRESS [CLUSTER-FIELDS]
	mkdir -p "$HOME/.kube"
	cat >"$HOME/.kube/config" <<-END
		apiVersion: v1
		kind: Config
		current-context: here
		contexts: [{name: here, context: {cluster: here, user: here}}]
		clusters: [{name: here, cluster: {server: "https://$1"${2:-}}}]
		users: [{name: here, user: {token: t}}]
	END
}

@test "render: with a list of mirrors every document is an object" {
	printf '# K3K_MIRRORS\ndocker.io\nquay.io' >mirrors
	conf "${harbor[@]}" MIRROR_REGISTRIES_FILE=mirrors
	run -0 bash -c "'$BIN/rk3k-render' all -c doc.json | python3 -c 'import sys, yaml
for d in yaml.safe_load_all(sys.stdin): print(d[\"apiVersion\"], d[\"kind\"], d[\"metadata\"][\"name\"])'"
	assert_line 'v1 Secret k3s-registry-config'
	assert_line 'k3k.io/v1beta1 Cluster rancher'
}

@test "ingress: every tool has the same names for the objects on the host" {
	local cluster want
	for cluster in rancher blue; do
		conf "CLUSTER=$cluster" NAMESPACE=ns
		want=$(objects ingress | jq -S '[.items[] | del(.metadata.labels)]')
		run -0 bash -c "'$BIN/rk3k-ingress' render ns/$cluster --host rancher.example.com -o json |
			jq -sS '[.[] | del(.metadata.labels)]'"
		assert_output "$want"
		assert_output --partial "\"tls-$cluster-ingress\""
		assert_output --partial "\"$cluster-k3k-ingress\""
	done
}

@test "config: an incomplete source of certificates is refused with what is missing" {
	run -1 conf TLS_SOURCE=letsEncrypt
	assert_output --partial 'ACME_EMAIL: is required with TLS_SOURCE=letsEncrypt'
	run -1 conf TLS_SOURCE=secret
	assert_output --partial TLS_CERT_PATH
	run -1 conf TLS_SOURCE=letsencript
	assert_output --partial 'rancher|letsEncrypt|secret'
}

@test "render: registry: without a list of mirrors, containerd gets CA and login" {
	local registries
	conf "${harbor[@]}"
	registries=$(objects registry | jq -r '.items[] | select(.metadata.name == "k3s-registry-config") |
		.data["registries.yaml"] | @base64d' |
		python3 -c 'import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)')
	assert_equal "$(jq -r '.configs["harbor.example.com"].auth | .username + " " + .password' <<<"$registries")" \
		"robot $word"
	assert_equal "$(jq -r '.configs["harbor.example.com"].tls.ca_file' <<<"$registries")" /etc/rancher/k3s/tls/ca.crt
	assert_equal "$(jq -r '.mirrors | keys | join(" ")' <<<"$registries")" 'docker.io ghcr.io quay.io'
}

@test "render: cluster: the virtual cluster's networks are the configuration's" {
	conf CLUSTER_CIDR=10.50.0.0/16 SERVICE_CIDR=10.51.0.0/16
	run -0 jq -r '.items[] | select(.kind == "Cluster") | .spec | .clusterCIDR + " " + .serviceCIDR' <(objects cluster)
	assert_output '10.50.0.0/16 10.51.0.0/16'
}

# A helm that writes down its arguments, its environment and the logins it is given; and a host to
# install on.
recording_helm() {
	mkdir exec
	ln -s "$BIN"/* exec
	rm exec/rk3k-preflight
	printf '#!/bin/sh\nexec cat >/dev/null\n' >exec/rk3k-preflight
	chmod +x exec/rk3k-preflight
	export RK3K_EXEC_PATH=$PWD/exec
	cat >helm <<-'END'
		#!/usr/bin/env bash
		here=$(dirname "$0")
		printf '%s\n' "$*" >>"$here/argv"
		env >>"$here/environ"
		cat "$HELM_REPOSITORY_CONFIG" >"$here/repositories"
		ca=$(sed -n 's/.*"caFile": *"\([^"]*\)".*/\1/p' "$here/repositories" | head -n 1)
		[[ -z $ca ]] || { echo "$ca" >"$here/ca-file" && cat "$ca" >"$here/seen.pem"; }
		cat "$HELM_REGISTRY_CONFIG" >"$here/registries"
		[[ $1 == list || ! -e $here/die ]] || kill -9 $PPID
		[[ $1 != list ]] || echo '[]'
		for arg; do [[ $last != --kubeconfig ]] || cat "$arg" >"$here/host"; last=$arg; done
	END
	chmod +x helm
	export HELM_BIN=$PWD/helm
	kubeconfig 127.0.0.1:1
}

@test "controller: helm gets password (in a file without a name) and CA as files" {
	recording_helm
	conf "${harbor[@]}" K3K_REPO=https://harbor.example.com/chartrepo/k3k
	run -0 "$BIN/rk3k-controller" install <doc.json
	run -0 jq -r '.repositories[] | select(.name == "k3k") | .url, .username, .password, .caFile' repositories
	assert_output "https://harbor.example.com/chartrepo/k3k
robot
$word
$(<ca-file)"
	assert_equal "$(<seen.pem)" "$(<ca.pem)"
	run -0 cat argv
	assert_line 'repo update k3k'
	assert_line --regexp '^pull k3k/k3k --version '
	run cat argv environ
	refute_output --partial 'correct horse'
	run ls -A "$TMPDIR"
	assert_output ""
	conf "${harbor[@]}" K3K_REPO=oci://harbor.example.com/helm/k3k
	run -0 "$BIN/rk3k-controller" install <doc.json
	run -0 jq -r '.auths["harbor.example.com"].password' registries
	assert_output "$word"
	run -0 cat argv
	assert_line --regexp "^pull oci://harbor.example.com/helm/k3k --version .* --ca-file /.*/certs/ca.crt\$"
}

@test "controller: no login is left behind by SIGKILL" {
	recording_helm
	conf "${harbor[@]}" K3K_REPO=https://harbor.example.com/chartrepo/k3k
	touch die
	run -137 "$BIN/rk3k-controller" install <doc.json
	run -0 jq -r '.repositories[0].password' repositories
	assert_output "$word"
	run -1 grep -rlF "$word" "$TMPDIR" /dev/shm
	assert_output ''
}

@test "controller: what helm says is shown as its words; its reason is in the error" {
	recording_helm
	conf K3K_REPO=https://rancher.github.io/k3k
	cat >>helm <<-'END'
		[[ $1 == upgrade ]] || exit 0
		printf 'W1 \033[31m https://u:topsecret@h/\nError: UPGRADE FAILED: \033]0;x\007 no\n' >&2
		exit 1
	END
	run -1 "$BIN/rk3k-controller" install <doc.json
	assert_line '  helm: W1 ^[[31m https://u:***@h/'
	assert_line --regexp 'could not install chart k3k .*: UPGRADE FAILED: \^\[\]0;x\^G no$'
	refute_output --partial topsecret
}

@test "controller: a public chart repository gets neither login nor CA" {
	recording_helm
	conf "${harbor[@]}" K3K_REPO=https://rancher.github.io/k3k
	run -0 "$BIN/rk3k-controller" install <doc.json
	run -0 jq -c '.repositories[] | select(.name == "k3k")' repositories
	assert_output '{"name":"k3k","url":"https://rancher.github.io/k3k"}'
	run -0 cat argv
	refute_output --partial robot
	refute_output --partial ca.pem
}

@test "controller: helm uses the same host cluster as the tools, by flag or variable" {
	recording_helm
	conf
	cat >other <<-'END'
		current-context: x
		contexts: [{name: x, context: {cluster: x, user: x}}, {name: w, context: {cluster: w, user: x}}]
		clusters: [{name: x, cluster: {server: "https://x"}}, {name: w, cluster: {server: "https://w"}}]
		users: [{name: x, user: {token: t}}]
	END
	host() { # WANT [FLAG...]
		run -0 "$BIN/rk3k-controller" install "${@:2}" <doc.json
		assert_equal "$(python3 -c 'import sys, yaml
d = yaml.safe_load(open("host")); u = d["users"][0]["user"]
print(d["clusters"][0]["cluster"]["server"], u.get("token"), u.get("as"))')" "$1"
	}
	host 'https://127.0.0.1:1 t None'
	host 'https://w t jane' --kubeconfig other --context w --as jane
	export KUBECONFIG=$PWD/other
	RK3K_CONTEXT=w host 'https://w t None'
	RK3K_AS=joe RK3K_SERVER=https://z host 'https://z t joe'
	echo secret >token
	RK3K_TOKEN_FILE=$PWD/token host 'https://x secret None'
	# as the dispatcher leaves it under helm; a flag goes over it
	export HELM_KUBECONTEXT=w RK3K_CONTEXT=w HELM_KUBEINSECURE_SKIP_TLS_VERIFY=true
	host 'https://w t None'
	host 'https://x t None' --context x
	run -1 grep -E '^HELM_KUBE' environ
	run -1 grep -E 'secret|--kube-' argv
}

@test "deploy --print: what is shown of the registries' configuration has no password" {
	conf "${harbor[@]}" BOOTSTRAP_PW=long-enough-password
	run -0 "$BIN/rk3k-deploy" -c deploy.conf --print
	assert_output --partial k3s-registry-config
	refute_output --partial 'correct horse'
	refute_output --partial "$(printf long-enough-password | base64)"
	refute_output --partial long-enough-password
}

@test "rk3k: no flag and no kubeconfig switches verification off" {
	local tool
	kubeconfig 127.0.0.1:1 ', insecure-skip-tls-verify: true'
	for tool in status cert-sync apply delete wait kubeconfig ingress tf-setup; do
		run -2 --separate-stderr "$BIN/rk3k-$tool" --insecure-skip-tls-verify
	done
	for tool in status cert-sync 'kubeconfig get' 'ingress status'; do
		# shellcheck disable=SC2086 # a tool and its verb
		run -5 --separate-stderr "$BIN"/rk3k-$tool
		assert_equal "${#stderr_lines[@]}" 1
		assert_regex "$stderr" 'insecure-skip-tls-verify'
		assert_equal "$output" ""
	done
}

@test "deploy: a failure leaves no file behind and prints no password" {
	local before
	before=$(find /dev/shm -name "rk3k-*")
	kubeconfig 127.0.0.1:1
	conf BOOTSTRAP_PW=long-enough-password
	mv deploy.conf "$HOME"
	run "$BIN/rk3k-deploy" -c "$HOME/deploy.conf" --request-timeout 2s
	assert_regex "$status" '^[14]$'
	assert_output --partial 127.0.0.1:1
	refute_output --partial long-enough-password
	run grep -rl long-enough-password "$BATS_TEST_TMPDIR"
	assert_output "$HOME/deploy.conf"
	assert_equal "$(ls -A "$TMPDIR")" ""
	assert_equal "$(find /dev/shm -name "rk3k-*")" "$before"
}

@test "status: a server that never answers costs the time given, once" {
	local port start
	coproc silent { exec python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)' 3>&-; }
	read -r port <&"${silent[0]}"
	kubeconfig "127.0.0.1:$port"
	start=$SECONDS
	run -4 --separate-stderr "$BIN/rk3k-status" --request-timeout 4s
	((SECONDS - start < 8))
	assert_regex "$stderr" "127.0.0.1:$port"
	kill "$silent_PID"
}

@test "rk3k: a pipe gets no colours, and wrong usage is exit 2 everywhere" {
	local tool
	kubeconfig 127.0.0.1:1
	while IFS=$'\t' read -r tool _; do
		run -2 "$BIN/rk3k-$tool" --no-such-flag
		refute_output --partial $'\e'
	done <"$BIN/tools.list"
	run "$BIN/rk3k-status"
	refute_output --partial $'\e'
	assert_output --partial 'rk3k-status: '
}
