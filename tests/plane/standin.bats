#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# standin.bats - the stand-ins keep k3k's contract, seen with kubectl, helm, curl and openssl alone.
# The tests build on each other: one virtual cluster is made, filled, disturbed and deleted.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0

setup_file() {
	export ENV_DIR=$BATS_TEST_DIRNAME/../env
	# A bed of its own: these tests take the controller away.
	RK3K_TESTBED=$("$ENV_DIR/up" "$BATS_FILE_TMPDIR/bed" 3>&-)
	export RK3K_TESTBED
	export NS=standin-k3k HOST=rancher.example.test T=$BATS_FILE_TMPDIR
	export INNER=$T/inner.kubeconfig
	export HELM_CONFIG_HOME=$T/helm HELM_CACHE_HOME=$T/helm HELM_DATA_HOME=$T/helm
}

teardown_file() {
	"$ENV_DIR/down" "$RK3K_TESTBED" 3>&-
}

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	# shellcheck source=/dev/null
	. "$RK3K_TESTBED/env"
}

# Inside the bed; bats' own descriptor stays here.
bed() { "$ENV_DIR/exec" "$RK3K_TESTBED" "$@" 3>&-; }

host() { bed kubectl -n "$NS" "$@"; }

inner() { bed kubectl --kubeconfig "$INNER" "$@"; }

secret_key() { host get secret "$1" -o json | jq -r --arg k "$2" '.data[$k] | @base64d'; }

# within SECONDS CMD...: until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "never: $*" >&2 && return 1; }
		sleep 0.2
	done
}

cluster() {
	cat <<-END
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: $1, namespace: $NS}
		spec: $2
	END
}

phase_is() { [[ $(host get clusters.k3k.io "$1" -o jsonpath='{.status.phase}') == "$2" ]]; }

nothing_left() {
	local left
	left=$(host get clusters.k3k.io,sts,pods,pvc,ingress -o name)
	[[ -z $left ]] && ! host get svc,secrets -o name | grep -q k3k-
}

@test "k3k-standin: names, ports, mounts and URLs are those of the real controller" {
	cd "$ENV_DIR/standin"
	# shellcheck source=tests/env/lib.bash
	. ../lib.bash
	run -0 env -u SSL_CERT_FILE -u SSL_CERT_DIR GOTOOLCHAIN=local "$(tb_go)" test ./...
}

@test "k3k-standin: the chart from the public repository brings the controller" {
	run -0 bed helm install k3k k3k --repo "$CHART_HTTP_PUBLIC" --version 1.0.2 \
		-n k3k-system --create-namespace --wait --timeout 60s
	run -0 bed kubectl -n k3k-system get deploy k3k -o json
	assert_equal "$(jq -r '.status.availableReplicas' <<<"$output")" 1
	assert_equal "$(jq -r '.metadata.labels["app.kubernetes.io/name"]' <<<"$output")" k3k
	run -0 bed kubectl get crd clusters.k3k.io -o json
	assert_equal "$(jq -r '.metadata.annotations["helm.sh/resource-policy"]' <<<"$output")" keep
}

@test "k3k-standin: a Cluster passes through Failed and becomes Ready" {
	bed kubectl create namespace "$NS"
	cluster rancher '{mode: virtual, expose: {nodePort: {}}, serverArgs: [--disable-network-policy]}' | host apply -f -
	within 60 phase_is rancher Ready
	run -0 host get events -o json --field-selector involvedObject.kind=Cluster
	assert_equal "$(jq -r '.items[].reason' <<<"$output" | sort | xargs)" "Provisioned ProvisioningFailed"
	assert_equal "$(jq -r '.items[] | select(.type == "Warning").message' <<<"$output")" 'Secret "k3k-rancher-kubeconfig" not found'
}

@test "k3k-standin: objects, labels, owners and finalizers are k3k's" {
	run -0 host get clusters.k3k.io rancher -o json
	assert_equal "$(jq -r '.metadata.finalizers[]' <<<"$output")" cluster.k3k.io/finalizer
	assert_equal "$(jq -rc '.spec.persistence' <<<"$output")" '{"storageRequestSize":"2G","type":"dynamic"}'
	assert_equal "$(jq -r '.status | .hostVersion, .clusterCIDR, .serviceCIDR' <<<"$output" | xargs)" \
		"v1.34.1 10.52.0.0/16 10.53.0.0/16"
	assert_equal "$(jq -r '.status.conditions[] | .type, .status, .reason' <<<"$output" | xargs)" "Ready True Provisioned"
	local ip
	ip=$(host get svc k3k-rancher-service -o jsonpath='{.spec.clusterIP}')
	assert_equal "$(jq -rc '.status.tlsSANs' <<<"$output")" \
		"[\"$ip\",\"k3k-rancher-service\",\"k3k-rancher-service.$NS\"]"

	run -0 host get sts k3k-rancher-server -o json
	assert_equal "$(jq -rc '.metadata | .labels, .finalizers' <<<"$output" | xargs -d'\n')" \
		'{"cluster":"rancher","role":"server"} ["etcdpod.k3k.io/finalizer"]'
	run -0 host get pod k3k-rancher-server-0 -o json
	assert_equal "$(jq -rc '.metadata.finalizers' <<<"$output")" '["etcdpod.k3k.io/finalizer"]'
	assert_equal "$(jq -r '.spec.containers[0].image' <<<"$output")" rancher/k3s:v1.34.1-k3s1

	run -0 host get svc k3k-rancher-service -o json
	assert_equal "$(jq -rc '[.spec.ports[] | [.name, .port, .targetPort]]' <<<"$output")" \
		'[["k3s-server-port",443,6443],["k3s-etcd-port",2379,2379]]'
	run -0 host get svc,sts,secrets -o json
	assert_equal "$(jq -r '[.items[] | select(.metadata.name | startswith("k3k-")) |
		.metadata.ownerReferences[0] | "\(.kind)/\(.name) \(.controller)"] | unique[]' <<<"$output")" "Cluster/rancher true"
	run -0 host get pvc varlibrancherk3s-k3k-rancher-server-0 -o json
	assert_equal "$(jq -r '.metadata.ownerReferences[0].kind' <<<"$output")" Cluster
}

@test "k3k-standin: each reconcile issues a new certificate, old ones remain valid" {
	secret_key k3k-rancher-kubeconfig kubeconfig.yaml >"$INNER"
	run -0 inner config view -o json
	local ip
	ip=$(host get svc k3k-rancher-service -o jsonpath='{.spec.clusterIP}')
	assert_equal "$(jq -r '.clusters[0].name, .users[0].name, .contexts[0].name, ."current-context"' <<<"$output" | uniq)" default
	assert_equal "$(jq -r '.clusters[0].cluster.server' <<<"$output")" "https://$ip"
	host patch clusters.k3k.io rancher --type=merge -p '{"metadata":{"annotations":{"touched":"1"}}}'
	changed() { [[ $(secret_key k3k-rancher-kubeconfig kubeconfig.yaml) != "$(<"$INNER")" ]]; }
	within 20 changed
	run -0 inner auth whoami -o json
	assert_equal "$(jq -rc '.status.userInfo | .username, .groups[0]' <<<"$output" | xargs)" "system:admin system:masters"
}

@test "k3k-standin: the API's certificate has the Service's name, not the node's" {
	local port
	port=$(host get svc k3k-rancher-service -o jsonpath='{.spec.ports[?(@.name=="k3s-server-port")].nodePort}')
	run -1 inner --server "https://$HOST_ADDRESS:$port" get --raw /readyz
	assert_output --partial "not $HOST_ADDRESS"
	run -0 inner --server "https://$HOST_ADDRESS:$port" --tls-server-name k3k-rancher-service get --raw /readyz
	assert_output ok
}

@test "k3k-standin: the bootstrap Secret's client CA signs clients" {
	local boot ca
	boot=$(secret_key k3k-rancher-bootstrap bootstrap)
	for ca in server client; do
		jq -r ".${ca}CA.Content" <<<"$boot" >"$T/$ca.crt"
		jq -r ".${ca}CAKey.Content" <<<"$boot" >"$T/$ca.key"
		openssl ecparam -name prime256v1 -genkey -noout -out "$T/me.key"
		openssl req -x509 -new -key "$T/me.key" -subj /O=system:masters/CN=me -CA "$T/$ca.crt" -CAkey "$T/$ca.key" \
			-addext extendedKeyUsage=clientAuth -days 1 -out "$T/me-$ca.crt"
		mv "$T/me.key" "$T/me-$ca.key"
	done
	local url
	url=$(inner config view -o jsonpath='{.clusters[0].cluster.server}')
	whoami_by() {
		bed curl -sS -o /dev/null -w '%{http_code}' --cacert "$T/server.crt" \
			--cert "$T/me-$1.crt" --key "$T/me-$1.key" "$url/api/v1/namespaces"
	}
	run -0 whoami_by client
	assert_output 200
	run -0 whoami_by server
	assert_output 401
}

@test "k3k-standin: mode, ranges and the size of the volume cannot be changed" {
	local patch
	for patch in '{"mode":"shared"}' '{"persistence":{"storageRequestSize":"2000M"}}'; do
		run -1 host patch clusters.k3k.io rancher --type=merge -p "{\"spec\":$patch}"
		assert_output --partial "is immutable"
	done
	host patch clusters.k3k.io rancher --type=merge -p '{"spec":{"serviceCIDR":"10.53.0.0/16"}}'
	run -1 host patch clusters.k3k.io rancher --type=merge -p '{"spec":{"serviceCIDR":"10.54.0.0/16"}}'
	assert_output --partial "serviceCIDR is immutable"
}

helm_charts() {
	cat <<-END
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: cert-manager, namespace: kube-system}
		spec:
		  targetNamespace: cert-manager
		  createNamespace: true
		  repo: $CHART_HTTP_PRIVATE
		  chart: cert-manager
		  version: v1.18.5
		  authSecret: {name: helm-repo-auth}
		  repoCAConfigMap: {name: helm-repo-ca}
		  set: {crds.enabled: "true"}
		---
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: rancher, namespace: kube-system}
		spec:
		  targetNamespace: cattle-system
		  createNamespace: true
		  chart: $CHART_OCI/rancher
		  version: 2.14.1
		  dockerRegistrySecret: {name: helm-oci-auth}
		  repoCAConfigMap: {name: helm-repo-ca}
		  set: {hostname: $HOST, replicas: 1, ingress.tls.source: rancher, ingress.ingressClassName: traefik}
	END
}

@test "charts: cert-manager over HTTPS and Rancher over OCI serve /ping" {
	local oci=${CHART_OCI#oci://}
	inner -n kube-system create secret generic helm-repo-auth --type=kubernetes.io/basic-auth \
		--from-literal=username="$CHART_USER" --from-file=password="$CHART_PASSWORD_FILE"
	inner -n kube-system create secret docker-registry helm-oci-auth --docker-server="${oci%%/*}" \
		--docker-username="$CHART_USER" --docker-password="$(<"$CHART_PASSWORD_FILE")"
	inner -n kube-system create configmap helm-repo-ca --from-file=ca.crt="$CHART_CA"
	helm_charts | inner apply -f -
	within 120 inner -n cattle-system wait --for=condition=Ready certificate/tls-rancher-ingress --timeout=2s
	run -0 inner -n cattle-system get secret tls-rancher-ingress -o json
	assert_equal "$(jq -rc '.data | keys' <<<"$output")" '["ca.crt","tls.crt","tls.key"]'
	inner -n cattle-system get secret tls-rancher -o json | jq -r '.data["tls.crt"] | @base64d' >"$T/rancher-ca.crt"

	local ip
	ip=$(host get pod k3k-rancher-server-0 -o jsonpath='{.status.podIP}')
	ask() { bed curl -sS --cacert "$T/rancher-ca.crt" --resolve "$HOST:443:$ip" "https://$HOST$1"; }
	within 30 ask /ping
	run -0 ask /ping
	assert_output pong
	run -0 ask /cacerts
	assert_output "$(<"$T/rancher-ca.crt")"
	run -0 ask /rancherversion
	assert_equal "$(jq -r .Version <<<"$output")" v2.14.1
}

@test "charts: an existing bootstrap-secret takes precedence over the chart's value" {
	local password
	run -0 inner -n cattle-system get secret bootstrap-secret -o json
	password=$(jq -r '.data.bootstrapPassword' <<<"$output")
	assert_equal "$(base64 -d <<<"$password" | wc -c)" 54
	inner -n kube-system patch helmchart rancher --type=merge -p '{"spec":{"set":{"bootstrapPassword":"another-password"}}}'
	twice() { inner -n cattle-system get secret sh.helm.release.v1.rancher.v2; }
	within 60 twice
	run -0 inner -n cattle-system get secret bootstrap-secret -o jsonpath='{.data.bootstrapPassword}'
	assert_output "$password"
}

@test "charts: the public repository is trusted as any, and never sees credentials" {
	inner apply -f - <<-END
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: k3k, namespace: kube-system}
		spec: {targetNamespace: default, repo: $CHART_HTTP_PUBLIC, chart: k3k, version: 1.1.0, set: {controller.replicas: 0}}
	END
	within 60 inner -n kube-system wait --for=condition=Complete job/helm-install-k3k --timeout=2s
	run jq -r 'select(.server == "10.90.0.20") | .authorization' "$CHART_ACCESS_LOG"
	assert_equal "$(sort -u <<<"$output")" absent
	run jq -r 'select(.server == "10.90.0.21") | "\(.status) \(.authorization)"' "$CHART_ACCESS_LOG"
	assert_line "200 sent"
}

@test "charts-server: the private repository requires credentials and a separate CA" {
	run -1 bed helm repo add private "$CHART_HTTP_PRIVATE" --ca-file "$CHART_CA"
	assert_output --partial "401 Unauthorized"
	run -1 bed helm repo add private "$CHART_HTTP_PRIVATE" --username "$CHART_USER" --password-stdin <"$CHART_PASSWORD_FILE"
	assert_output --partial "unknown authority"
	run -0 bed helm repo add private "$CHART_HTTP_PRIVATE" --ca-file "$CHART_CA" \
		--username "$CHART_USER" --password-stdin <"$CHART_PASSWORD_FILE"
	run -0 bed helm show chart private/rancher --version v2.14.1
	assert_line "version: 2.14.1"
	run -1 bed helm show chart "$CHART_OCI/rancher" --ca-file "$CHART_CA"
	assert_output --partial "basic credential not found"
}

@test "k3s-standin: a restarted pod keeps its data and its CA" {
	local old
	old=$(host get pod k3k-rancher-server-0 -o jsonpath='{.metadata.uid}')
	host delete pod k3k-rancher-server-0 --wait=false
	phase_is rancher Ready
	renewed() { [[ $(host get pod k3k-rancher-server-0 -o jsonpath='{.metadata.uid}') != "$old" ]]; }
	within 60 renewed
	host wait --for=condition=Ready pod/k3k-rancher-server-0 --timeout=60s
	phase_is rancher Ready
	within 30 inner --request-timeout=2s -n cattle-system get secret tls-rancher-ingress
}

@test "k3s-standin: a server without its API server ends and is restarted" {
	local uid
	uid=$(host get pod k3k-rancher-server-0 -o jsonpath='{.metadata.uid}')
	serves() { host logs k3k-rancher-server-0 | grep -q ' serves '; }
	within 30 serves
	# shellcheck disable=SC2016 # the pod's shell expands it
	host exec k3k-rancher-server-0 -- sh -c 'kill -9 "$(cat /var/lib/rancher/k3s/server/plane/pid/kube-apiserver)"'
	restarted() { [[ $(host get pod k3k-rancher-server-0 -o jsonpath='{.status.containerStatuses[0].restartCount}') == 1 ]]; }
	within 30 restarted
	host wait --for=condition=Ready pod/k3k-rancher-server-0 --timeout=60s
	assert_equal "$(host get pod k3k-rancher-server-0 -o jsonpath='{.metadata.uid}')" "$uid"
	run -0 host logs k3k-rancher-server-0 --previous
	assert_output --partial "kube-apiserver ended: killed"
}

@test "k3s-standin: helm-controller is started again when it ends" {
	local old
	running() { host exec k3k-rancher-server-0 -- pidof helm-controller; }
	within 30 running
	old=$(running)
	host exec k3k-rancher-server-0 -- kill "$old"
	another() { running && [[ $(running) != "$old" ]]; }
	within 30 another
	assert_equal "$(host get pod k3k-rancher-server-0 -o jsonpath='{.status.containerStatuses[0].restartCount}')" 1
}

@test "k3k-standin: a deleted Cluster hangs while the controller is away" {
	bed kubectl -n k3k-system scale deploy k3k --replicas=0
	bed kubectl -n k3k-system wait --for=delete pod -l app.kubernetes.io/name=k3k --timeout=60s
	host delete clusters.k3k.io rancher --wait=false
	sleep 2
	run -0 host get clusters.k3k.io rancher -o json
	assert_equal "$(jq -r '.status.phase, (.metadata.deletionTimestamp != null)' <<<"$output" | xargs)" "Ready true"
	host get pod k3k-rancher-server-0
}

@test "k3k-standin: back again, it lets the Cluster go first, then all that it owns" {
	bed kubectl -n k3k-system scale deploy k3k --replicas=1
	host wait --for=delete clusters.k3k.io/rancher --timeout=60s
	host get pod k3k-rancher-server-0
	within 60 nothing_left
	run -0 bed kubectl get pv -o name
	assert_output ""
}

@test "k3k-standin: without the chart's bindings a Cluster cannot be deleted" {
	cluster stuck '{mode: virtual, persistence: {type: ephemeral}}' | host apply -f -
	within 20 phase_is stuck Provisioning
	bed kubectl get clusterrolebinding k3k-priorityclass -o yaml >"$T/binding"
	bed kubectl delete clusterrolebinding k3k-priorityclass
	host delete clusters.k3k.io stuck --wait=false
	sleep 2
	host get clusters.k3k.io stuck
	bed kubectl create -f "$T/binding"
	within 60 nothing_left
}

@test "k3k-standin: READY_DELAY holds Ready back" {
	bed helm upgrade k3k k3k --repo "$CHART_HTTP_PUBLIC" --version 1.0.2 -n k3k-system --wait --timeout 60s \
		--set 'controller.extraEnv[0].name=READY_DELAY,controller.extraEnv[0].value=3s'
	cluster late '{mode: virtual, persistence: {type: ephemeral}}' | host apply -f -
	within 30 host get pod k3k-late-server-0
	host wait --for=condition=Ready pod/k3k-late-server-0 --timeout=60s
	sleep 1
	phase_is late Provisioning
	within 30 phase_is late Ready
	bed helm upgrade k3k k3k --repo "$CHART_HTTP_PUBLIC" --version 1.0.2 -n k3k-system --wait --timeout 60s
}

@test "k3k-standin: two clusters with the same networks run side by side" {
	cluster second '{mode: virtual, servers: 3, persistence: {type: ephemeral}, tlsSANs: [api.example.test],
		expose: {ingress: {ingressClassName: nginx, annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: "true"}}}}' |
		host apply -f -
	within 60 phase_is second Ready
	host rollout status sts/k3k-second-server --timeout=60s
	secret_key k3k-second-kubeconfig kubeconfig.yaml >"$T/second"
	assert_equal "$(bed kubectl --kubeconfig "$T/second" config view -o jsonpath='{.clusters[0].cluster.server}')" \
		https://api.example.test
	local pod ip
	for pod in 0 2; do
		ip=$(host get pod "k3k-second-server-$pod" -o jsonpath='{.status.podIP}')
		run -0 bed kubectl --kubeconfig "$T/second" --server "https://$ip:6443" --tls-server-name k3k-second-service get nodes -o name
		assert_output node/k3k-second-server-0
	done
	run -0 bed kubectl --kubeconfig "$T/second" --server "https://$HOST_ADDRESS" --tls-server-name api.example.test get nodes -o name
	assert_output node/k3k-second-server-0
	phase_is late Ready
	host delete clusters.k3k.io --all
	within 60 nothing_left
}
