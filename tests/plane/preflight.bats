#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# preflight: what stops a deployment, found on a real host API, real repositories and registries.
# shellcheck disable=SC2016,SC2154 # jq filters; bats sets stderr

bats_require_minimum_version 1.5.0

setup_file() {
	export ENV_DIR=${RK3K_ENV:-$BATS_TEST_DIRNAME/../env}
	# A bed of its own: other files leave the controller behind, and what is found here is what
	# a host without it looks like.
	RK3K_TESTBED=$("$ENV_DIR/up" "$BATS_FILE_TMPDIR/bed" 3>&-)
	export RK3K_TESTBED OWN_BED=yes
	export PKI=$BATS_FILE_TMPDIR/pki
	mkdir "$PKI"
	cd "$PKI" || return
	new_ca ca 90
	new_ca other 90
	new_leaf good 90 rancher.example.test b.example.test
	new_leaf narrow 90 b.example.test
	new_leaf old -1 rancher.example.test
}

teardown_file() {
	# The CRD that a test put there; one of a release stays.
	"$ENV_DIR/exec" "$RK3K_TESTBED" kubectl delete crd \
		-l 'app.kubernetes.io/managed-by!=Helm' --field-selector metadata.name=clusters.k3k.io 3>&- || true
	[[ -z ${OWN_BED:-} ]] || "$ENV_DIR/down" "$RK3K_TESTBED" 3>&-
}

new_ca() { # NAME DAYS
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$2" \
		-keyout "$1.key" -out "$1.pem" -subj "/CN=$1" 2>/dev/null
}

new_leaf() { # NAME DAYS HOST...
	local name=$1 days=$2 san
	shift 2
	san=$(printf ',DNS:%s' "$@")
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" \
		-out "$name.csr" -subj "/CN=$1" 2>/dev/null
	printf 'subjectAltName=%s\n' "${san#,}" >"$name.ext"
	if [ "$days" -gt 0 ]; then
		openssl x509 -req -in "$name.csr" -days "$days" -CA ca.pem -CAkey ca.key \
			-CAcreateserial -extfile "$name.ext" -out "$name.pem" 2>/dev/null
	else
		mkdir -p db
		: >db/index
		printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db/index\nnew_certs_dir=db\nserial=db/serial\npolicy=p\n[p]\ncommonName=supplied\n' >db/cnf
		openssl ca -batch -config db/cnf -create_serial -md sha256 -cert ca.pem -keyfile ca.key \
			-startdate 20200101000000Z -enddate 20200201000000Z -extfile "$name.ext" \
			-in "$name.csr" -out "$name.pem" 2>/dev/null
	fi
}

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	# shellcheck source=/dev/null
	. "$RK3K_TESTBED/env"
	bin=${RK3K_BIN:-$BATS_TEST_DIRNAME/../../build/libexec}
	bin=$(cd "$bin" && pwd)
	unset RK3K_BIN
	export HOME=$BATS_TEST_TMPDIR
	cd "$BATS_TEST_TMPDIR" || return
	ns=pre-$BATS_TEST_NUMBER
	charts=(CERTMANAGER_REPO="$CHART_HTTP_PUBLIC" RANCHER_REPO="$CHART_HTTP_PUBLIC" K3K_REPO="$CHART_HTTP_PUBLIC")
}

teardown() {
	bed kubectl delete ns "$ns" "$ns-other" --ignore-not-found --wait=false >/dev/null 2>&1 || true
}

# Inside the bed; bats' own descriptor stays here.
bed() { "$ENV_DIR/exec" "$RK3K_TESTBED" "$@" 3>&-; }

conf() { # KEY=VALUE...: doc.json; names resolve by a hosts entry in the flag
	printf '%s\n' HOSTNAME=rancher.example.test "NAMESPACE=$ns" "${charts[@]}" "$@" >deploy.conf
	chmod 600 deploy.conf
	"$bin/rk3k-config" -c deploy.conf --no-prompt >doc.json 2>config.err
}

private() { # conf with the private hosts' credentials
	printf -v password "'%s'" "$(<"$CHART_PASSWORD_FILE")"
	conf "HELM_REPO_USER=$CHART_USER" "HELM_REPO_PASS=$password" "PRIVATE_CA_PATH=$CHART_CA" "$@"
}

preflight() { bed "$bin/rk3k-preflight" -c doc.json --resolve rancher.example.test:443:10.90.0.1 "$@"; }

# The rows of a check as "RESULT DETAIL" lines.
checked() { # CHECK [FLAG...]
	local check=$1
	shift
	preflight -o json "$@" >report.json 2>/dev/null || [ $? -eq 1 ]
	jq -r --arg c "$check" '.checks[] | select(.check == $c) | .result + " " + .detail' report.json
}

@test "preflight: everything in order is exit 0" {
	conf
	run -0 --separate-stderr preflight
	assert_line --regexp '^CHECK +RESULT +DETAIL$'
	assert_line --regexp '^api +ok +.*https://10.90.0.1:6443, Kubernetes v1\.'
	assert_line --regexp '^charts +ok +rancher v2.14.1 from '
	assert_line --regexp '^dns +ok +rancher.example.test is 10.90.0.1'
	refute_line --regexp ' failed '
}

@test "preflight: changes nothing: only reads and access reviews reach the API" {
	conf
	audit=$RK3K_TESTBED/host/log/audit.json
	before=$(wc -l <"$audit")
	run -0 preflight
	run -0 jq -r 'select(.userAgent // "" | startswith("rk3k")) | .verb + " " + .objectRef.resource' \
		<(tail -n "+$((before + 1))" "$audit")
	refute_line --regexp '^(patch|update|delete)'
	assert_equal "$(grep '^create' <<<"$output" | sort -u)" 'create selfsubjectaccessreviews'
}

@test "preflight: -o json counts, names and -o name lists what failed" {
	conf STORAGE_CLASS=nope INGRESS_CLASS=nope
	run -1 --separate-stderr preflight -o json
	assert_equal "$(jq -c '[.ok, .failed]' <<<"$output")" '[false,2]'
	assert_regex "$stderr" '2 checks failed; nothing was changed'
	run -1 --separate-stderr preflight -o name
	assert_output $'storage\ningress'
}

@test "preflight: storage class: named, missing, default" {
	conf STORAGE_CLASS=nope
	run -0 checked storage
	assert_output --regexp '^failed no storage class nope; there is .*harvester-longhorn'
	conf STORAGE_CLASS=
	run -0 checked storage
	assert_output --regexp '^ok local \(the default\)'
	conf STORAGE_TYPE=ephemeral STORAGE_CLASS=nope
	run -0 checked storage
	assert_output --regexp '^warning ephemeral'
}

@test "preflight: ingress class missing; passthrough required" {
	conf INGRESS_CLASS=nope
	run -0 checked ingress
	assert_output 'failed no ingress class nope; there is nginx'
	conf K3K_API_HOSTNAME=api.example.test
	run -0 checked passthrough
	assert_output --regexp '^warning .*--enable-ssl-passthrough'
}

@test "preflight: networks of the host are found" {
	conf SERVICE_CIDR=10.96.128.0/20
	run -0 checked networks
	assert_output --regexp 'failed SERVICE_CIDR 10.96.128.0/20 overlaps with the services of the host, 10.96.0.0/16'
	conf CLUSTER_CIDR=10.88.0.0/13 SERVICE_CIDR=10.43.0.0/16
	run -0 checked networks
	assert_output --partial 'CLUSTER_CIDR 10.88.0.0/13 overlaps with the address of node'
}

@test "preflight: networks of a family that the host's nodes have no address of" {
	conf CLUSTER_CIDR=10.42.0.0/16,fd00:42::/56 SERVICE_CIDR=10.43.0.0/16,fd00:43::/112
	run -0 checked networks
	assert_output 'failed CLUSTER_CIDR 10.42.0.0/16,fd00:42::/56 and SERVICE_CIDR 10.43.0.0/16,fd00:43::/112 need IPv6, and no node of the host cluster has an IPv6 address: k3s would not start'
	conf CLUSTER_CIDR=fd00:42::/56 SERVICE_CIDR=fd00:43::/112
	run -0 checked networks
	assert_output --partial 'need IPv6'
}

@test "preflight: three servers on one node are a warning" {
	conf SERVER_COUNT=3
	run -0 checked nodes
	assert_output --regexp '^warning 1 of 1 nodes can take servers; 3 servers will share them'
}

@test "preflight: missing rights are listed by verb, resource and place" {
	conf
	bed kubectl create ns "$ns"
	bed kubectl -n "$ns" create role r --verb='*' --resource=secrets,services
	bed kubectl -n "$ns" create rolebinding r --role=r --user=jane
	run -0 checked rights --as jane
	assert_output --regexp "^failed not allowed: .*create clusters in $ns"
	assert_output --partial 'create customresourcedefinitions'
	refute_output --partial "secrets in $ns"
	# What could not be looked at is said, not passed.
	run -0 checked nodes --as jane
	assert_output --regexp '^warning could not be determined: '
}

@test "preflight: no API, wrong context, refused connection" {
	conf
	run -1 --separate-stderr preflight --context nope -o json
	assert_equal "$(jq -r '.checks[] | select(.check == "api").result' <<<"$output")" failed
	run -1 --separate-stderr preflight --server https://10.90.0.1:1 -o json
	assert_regex "$(jq -r '.checks[] | select(.check == "api").detail' <<<"$output")" '10.90.0.1:1'
	run -1 --separate-stderr preflight --kubeconfig /nonexistent
}

@test "preflight: the virtual cluster's own context is refused" {
	conf
	bed kubectl create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"k3k-rancher-server-0"}}'
	run -0 checked api
	bed kubectl delete node k3k-rancher-server-0
	if bed kubectl get crd clusters.k3k.io; then
		assert_output --regexp '^ok ' # what serves k3k is a host, whatever its nodes are called
	else
		assert_output --regexp '^failed .*is a virtual cluster, not its host; give the host'
	fi
}

# --- charts and registry ---

@test "preflight: charts: a missing chart or version" {
	conf RANCHER_VERSION=v9.9.9
	run -0 checked charts
	assert_line "failed $CHART_HTTP_PUBLIC has chart rancher, but not version v9.9.9"
	conf "RANCHER_REPO=$CHART_HTTP_PUBLIC/nowhere"
	run -0 checked charts
	assert_line "failed $CHART_HTTP_PUBLIC/nowhere/index.yaml: not found"
}

@test "preflight: charts: private HTTP with the right credentials and CA" {
	private "HELM_REPO_HOSTS=${CHART_HTTP_PRIVATE#https://}" "RANCHER_REPO=$CHART_HTTP_PRIVATE" "CERTMANAGER_REPO=$CHART_HTTP_PRIVATE"
	run -0 checked charts
	assert_line "ok rancher v2.14.1 from $CHART_HTTP_PRIVATE, with credentials"
	assert_line "ok cert-manager v1.18.5 from $CHART_HTTP_PRIVATE, with credentials"
	assert_line "ok k3k 1.0.2 from $CHART_HTTP_PUBLIC"
}

@test "preflight: charts: credentials go to the named host and to no other" {
	before=$(wc -l <"$CHART_ACCESS_LOG")
	private "HELM_REPO_HOSTS=${CHART_HTTP_PRIVATE#https://}" "RANCHER_REPO=$CHART_HTTP_PRIVATE"
	run -0 checked charts
	sleep 0.2
	run -0 jq -r 'select(.agent | startswith("rk3k")) | .server + " " + .authorization' \
		<(tail -n "+$((before + 1))" "$CHART_ACCESS_LOG")
	assert_line --regexp "^${CHART_HTTP_PRIVATE#https://} "
	refute_line "${CHART_HTTP_PRIVATE#https://} absent"
	assert_line "${CHART_HTTP_PUBLIC#https://} absent"
	refute_line --regexp "^${CHART_HTTP_PUBLIC#https://} [^a]"
}

@test "preflight: charts: no credentials, wrong credentials, no CA: each in its words" {
	conf "PRIVATE_CA_PATH=$CHART_CA" "HELM_REPO_HOSTS=${CHART_HTTP_PRIVATE#https://}" "RANCHER_REPO=$CHART_HTTP_PRIVATE"
	run -0 checked charts
	assert_line --partial "failed $CHART_HTTP_PRIVATE/index.yaml: credentials required; set HELM_REPO_USER and HELM_REPO_PASS"
	conf "PRIVATE_CA_PATH=$CHART_CA" "HELM_REPO_HOSTS=${CHART_HTTP_PRIVATE#https://}" "RANCHER_REPO=$CHART_HTTP_PRIVATE" \
		"HELM_REPO_USER=$CHART_USER" HELM_REPO_PASS=wrong-password
	run -0 checked charts
	assert_line "failed $CHART_HTTP_PRIVATE/index.yaml: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
	refute_output --partial wrong-password
	conf "HELM_REPO_HOSTS=${CHART_HTTP_PRIVATE#https://}" "RANCHER_REPO=$CHART_HTTP_PRIVATE"
	run -0 checked charts
	assert_line --regexp '^failed .*see PRIVATE_CA_PATH'
}

@test "preflight: charts: OCI, private and public" {
	host=${CHART_OCI#oci://}
	private "PRIVATE_REGISTRY=${host%%/*}" "RANCHER_REPO=$CHART_OCI/rancher" "CERTMANAGER_REPO=$CHART_OCI_PUBLIC/cert-manager"
	run -0 checked charts
	assert_line --regexp '^ok rancher .*, with credentials$'
	assert_line "ok cert-manager v1.18.5 from $CHART_OCI_PUBLIC/cert-manager"
	run -0 checked registry
	assert_line "ok ${host%%/*} is accessible"
	assert_line --regexp "^warning ${host%%/*} has no .*/rancher/k3s:[^ ]*: the servers start only if "
	private "PRIVATE_REGISTRY=${host%%/*}" "RANCHER_REPO=$CHART_OCI/rancher" RANCHER_VERSION=v9.9.9
	run -0 checked charts
	assert_line "failed ${host%%/*}/charts/rancher:v9.9.9: not found"
}

@test "preflight: registry: wrong password, no CA" {
	host=${CHART_OCI#oci://}
	conf "PRIVATE_REGISTRY=${host%%/*}" "PRIVATE_CA_PATH=$CHART_CA" "HELM_REPO_USER=$CHART_USER" HELM_REPO_PASS=wrong-password
	run -0 checked registry
	assert_output "failed registry ${host%%/*}: the server rejected the credentials; see HELM_REPO_USER and HELM_REPO_PASS"
	conf "PRIVATE_REGISTRY=${host%%/*}" "HELM_REPO_USER=$CHART_USER" HELM_REPO_PASS=wrong-password
	run -0 checked registry
	assert_output --regexp '^failed .*see PRIVATE_CA_PATH'
}

@test "preflight: registry: what would still come from a public one" {
	host=${CHART_OCI#oci://}
	echo docker.io >mirrors
	conf "PRIVATE_REGISTRY=${host%%/*}" MIRROR_REGISTRIES_FILE=mirrors
	run -0 checked registry
	assert_line "warning no mirror is for quay.io: cert-manager's images would come from there; add it to MIRROR_REGISTRIES_FILE"
	echo quay.io >>mirrors
	run -0 checked registry
	refute_output --partial 'no mirror'
}

@test "preflight: registry: without a private one, one request to Docker Hub" {
	conf K3S_VERSION=v1.34.7-k3s1
	run -0 checked registry
	assert_output --regexp '^warning could not be determined: whether docker.io has rancher/k3s:v1.34.7-k3s1: .*registry-1.docker.io'
	hub=(--resolve registry-1.docker.io:443:10.90.0.23)
	before=$(wc -l <"$CHART_ACCESS_LOG")
	run -0 checked registry "${hub[@]}"
	assert_output 'failed docker.io has no rancher/k3s:v1.34.7-k3s1: check K3S_VERSION'
	run -0 jq -r '[.method, .uri] | join(" ")' <(tail -n "+$((before + 1))" "$CHART_ACCESS_LOG" | grep k3s)
	assert_output 'HEAD /v2/rancher/k3s/manifests/v1.34.7-k3s1'
	tar -cf layer.tar -T /dev/null
	jq -n --arg user "$CHART_USER" --rawfile word "$CHART_PASSWORD_FILE" --arg host "${CHART_OCI#oci://}" \
		'{auths: {($host | split("/")[0]): {auth: ("\($user):\($word | rtrimstr("\n"))" | @base64)}}}' >config.json
	host=${CHART_OCI#oci://} # over the same storage
	bed env DOCKER_CONFIG="$PWD" SSL_CERT_FILE="$CHART_CA" crane append --oci-empty-base -f layer.tar \
		-t "${host%%/*}/rancher/k3s:v1.34.7-k3s1" >/dev/null
	run -0 checked registry "${hub[@]}"
	assert_output 'ok docker.io has rancher/k3s:v1.34.7-k3s1'
}

# --- certificates ---

@test "preflight: certificates: fitting, foreign key, expired, too few names" {
	conf "TLS_CERT_PATH=$PKI/good.pem" "TLS_KEY_PATH=$PKI/good.key" "CA_ROOT_PATH=$PKI/ca.pem"
	run -0 checked certificates
	assert_line 'ok TLS_CERT_PATH fits its key and covers every name'
	conf "TLS_CERT_PATH=$PKI/good.pem" "TLS_KEY_PATH=$PKI/narrow.key"
	run -0 checked certificates
	assert_output --regexp '^failed TLS_CERT_PATH: .*does not belong'
	conf "TLS_CERT_PATH=$PKI/old.pem" "TLS_KEY_PATH=$PKI/old.key"
	run -0 checked certificates
	assert_output --regexp 'failed TLS_CERT_PATH: expired on 2020-02-01'
	conf "TLS_CERT_PATH=$PKI/narrow.pem" "TLS_KEY_PATH=$PKI/narrow.key"
	run -0 checked certificates
	assert_output --regexp 'failed TLS_CERT_PATH: .*rancher.example.test'
	conf "TLS_CERT_PATH=$PKI/good.pem" "TLS_KEY_PATH=$PKI/good.key" "CA_ROOT_PATH=$PKI/other.pem"
	run -0 checked certificates
	assert_output --regexp 'failed CA_ROOT_PATH does not verify TLS_CERT_PATH'
}

@test "preflight: certificates: a CA pair: fitting, no CA, foreign key, foreign root" {
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key"
	run -0 checked certificates
	assert_line --regexp "^ok CN=ca signs Rancher's certificate"
	conf "CA_CERT_PATH=$PKI/good.pem" "CA_KEY_PATH=$PKI/good.key"
	run -0 checked certificates
	assert_output --regexp 'failed CA_CERT_PATH: .*is not a CA certificate'
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/other.key"
	run -0 checked certificates
	assert_output --regexp 'failed CA_KEY_PATH: .*does not belong'
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key" "CA_ROOT_PATH=$PKI/other.pem"
	run -0 checked certificates
	assert_output --regexp 'failed CA_ROOT_PATH: agents could not verify'
}

@test "preflight: versions: a k3s that Rancher's chart refuses" {
	conf RANCHER_VERSION=v2.12.0
	run -0 checked versions
	assert_output 'failed Rancher v2.12.0 requires a Kubernetes below 1.34, and K3S_VERSION is v1.34.7-k3s1'
}

# --- what is there already ---

@test "preflight: objects of others are in the way, those of old scripts are not" {
	conf
	bed kubectl create ns "$ns"
	bed kubectl -n "$ns" create service clusterip rancher-k3k-traefik --tcp=80
	run -0 checked existing
	assert_output --regexp '^warning [0-9]+ objects under our names were created by others and will be taken over'
	bed kubectl -n "$ns" label service rancher-k3k-traefik app.kubernetes.io/managed-by=Helm
	run -0 checked existing
	assert_output "failed Service $ns/rancher-k3k-traefik belongs to Helm"
}

@test "preflight: a host name that another Ingress routes already" {
	conf
	bed kubectl create ns "$ns-other"
	bed kubectl -n "$ns-other" create ingress web --class=none --rule='rancher.example.test/*=web:80'
	run -0 checked existing
	assert_line "failed Ingress $ns-other/web routes rancher.example.test already"
}

@test "preflight: the existing Cluster: names immutable fields and restarts" {
	if ! bed kubectl get crd clusters.k3k.io; then
		bed kubectl apply -f "$ENV_DIR/charts/k3k/templates/crds/k3k.io_clusters.yaml"
		bed kubectl wait --for=condition=Established crd/clusters.k3k.io
		conf
		run -0 checked controller
		assert_line --regexp '^failed CRD clusters.k3k.io exists, but not of release k3k-system/k3k'
	fi
	bed kubectl create ns "$ns"
	conf
	"$bin/rk3k-render" cluster -c doc.json | bed kubectl apply -f -
	run -0 checked cluster
	assert_output --regexp "^ok $ns/rancher exists"
	conf PVC_SIZE=100Gi CLUSTER_CIDR=10.60.0.0/16 SERVICE_CIDR=10.61.0.0/16 STORAGE_CLASS=local SERVER_COUNT=3 K3S_VERSION=v1.35.0-k3s1
	run -0 checked cluster
	assert_line 'failed PVC_SIZE cannot be changed: spec.persistence.storageRequestSize is 50Gi, the configuration has 100Gi'
	assert_line 'failed CLUSTER_CIDR cannot be changed: spec.clusterCIDR is 10.42.0.0/16, the configuration has 10.60.0.0/16'
	assert_line 'failed SERVICE_CIDR cannot be changed: spec.serviceCIDR is 10.43.0.0/16, the configuration has 10.61.0.0/16'
	assert_line 'failed STORAGE_CLASS cannot be changed: spec.persistence.storageClassName is harvester-longhorn, the configuration has local'
	assert_line 'warning servers 1 to 3: the servers restart, and new members join etcd'
	assert_line 'warning k3s v1.34.7-k3s1 becomes v1.35.0-k3s1: the servers restart one by one'
	conf K3S_VERSION=v1.33.1-k3s1
	run -0 checked cluster
	assert_output 'failed k3s cannot go back from v1.34.7-k3s1 to v1.33.1-k3s1'
}

@test "preflight: a version change on ephemeral storage is refused unless accepted" {
	bed kubectl create ns "$ns"
	conf STORAGE_TYPE=ephemeral
	"$bin/rk3k-render" cluster -c doc.json | bed kubectl apply -f -
	conf STORAGE_TYPE=ephemeral K3S_VERSION=v1.35.0-k3s1
	run -0 checked cluster
	assert_output --regexp '^failed .*wipes the virtual cluster.*--yes-lose-data'
	run -0 checked cluster --yes-lose-data
	assert_output --regexp '^warning .*wipes the virtual cluster'
}

@test "preflight: a second controller elsewhere would fight" {
	conf
	bed kubectl create ns "$ns-other"
	bed kubectl -n "$ns-other" create deployment k3k --image=rancher/k3k:v1.0.2 --replicas=0
	bed kubectl -n "$ns-other" label deployment k3k app.kubernetes.io/name=k3k
	run -0 checked controller
	assert_line --regexp "^failed a k3k controller runs in namespace $ns-other already"
	conf "K3K_NAMESPACE=$ns-other"
	run -0 checked controller
	assert_output 'ok k3k v1.0.2 is installed'
	conf "K3K_NAMESPACE=$ns-other" K3K_VERSION=1.1.0
	run -0 checked controller
	assert_output --partial 'k3k v1.0.2 becomes 1.1.0'
}

@test "preflight: helm is missed by name" {
	conf
	HELM_BIN=no-such-helm run -0 checked programs
	assert_output --regexp '^failed helm is not on PATH'
}
