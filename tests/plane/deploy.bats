#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy.bats - from nothing to a served Rancher and back, once undisturbed and once killed after
# every tool call; then what can go wrong. The tests build on each other within a group.
# shellcheck disable=SC2154

load ../helpers

setup_file() {
	export HOST=rancher.example.com CONF=$BATS_FILE_TMPDIR/deploy.conf
	local repo
	repo=$(bed printenv CHART_HTTP_PUBLIC)
	cat >"$CONF" <<-END
		HOSTNAME="$HOST"   # as the rancher-k3k scripts wrote it
		STORAGE_CLASS=local
		PVC_SIZE=1Gi
		K3K_REPO=$repo
		CERTMANAGER_REPO=$repo
		RANCHER_REPO=$repo
		CONFIRM=yes
	END
	# one home for all: deploy merges into its kubeconfig
	export PLANE_HOME=$BATS_FILE_TMPDIR/home
	export PLANE_KUBECONFIG=$PLANE_HOME/.kube/config
	mkdir -p "$PLANE_HOME/.kube"
	cp "$RK3K_TESTBED/host/admin.kubeconfig" "$PLANE_KUBECONFIG"
	chmod 600 "$PLANE_KUBECONFIG"
}

teardown_file() { rk3k destroy -c "$CONF" --yes -q >/dev/null; }

# shellcheck disable=SC2120 # some calls have no arguments of their own
deploy() { rk3k deploy -c "$CONF" --resolve "$HOST:443:10.90.0.1" "$@"; }

destroy() { rk3k destroy -c "$CONF" --yes "$@"; }

on_terminal() { # [ANSWER...] -- rk3k-TOOL ARG...
	local answers=()
	while [[ $1 != -- ]]; do answers+=("$1") && shift; done
	bed env TERM=xterm "$RK3K_TOP/tests/terminal" "${answers[@]}" -- "$RK3K_BIN/$2" "${@:3}"
}

inside() { kubectl --context rancher-k3k "$@"; }

# All that rk3k made, without what differs from one life to the next.
snapshot() {
	{
		kubectl get clusters.k3k.io,services,ingresses,secrets,poddisruptionbudgets -A -o json \
			-l app.kubernetes.io/managed-by=rk3k
		inside get helmcharts,issuers,ingresses,secrets,namespaces -A -o json \
			-l app.kubernetes.io/managed-by=rk3k
	} | jq -S '.items[] | del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp,
		.metadata.managedFields, .metadata.generation, .status, .data, .spec.clusterIP, .spec.clusterIPs)'
}

ping_rancher() {
	inside get secret -n cattle-system tls-rancher -o 'jsonpath={.data.tls\.crt}' | base64 -d >"$BATS_TEST_TMPDIR/ca"
	curl -sS --cacert "$BATS_TEST_TMPDIR/ca" --resolve "$HOST:443:10.90.0.1" "https://$HOST/ping"
}

writes() { audit_requests rk3k | grep -E '^(create|update|patch|delete)' | grep -v -e selfsubjectaccessreviews -e ' leases ' || true; }

# --- from nothing, again, away ---------------------------------------------------

@test "deploy: from nothing to a pong under a verified certificate" {
	run --separate-stderr -0 deploy
	assert_line "cluster.k3k.io/rancher created"
	assert_line "helmchart.helm.cattle.io/rancher created"
	assert_line "ingress.networking.k8s.io/rancher-k3k-ingress created"
	[[ $stderr == *"Rancher answers at https://$HOST"* ]]
	run -0 ping_rancher
	assert_output pong
	snapshot >"$BATS_FILE_TMPDIR/undisturbed"
	assert_file_not_empty "$BATS_FILE_TMPDIR/undisturbed"
}

@test "deploy: again changes nothing and writes nothing" {
	audit_mark
	run --separate-stderr -0 deploy
	refute_output --regexp '(created|configured)'
	sleep 0.5
	run -0 writes
	assert_output ""
}

@test "deploy: again on a terminal says in one line that nothing has to be changed" {
	run -0 on_terminal -- rk3k-deploy -c "$CONF" --resolve "$HOST:443:10.90.0.1"
	assert_line --regexp '^Preflight  ✓ 1[0-9] passed  ! 1 warning$'
	assert_equal "${#lines[@]}" 6
	assert_regex "${lines[5]}" "^✓ nothing to change: rancher-k3k/rancher serves https://$HOST   [0-9]+s\$"
}

@test "deploy: its kubeconfig entry works with kubectl, under a verified certificate" {
	run -0 inside get namespace cattle-system -o name
	assert_output namespace/cattle-system
	run -0 kubectl config view --raw -o json
	assert_equal "$(jq -r '.clusters[] | select(.name == "rancher-k3k") | .cluster["insecure-skip-tls-verify"]' <<<"$output")" null
	assert_equal "$(jq -r '.["current-context"]' <<<"$output")" default
}

@test "deploy, destroy: keep another host's kubeconfig entry of the same name" {
	local mine=$BATS_TEST_TMPDIR/config host=$PLANE_KUBECONFIG name
	rk3k kubeconfig export --context default --name rancher-k3k >"$mine"
	rk3k kubeconfig get rancher --name other | sed 's|host: .*|host: https://b.example|' >"$mine.other"
	PLANE_KUBECONFIG=$mine
	for name in rancher-rancher-k3k-k3k rancher-rancher-k3k-default-k3k; do
		rk3k kubeconfig export --kubeconfig "$host" --context default --name "$name" |
			rk3k kubeconfig merge -q --kubeconfig "$mine" >/dev/null
	done
	cp "$mine" "$mine.before"
	run --separate-stderr -5 deploy --only kubeconfig --kubeconfig "$host"
	[[ $stderr == *'already, with another server'*'no kubeconfig entry was written; set KUBECONFIG_NAME'* ]]
	cmp "$mine" "$mine.before"
	{ cat "$CONF" && echo KUBECONFIG_NAME=free; } >"$mine.conf"
	CONF=$mine.conf run --separate-stderr -0 deploy --only kubeconfig --kubeconfig "$host"
	grep -q 'name: free$' "$mine"
	cp "$mine.other" "$mine"
	run --separate-stderr -0 destroy --only kubeconfig --kubeconfig "$host"
	cmp "$mine" "$mine.other"
}

@test "deploy: the bootstrap password is in its Secret and nowhere else" {
	local word
	word=$(inside get secret -n cattle-system bootstrap-secret -o 'jsonpath={.data.bootstrapPassword}' | base64 -d)
	[[ ${#word} -ge 12 ]]
	run -0 inside get helmcharts,jobs,pods,configmaps -A -o json
	refute_output --partial "$word"
}

@test "deploy: refuses to act on the virtual cluster itself, exit 5" {
	run --separate-stderr -5 deploy --context rancher-k3k
	[[ $stderr == *"virtual cluster"* ]]
	run --separate-stderr -5 destroy --context rancher-k3k
	run -0 kubectl get clusters.k3k.io -n rancher-k3k rancher -o name
}

@test "status: all is well, also as json" {
	run --separate-stderr -0 rk3k status --resolve "$HOST:443:10.90.0.1"
	assert_output --regexp 'chart rancher +done'
	assert_line --regexp "^url +answers +https://$HOST\$"
	assert_line --regexp '^kubeconfig +works +https://10\.90\.0\.1:[0-9]+ \(node port\), until 20[0-9-]+T[0-9:]+Z$'
	assert_line --regexp '^certificate inside +valid +until 20[0-9-]+T[0-9:]+Z, sha256 [0-9a-f]+'
	assert_line --regexp '^certificate on host +valid +until 20[0-9-]+T[0-9:]+Z, sha256 [0-9a-f]+'
	run --separate-stderr -0 rk3k status -o json
	assert_equal "$(jq -c '[.kubeconfig.expires, .certificates.inside.expires, .certificates.host.expires] | map(fromdate > now)' <<<"$output")" '[true,true,true]'
	assert_equal "$(jq -c '[.phase, .certificates.agree, .problems, .rancher.available]' <<<"$output")" '["Ready",true,[],1]'
	run --separate-stderr -0 rk3k status -A
	assert_line --regexp '^rancher-k3k +rancher +virtual +Ready +1/1 '
}

@test "deploy: --from starts at that step, --only is one step" {
	run --separate-stderr -0 deploy --from cert-sync --skip-preflight
	[[ $stderr == *"== cert-sync"*"== ingress"*"== url"* && $stderr != *"== rancher"* && $stderr != *"== controller"* ]]
	run --separate-stderr -0 deploy --only ingress --skip-preflight
	[[ $stderr == *"== ingress"* && $stderr != *"== cert-sync"* && $stderr != *"== kubeconfig"* ]]
}

@test "deploy, destroy: prompt on a terminal, require --yes without one" {
	local tool question
	audit_mark
	for tool in deploy destroy; do
		question="$RK3K_TOP/tests/env/exec $RK3K_TESTBED env HOME=$PLANE_HOME KUBECONFIG=$PLANE_KUBECONFIG RK3K_HOSTNAME=$HOST $RK3K_BIN/rk3k-$tool"
		# shellcheck disable=SC2086 # words of a command
		TERM=xterm run -0 "$RK3K_TOP/tests/terminal" n -- $question
		assert_line --partial "host     default (https://10.90.0.1:6443, Kubernetes v"
		assert_output --partial "rancher-k3k/rancher"
		assert_output --partial "[y/N]"
		assert_output --partial "aborted"
		# shellcheck disable=SC2086 # words of a command
		run --separate-stderr -2 $question </dev/null
		[[ $stderr == *"no terminal to prompt on; use --yes"* ]]
	done
	sleep 0.5
	run -0 writes
	assert_output ""
}

@test "deploy: a Cluster that is just being deleted is waited out" {
	kubectl delete -n rancher-k3k clusters.k3k.io/rancher --wait=false >/dev/null
	run --separate-stderr -0 deploy
	run -0 ping_rancher
	assert_output pong
}

@test "destroy: keeps the controller while another virtual cluster lives" {
	virtual_up other-k3k second
	run --separate-stderr -0 destroy
	[[ $stderr == *"other-k3k second"* ]]
	assert_line --regexp '^virtual cluster rancher-k3k/rancher +deleted'
	run -0 kubectl get deployment -n k3k-system k3k -o name
	run -0 kubectl get clusters.k3k.io -n other-k3k second -o 'jsonpath={.status.phase}'
	assert_output Ready
	virtual_down other-k3k second
}

# Names of all that is on the host, but what passes by itself and the CRDs, which the chart keeps.
host_objects() {
	local kinds
	kinds=$(kubectl api-resources --verbs=list,delete -o name |
		grep -vE '^(events|leases|endpoints|endpointslices|customresourcedefinitions)(\.|$)' | paste -sd ,)
	kubectl get "$kinds" -A -o json | jq -r '.items[] | "\(.kind) \(.metadata.namespace)/\(.metadata.name)"' |
		grep -vE '^(ControllerRevision|ServiceAccount .*/default$|ConfigMap .*/kube-root-ca.crt$)' | sort
}

@test "destroy: restores the host as it was before deploy, and can be run again" {
	run --separate-stderr -0 destroy
	host_objects >"$BATS_TEST_TMPDIR/before"
	cp "$PLANE_KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
	run --separate-stderr -0 deploy
	host_objects >"$BATS_TEST_TMPDIR/between"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/between") -gt $(wc -l <"$BATS_TEST_TMPDIR/before") ]]
	run --separate-stderr -0 destroy
	refute_output --partial "not found"
	diff "$BATS_TEST_TMPDIR/before" <(host_objects)
	diff "$BATS_TEST_TMPDIR/kubeconfig" "$PLANE_KUBECONFIG"
	run --separate-stderr -0 destroy
	run ! kubectl get namespace rancher-k3k
	run ! kubectl get namespace k3k-system
	run -0 kubectl config get-contexts -o name
	refute_output --partial rancher-k3k
	run -0 kubectl get clusterrolebindings -o name
	refute_output --partial k3k
}

# --- killed after every tool call -------------------------------------------------

# A directory of wrappers: each runs its tool, counts, and after call number LIMIT kills deploy.
wrappers() {
	local t dir=$BATS_FILE_TMPDIR/wrap
	mkdir -p "$dir"
	cp "$RK3K_BIN/wrapper.bash" "$dir"
	for t in "$RK3K_BIN"/rk3k-*; do
		# it runs beside the others, for as long as the script that started it
		[[ $t != */rk3k-lease ]] || { ln -sf "$t" "$dir" && continue; }
		cat >"$dir/${t##*/}" <<-END
			#!/usr/bin/env bash
			"$t" "\$@"
			rc=\$?
			exec 8>>"$dir/lock" && flock 8
			n=\$((\$(cat "$dir/count") + 1))
			echo "\$n" >"$dir/count"
			[[ \$n -ne \$(cat "$dir/limit") ]] || kill -KILL "\$(cat "$dir/pid")"
			exit \$rc
		END
		chmod +x "$dir/${t##*/}"
	done
	echo "$dir"
}

# killed_at N: 0 when deploy came through with fewer than N calls.
killed_at() {
	echo 0 >"$WRAP/count"
	echo "$1" >"$WRAP/limit"
	# shellcheck disable=SC2016 # for the inner shell
	bed bash -c 'echo $$ >"$1/pid"; RK3K_EXEC_PATH=$1 exec "$2" "${@:3}"' killed "$WRAP" "$RK3K_BIN/rk3k-deploy" \
		-q -c "$CONF" --resolve "$HOST:443:10.90.0.1" --skip-preflight >"$BATS_TEST_TMPDIR/out" 2>&1
}

@test "deploy: killed after each tool call in turn, it resumes to the same objects" {
	local n rc
	WRAP=$(wrappers)
	for ((n = 1; n < 200; n++)); do
		rc=0
		killed_at "$n" || rc=$?
		[[ $rc -ne 0 ]] || break
		[[ $rc -eq 137 ]] || { cat "$BATS_TEST_TMPDIR/out" && false; }
	done
	((n > 20))
	snapshot >"$BATS_TEST_TMPDIR/resumed"
	diff -u "$BATS_FILE_TMPDIR/undisturbed" "$BATS_TEST_TMPDIR/resumed"
	run -0 ping_rancher
	assert_output pong
	within 10 no_secrets_left
}

# Another deploy on the machine has its own for the blink of an eye.
no_secrets_left() { [[ -z $(find /dev/shm -name 'rk3k-*') ]]; }

# --- changes and faults ------------------------------------------------------------

@test "deploy: a changed version of Rancher is rolled out by a rerun" {
	run --separate-stderr -0 deploy --set RANCHER_VERSION=2.13.2
	assert_line "helmchart.helm.cattle.io/rancher configured"
	run -0 inside get helmchart -n kube-system rancher -o 'jsonpath={.spec.version}'
	assert_output 2.13.2
}

@test "deploy: an immutable field is refused before anything is written, naming it" {
	audit_mark
	run --separate-stderr deploy --set CLUSTER_CIDR=10.46.0.0/16
	[[ $status -eq 1 || $status -eq 5 ]]
	[[ $stderr == *clusterCIDR* || $stderr == *CLUSTER_CIDR* ]]
	run -0 writes
	assert_output ""
}

@test "deploy: the API server is restarted in the middle" {
	destroy -q >/dev/null
	deploy >"$BATS_TEST_TMPDIR/out" 2>&1 &
	local pid=$!
	within 30 kubectl get clusters.k3k.io -n rancher-k3k rancher
	apiserver stop
	sleep 2
	apiserver start
	wait "$pid" || { cat "$BATS_TEST_TMPDIR/out" && false; }
	run -0 ping_rancher
	assert_output pong
}

@test "deploy: Ctrl-C says where it stopped and how to go on" {
	destroy -q >/dev/null
	bed setsid "$RK3K_BIN/rk3k-deploy" -c "$CONF" --resolve "$HOST:443:10.90.0.1" >"$BATS_TEST_TMPDIR/out" 2>&1 &
	local pid=$! group
	within 30 kubectl get clusters.k3k.io -n rancher-k3k rancher
	group=$(pgrep -f "rk3k-deploy -c $CONF" | head -n 1)
	kill -INT -- "-$group"
	run wait "$pid"
	within 5 grep -q 'stopped in step' "$BATS_TEST_TMPDIR/out"
	run --separate-stderr -0 deploy
}

@test "deploy: a chart that cannot be installed is reported with helm's reason" {
	run --separate-stderr -4 deploy --skip-preflight --only rancher --set RANCHER_VERSION=9.9.9 --timeout 15s
	[[ $stderr == *9.9.9* || $stderr == *"not found"* ]]
	run --separate-stderr -0 deploy --only rancher
}

@test "deploy: no such storage class is found before the first change" {
	destroy -q >/dev/null
	run --separate-stderr -1 deploy --set STORAGE_CLASS=nothing
	[[ $stderr == *nothing* ]]
	run ! kubectl get namespace rancher-k3k
	run --separate-stderr -4 deploy --skip-preflight --set STORAGE_CLASS=nothing --timeout 8s
	[[ $stderr == *"StorageClass nothing"* || $stderr == *"storage class nothing"* ]]
	destroy -q >/dev/null
}

@test "deploy: no cluster, a wrong context, no rights: one line and the documented code" {
	run --separate-stderr -3 deploy --context nothing
	[[ $stderr == *nothing* ]]
	kubectl config set-cluster dead --server=https://10.90.0.99:6443 >/dev/null
	kubectl config set-context dead --cluster=dead --user=default >/dev/null
	run --separate-stderr deploy --context dead --request-timeout 2s
	[[ $status -eq 1 || $status -eq 4 ]]
	[[ $stderr == *10.90.0.99* ]]
	run --separate-stderr deploy --as nobody
	[[ $status -eq 1 || $status -eq 5 ]]
	[[ $stderr == *nobody* || $stderr == *permission* || $stderr == *rights* ]]
}

strategy() { inside get deployment -n cattle-system rancher -o 'jsonpath={.spec.strategy.rollingUpdate}'; }

@test "deploy: three servers get budgets and three Rancher pods; one server gets none" {
	run --separate-stderr -0 deploy --set SERVER_COUNT=3
	assert_line "deployment.apps/rancher configured"
	run -0 kubectl get pdb -n rancher-k3k -o 'jsonpath={.items[*].spec.minAvailable}'
	assert_output 2
	run -0 inside get deployment -n cattle-system rancher -o 'jsonpath={.spec.replicas}'
	assert_output 3
	run --separate-stderr -0 rk3k status
	assert_output --regexp 'servers +3/3'
	run -0 strategy
	assert_output '{"maxSurge":1,"maxUnavailable":0}'
	run -0 inside get deployment -n cattle-system rancher -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}'
	assert_output Helm
	audit_mark
	run --separate-stderr -0 deploy --set SERVER_COUNT=3
	assert_line "deployment.apps/rancher unchanged"
	sleep 0.5
	run -0 writes
	assert_output ""
}

# They grow with each change of what is wanted.
generations() {
	kubectl get clusters.k3k.io -n rancher-k3k rancher -o 'jsonpath={.metadata.generation}'
	inside get helmchart -n kube-system rancher -o 'jsonpath={" "}{.metadata.generation}'
}

@test "deploy: --diff shows what a change does, and nothing when there is none" {
	local before
	before=$(generations)
	run --separate-stderr -0 deploy --diff --set SERVER_COUNT=3
	assert_output ""
	run --separate-stderr -1 deploy --diff --set SERVER_COUNT=1 --set RANCHER_VERSION=2.13.2
	assert_line "-  servers: 3"
	assert_line "+  servers: 1"
	assert_line "+++ helmchart.helm.cattle.io/rancher in namespace kube-system (after apply)"
	assert_line "+  version: 2.13.2"
	assert_equal "$(generations)" "$before"
}

@test "deploy: fewer servers: effect on etcd, and a prompt that Ctrl-D declines" {
	local answer before
	before=$(generations)
	for answer in n EOF; do
		run -0 on_terminal "$answer" -- rk3k-deploy -c "$CONF" --resolve "$HOST:443:10.90.0.1" --set SERVER_COUNT=1
		assert_line --regexp '! cluster +servers 3 to 1: all restart, and the members that go leave etcd one by one;'
		assert_line "-  servers: 3"
		assert_line --regexp '^Apply [0-9]+ changes to a running Rancher\? \[y/N\]'
		assert_output --partial "aborted"
	done
	assert_equal "$(generations)" "$before"
}

@test "deploy: after an upgrade of Rancher's chart the strategy is ours again" {
	run -0 on_terminal y -- rk3k-deploy -c "$CONF" --resolve "$HOST:443:10.90.0.1" --set SERVER_COUNT=3 --set RANCHER_VERSION=2.13.2
	assert_line "The servers of rancher-k3k/rancher do not restart."
	assert_line --regexp '^Apply 1 change to a running Rancher\? \[y/N\] y$'
	assert_line --regexp '^\[ *[0-9]+/[0-9]+\] ✓ Rancher 2\.13\.2 +[0-9]+s$'
	run -0 strategy
	assert_output '{"maxSurge":1,"maxUnavailable":0}'
}

@test "deploy: fewer servers take the budgets and the strategy of three away" {
	run --separate-stderr -0 deploy --set SERVER_COUNT=1 --set RANCHER_VERSION=2.13.2
	assert_line "poddisruptionbudget.policy \"k3k-rancher-server\" deleted"
	assert_line "poddisruptionbudget.policy \"rancher-pdb\" deleted"
	run -0 kubectl get pdb -n rancher-k3k -o name
	assert_output ""
	run -0 inside get pdb -n cattle-system -o name
	assert_output ""
	run -0 strategy
	assert_output '{"maxSurge":1,"maxUnavailable":0}' # the chart's own for one replica
}

@test "deploy: more servers join a running one" {
	run -0 kubectl get clusters.k3k.io -n rancher-k3k rancher -o 'jsonpath={.spec.expose}'
	assert_output '{"nodePort":{"etcdPort":0}}'
	run --separate-stderr -0 deploy --set SERVER_COUNT=3 --set RANCHER_VERSION=2.13.2
	run -0 kubectl get clusters.k3k.io -n rancher-k3k rancher -o 'jsonpath={.spec.servers} {.spec.expose}'
	assert_output '3 {"nodePort":{}}'
	run --separate-stderr -0 rk3k status
	assert_output --regexp 'servers +3/3'
	destroy -q >/dev/null
}

# The the rancher-k3k scripts' charts, password in clear.
scripts_charts() {
	local repo
	repo=$(bed printenv CHART_HTTP_PUBLIC)
	cat <<-END
		{apiVersion: v1, kind: Namespace, metadata: {name: cert-manager}}
		---
		{apiVersion: v1, kind: Namespace, metadata: {name: cattle-system}}
		---
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: cert-manager, namespace: kube-system}
		spec: {repo: "$repo", chart: cert-manager, version: v1.18.5, targetNamespace: cert-manager, helmVersion: v3, set: {crds.enabled: "true"}}
		---
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: rancher, namespace: kube-system}
		spec:
		  repo: $repo
		  chart: rancher
		  version: v2.14.1
		  targetNamespace: cattle-system
		  helmVersion: v3
		  set: {hostname: $HOST, replicas: 1, bootstrapPassword: admin1234567, ingress.tls.source: rancher}
	END
}

@test "deploy: what the rancher-k3k scripts made is adopted, their objects replaced" {
	controller_up
	kubectl apply -f - >/dev/null <<-END
		apiVersion: v1
		kind: Namespace
		metadata: {name: rancher-k3k}
		---
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: rancher, namespace: rancher-k3k}
		spec:
		  mode: virtual
		  version: v1.34.7-k3s1
		  servers: 1
		  agents: 0
		  clusterCIDR: 10.42.0.0/16
		  serviceCIDR: 10.43.0.0/16
		  persistence: {type: dynamic, storageClassName: local, storageRequestSize: 1Gi}
		  serverArgs: [--disable-network-policy]
		  expose: {nodePort: {}}
		  sync: {}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: rancher-traefik, namespace: rancher-k3k}
		spec: {selector: {cluster: rancher, role: server}, ports: [{name: https, port: 443}]}
		---
		apiVersion: networking.k8s.io/v1
		kind: Ingress
		metadata: {name: rancher-ingress, namespace: rancher-k3k, annotations: {nginx.ingress.kubernetes.io/backend-protocol: HTTPS}}
		spec:
		  ingressClassName: nginx
		  tls: [{hosts: [$HOST], secretName: tls-rancher-ingress}]
		  rules: [{host: $HOST, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: rancher-traefik, port: {number: 443}}}}]}}]
	END
	kubectl wait -n rancher-k3k --for=jsonpath='{.status.phase}'=Ready clusters.k3k.io/rancher --timeout=60s >/dev/null
	VIRTUAL_KUBECONFIG=$BATS_TEST_TMPDIR/inside
	rk3k kubeconfig get rancher-k3k/rancher -q >"$VIRTUAL_KUBECONFIG"
	# k3s serves its API before its helm-controller has made this kind.
	charts() { scripts_charts | virtual apply -f -; }
	within 30 charts
	rk3k config -c "$CONF" >"$BATS_TEST_TMPDIR/doc"
	rk3k wait rancher -c "$BATS_TEST_TMPDIR/doc" -q
	local uid word=admin1234567
	uid=$(kubectl get clusters.k3k.io -n rancher-k3k rancher -o 'jsonpath={.metadata.uid}')
	run --separate-stderr -0 deploy
	[[ $stderr == *"HelmChart rancher: removed fields previously set by kubectl apply: .spec.set.bootstrapPassword"* ]]
	run -0 inside get secret -n cattle-system bootstrap-secret -o 'jsonpath={.data.bootstrapPassword}'
	assert_equal "$(base64 -d <<<"$output")" "$word" # it is the user's, and goes on counting
	run -0 inside get helmcharts,jobs,configmaps -A -o json
	refute_output --partial "$word"
	assert_equal "$(kubectl get clusters.k3k.io -n rancher-k3k rancher -o 'jsonpath={.metadata.uid}')" "$uid"
	run -0 kubectl get ingress -n rancher-k3k -o name
	assert_output ingress.networking.k8s.io/rancher-k3k-ingress
	run -0 ping_rancher
	assert_output pong
}

@test "destroy: without the controller it says what holds the Cluster, and exits 1" {
	kubectl scale deployment -n k3k-system k3k --replicas=0 >/dev/null
	run --separate-stderr -1 destroy --timeout 8s
	[[ $stderr == *finalizer*"only a running k3k controller releases that"* ]]
	assert_line --regexp '^virtual cluster rancher-k3k/rancher +still exists$'
	kubectl scale deployment -n k3k-system k3k --replicas=1 >/dev/null
	run --separate-stderr -0 destroy
}

@test "destroy: an API server that cannot be reached is not \"gone\"" {
	run --separate-stderr destroy --context dead --request-timeout 1s --timeout 2s
	[[ $status -ne 0 ]]
	refute_output --partial " deleted"
}
