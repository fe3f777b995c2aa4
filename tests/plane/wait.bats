#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# wait.bats - rk3k-wait against a real API server. The objects that controllers would make are made
# by hand here, so that each fault can be shown; the whole flow is in deploy.bats.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.0.3
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	own_crd cert-manager.io v1 Certificate certificates
	own_crd cert-manager.io v1 Issuer issuers
	own_crd cert-manager.io v1 CertificateRequest certificaterequests
}
teardown_file() { own_down; }
setup() { own_home; }
teardown() { [[ -z ${PROXY:-} ]] || kill -KILL "$PROXY"; }

await() { run --separate-stderr rk3k wait "$@"; }

# settings KEY=VALUE...: the document for steps; NAMESPACE is the test's own.
settings() {
	rk3k config -q --set "NAMESPACE=$NS" --set HOSTNAME=rancher.example.test "${@/#/--set=}"
}

step() { # STEP ARG... with $doc
	run --separate-stderr rk3k wait "$@" <<<"$doc"
}

later() { # SECONDS CMD...
	(sleep "$1" && "${@:2}") >/dev/null 2>&1 3>&- &
}

status() { kubectl patch "$1" --subresource status --type merge -p "{\"status\":$2}"; }

cluster() { # NAME
	kubectl apply -f - <<-END
		{apiVersion: k3k.io/v1beta1, kind: Cluster, metadata: {name: $1}, spec: {}}
	END
}

away_for_a_while() {
	bed plane stop "$OWN" kube-apiserver
	sleep 5
	bed plane start "$OWN"
	kubectl create configmap a
}

# The plane itself stands for the inside of the virtual cluster, behind a load balancer.
way_in() { # NAME
	kubectl create secret generic "k3k-$1-kubeconfig" --from-file="kubeconfig.yaml=$OWN/admin.kubeconfig"
	kubectl apply -f - <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: k3k-$1-service}
		spec: {type: LoadBalancer, ports: [{name: k3s-server-port, port: 6443}]}
	END
	status "service/k3k-$1-service" "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$OWN_ADDRESS\"}]}}"
}

pod() { # NAME LABELS STATUS
	kubectl apply -f - <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, labels: {$2}}
		spec: {automountServiceAccountToken: false, containers: [{name: c, image: example.com/none:1}]}
	END
	status "pod/$1" "$3"
}

controller_runs() {
	kubectl get namespace k3k-system || kubectl create namespace k3k-system
	kubectl apply -n k3k-system -f - <<-END
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: k3k}
		spec:
		  replicas: 0
		  selector: {matchLabels: {a: b}}
		  template:
		    metadata: {labels: {a: b}}
		    spec: {containers: [{name: c, image: example.com/none:1}]}
	END
	within 20 kubectl rollout status deployment/k3k -n k3k-system --timeout 1s
}

# bats test_tags=quick
@test "wait: conditions, jsonpath, exists, delete, ready" {
	kubectl create configmap a --from-literal k.x=v
	await namespace/default
	assert_success
	assert_output "namespace/default condition met"
	await "namespace/$NS" --for jsonpath='{.status.phase}'=Active
	assert_success
	await configmap/a --for jsonpath="{.data['k.x']}"=v
	assert_success
	await configmap a --for jsonpath='.data.k\.x'
	assert_success
	await configmap/a --for exists
	assert_success
	await configmap/b --for delete
	assert_output "configmap/b condition met"
	await crd/clusters.k3k.io --for condition=established
	assert_success
	await crd/clusters.k3k.io --for 'jsonpath={.status.conditions[?(@.type=="Established")].status}=True'
	assert_success
}

@test "wait: exit codes: 3 not found, 4 not so, 2 wrong usage" {
	kubectl create configmap a
	await configmap/b --for exists --timeout 0
	assert_failure 3
	assert_output ""
	await configmap/a --for delete --timeout 0
	assert_failure 4
	assert_regex "$stderr" "was not deleted"
	await "namespace/$NS" --for condition=Nonsense --timeout 0
	assert_failure 4
	assert_regex "$stderr" "no condition Nonsense"
	await configmap/a --for nonsense
	assert_failure 2
	await nonsense
	assert_failure 2
	await configmap/a --for 'jsonpath={.a[}'
	assert_failure 2
	await widget.nowhere.example.com/x --for delete --timeout 0
	assert_success
	await widget.nowhere.example.com/x --timeout 0
	assert_failure 3
}

@test "wait: one list and one watch, however long it takes" {
	own_audit
	later 3 kubectl create configmap a
	await configmap/a --for exists --timeout 30s
	assert_success
	assert_requests <<-END
		list /api/v1/namespaces/$NS/configmaps?limit=500&fieldSelector=metadata.name=a 200
		watch /api/v1/namespaces/$NS/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=N&fieldSelector=metadata.name=a 200
	END
	wait
}

@test "wait: -l waits for all of them, and for at least one" {
	await -l x=1 configmaps --for exists --timeout 0
	assert_failure 3
	kubectl create configmap a
	kubectl create configmap b
	kubectl label configmap a b x=1
	await -l x=1 configmaps --for jsonpath='{.data.k}'=v --timeout 0
	assert_failure 4
	kubectl patch configmap a -p '{"data":{"k":"v"}}'
	later 1 kubectl patch configmap b -p '{"data":{"k":"v"}}'
	await -l x=1 configmaps --for jsonpath='{.data.k}'=v --timeout 20s
	assert_success
	wait
}

@test "wait: --all, --field-selector and -A wait for all that they select" {
	await configmaps,secrets --all --for exists --timeout 0
	assert_failure 3
	assert_regex "$stderr" "secrets.*none found"
	kubectl create secret generic a --from-literal k=v
	kubectl create secret generic b
	await secret --all --for jsonpath='{.data.k}'=dg== --timeout 0
	assert_failure 4
	later 1 kubectl create secret generic c --from-literal k=v
	kubectl patch secret b -p '{"data":{"k":"dg=="}}'
	await secret --all --for jsonpath='{.data.k}'=dg== --timeout 20s
	assert_success
	assert_line "secret/a condition met"
	assert_line "secret/b condition met"
	wait
	await secret --field-selector metadata.name=b --for exists --timeout 0
	assert_output "secret/b condition met"
	await secret --field-selector metadata.name=b -A --for exists --timeout 0
	assert_output "secret/b condition met"
	await namespaces --all --timeout 0
	assert_line "namespace/$NS condition met"
}

@test "wait: what selects objects excludes names" {
	local words
	for words in 'configmap/a --all' 'configmap --all -l a=b' 'configmap/a -A' 'configmap --all -A -n x' \
		'configmap/a --field-selector metadata.name=a' 'configmap' '--all'; do
		# shellcheck disable=SC2086 # words
		await $words
		assert_failure 2
	done
	await clsuter
	assert_regex "$stderr" 'unknown step "clsuter"; did you mean cluster\?'
}

@test "wait: no right to watch: looks now and then; no right at all: exit 5" {
	kubectl create configmap a
	own_account get configmaps
	await configmap/a --for exists
	assert_success
	await secret/a --for exists --timeout 0
	assert_failure 5
	assert_regex "$stderr" "could not be determined: .*forbidden"
}

@test "wait: SIGINT ends it at once, as a signal" {
	local pid rc=0
	rk3k wait configmap/a --for exists --timeout 60s 2>/dev/null 3>&- &
	pid=$!
	sleep 1
	kill -INT "$(pgrep -P "$pid" -f 'rk3k-wait configmap/a' || echo "$pid")"
	wait "$pid" || rc=$?
	assert_equal "$rc" 130
}

@test "wait: controller: not found, then running" {
	doc=$(settings)
	kubectl delete namespace k3k-system --ignore-not-found
	step controller --timeout 0
	assert_failure 3
	assert_regex "$stderr" "deployment k3k not found in namespace k3k-system"
	later 1 controller_runs
	step controller --timeout 60s
	assert_success
	assert_output ""
	wait
}

# Its server, which nothing here runs.
server_runs() {
	kubectl apply -f - <<-END
		apiVersion: apps/v1
		kind: StatefulSet
		metadata: {name: k3k-rancher-server}
		spec:
		  replicas: 1
		  selector: {matchLabels: {cluster: rancher}}
		  serviceName: x
		  template: {metadata: {labels: {cluster: rancher}}, spec: {containers: [{name: c, image: i}]}}
	END
	within 60 status pod/k3k-rancher-server-0 \
		'{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}'
}

@test "wait: cluster: a passing Failed is not the end" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	status cluster/rancher '{"phase":"Failed","conditions":[{"type":"Ready","status":"False","reason":"ProvisioningFailed","message":"Secret k3k-rancher-kubeconfig not found"}]}'
	server_runs
	later 3 status cluster/rancher '{"phase":"Ready"}'
	step cluster --timeout 30s
	assert_success
	assert_regex "$stderr" "phase Failed: Secret k3k-rancher-kubeconfig not found.* \([0-9]+s\)"
	assert_regex "${stderr_lines[-1]}" "✓ virtual cluster $NS/rancher \([0-9]+s\)"
	refute_regex "$stderr" "warning:"
	wait
}

# What ends each pass of the controller: another certificate.
controller_pass() {
	kubectl patch secret k3k-rancher-kubeconfig --type merge -p "{\"stringData\":{\"pass\":\"$RANDOM\"}}"
}

# written_ago SECONDS TYPE/NAME FIELD: the part of an object with this field was written so long ago.
written_ago() {
	kubectl get "$2" -o json --show-managed-fields |
		jq --arg f "$3" --arg t "$(date -u -d "-$1 seconds" +%FT%TZ)" \
			'(.metadata.managedFields[] | select(.fieldsV1[$f]) | .time) = $t |
			.metadata.annotations.written = $t' | kubectl replace -f - # times alone are not written
}

@test "wait: cluster: a controller that takes minutes to act is waited for" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	server_runs
	status cluster/rancher '{"phase":"Ready"}'
	kubectl patch cluster rancher --type merge -p '{"spec":{"servers":1}}'
	written_ago 300 secret/k3k-rancher-kubeconfig f:data
	written_ago 240 cluster/rancher f:spec
	step cluster --timeout 1s
	assert_failure 4
	[[ ${stderr_lines[-1]} == *"the k3k controller has not acted on the change yet"* ]]
	controller_pass
	step cluster --timeout 30s
	assert_success
}

# bats test_tags=quick
@test "wait: cluster: a change is not done while all that is Ready is of before it" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	server_runs
	status cluster/rancher '{"phase":"Ready"}'
	kubectl patch cluster rancher --type merge -p '{"spec":{"serverArgs":["--debug"]}}'
	step cluster --timeout 2s
	assert_failure 4
	[[ ${stderr_lines[-1]} == *"the k3k controller has not acted on the change yet"* ]]
	# a pass that began before the change ends after it
	controller_pass
	step cluster --timeout 2s
	assert_failure 4
	[[ ${stderr_lines[-1]} == *"the k3k controller has not acted on the change yet"* ]]
	# the controller has, and the pods are being replaced
	kubectl patch statefulset k3k-rancher-server --type json \
		-p '[{"op":"add","path":"/spec/template/spec/containers/0/args","value":["server --debug"]}]'
	controller_pass
	step cluster --timeout 5s
	assert_failure 4
	[[ ${stderr_lines[-1]} == *"0 of 1 servers are ready"* || ${stderr_lines[-1]} == *"being replaced"* ]]
	within 60 status pod/k3k-rancher-server-0 '{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}'
	step cluster --timeout 30s
	assert_success
}

@test "wait: cert-manager: ends within seconds when the virtual cluster is deleted" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	kubectl create -n kube-system -f - <<-END
		{apiVersion: helm.cattle.io/v1, kind: HelmChart, metadata: {name: cert-manager}, spec: {chart: cert-manager}}
	END
	later 2 kubectl delete cluster rancher
	step cert-manager --timeout 60s
	kubectl delete helmchart -n kube-system cert-manager
	assert_failure 3
	[[ ${stderr_lines[-1]} == *"virtual cluster $NS/rancher was deleted while waiting for "* ]]
	step cert-manager --timeout 60s # and there is none any more
	assert_failure 3
	wait
}

no_charts() { ! kubectl get helmcharts -A; }

@test "wait: cluster: Ready is not enough while the API of its charts is missing" {
	local crd=customresourcedefinition/helmcharts.helm.cattle.io
	local served='[{"op":"replace","path":"/spec/versions/0/served","value":'
	doc=$(settings)
	cluster rancher
	way_in rancher
	server_runs
	status cluster/rancher '{"phase":"Ready"}'
	kubectl patch "$crd" --type json -p "${served}false}]"
	within 10 no_charts
	step cluster --timeout 8s
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "Ready, its API is not ready yet: .*no API helm.cattle.io/v1"
	later 3 kubectl patch "$crd" --type json -p "${served}true}]"
	step cluster --timeout 30s
	assert_success
	wait
}

@test "wait: cluster: the missing StorageClass is named" {
	doc=$(settings)
	controller_runs
	cluster rancher
	status cluster/rancher '{"phase":"Provisioning","conditions":[{"type":"Ready","status":"False","reason":"Provisioning","message":"Cluster is being provisioned"}]}'
	kubectl apply -f - <<-END
		apiVersion: v1
		kind: PersistentVolumeClaim
		metadata: {name: varlibrancherk3s-k3k-rancher-server-0, labels: {cluster: rancher}}
		spec: {accessModes: [ReadWriteOnce], storageClassName: nonsense, resources: {requests: {storage: 1Gi}}}
	END
	step cluster --timeout 8s
	assert_failure 4
	assert_regex "$stderr" "warning: volume claim varlibrancherk3s-k3k-rancher-server-0 is not bound \(StorageClass nonsense\): no such StorageClass"
	assert_regex "${stderr_lines[-1]}" "is not ready after 8s: volume claim .*STORAGE_CLASS"
	step cluster --timeout 60s --fail-fast
	assert_failure 1
}

@test "wait: cluster: the image that cannot be pulled is named" {
	doc=$(settings)
	controller_runs
	cluster rancher
	status cluster/rancher '{"phase":"Provisioning"}'
	pod k3k-rancher-server-0 'cluster: rancher, role: server' '{"phase":"Pending","containerStatuses":[{"name":"c","image":"rancher/k3s:v9.9.9","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image"}}}]}'
	step cluster --timeout 2s
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "k3k-rancher-server-0: cannot pull image rancher/k3s:v9.9.9: Back-off.*K3S_VERSION"
}

event() { # TYPE REASON KIND NAME MESSAGE
	jq -n --arg ns "$NS" --arg now "$(date -u +%FT%TZ)" '{apiVersion: "v1", kind: "Event", metadata: {generateName: "e-"},
		involvedObject: {kind: $ARGS.positional[2], name: $ARGS.positional[3], namespace: $ns}, lastTimestamp: $now,
		type: $ARGS.positional[0], reason: $ARGS.positional[1], message: $ARGS.positional[4]}' --args "$@" |
		kubectl create -f -
}

@test "wait: cluster: shows the last event of servers and claims, warnings first" {
	local pod=k3k-rancher-server-0
	doc=$(settings)
	controller_runs
	cluster rancher
	status cluster/rancher '{"phase":"Provisioning"}'
	event Normal Pulling Pod "$pod" 'Pulling image rancher/k3s'
	event Normal Pulling Pod k3k-other-server-0 'Pulling something else'
	step cluster --timeout 0
	assert_failure 4
	assert_regex "$stderr" "last event: Pulling on pod/$pod: Pulling image rancher/k3s"
	event Warning ProvisioningFailed PersistentVolumeClaim "varlibrancherk3s-$pod" 'no space left'
	event Normal Pulling Pod "$pod" 'Pulling image rancher/k3s'
	step cluster --timeout 2s
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "is not ready after 2s: .*last warning: ProvisioningFailed on persistentvolumeclaim/varlibrancherk3s-$pod: no space left"
}

@test "wait: cluster: the controller that does not run is named" {
	doc=$(settings)
	cluster rancher
	kubectl delete deployment k3k -n k3k-system --ignore-not-found
	step cluster --timeout 2s
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "the k3k controller does not run: deployment k3k in namespace k3k-system does not exist"
}

@test "wait: cluster: one being deleted is waited out, then said to be gone" {
	doc=$(settings)
	cluster rancher
	kubectl patch cluster rancher --type merge -p '{"metadata":{"finalizers":["cluster.k3k.io/finalizer"]}}'
	kubectl delete cluster rancher --wait=false
	later 3 kubectl patch cluster rancher --type merge -p '{"metadata":{"finalizers":null}}'
	step cluster --timeout 60s
	assert_failure 3
	assert_regex "$stderr" "held by finalizer cluster.k3k.io/finalizer"
	assert_regex "${stderr_lines[-1]}" "was being deleted and no longer exists"
	wait
}

@test "wait: cluster: none of that name" {
	doc=$(settings CLUSTER=other)
	step cluster --timeout 0
	assert_failure 3
	assert_regex "$stderr" "no Cluster of that name found"
}

@test "wait: teardown: refused for an existing cluster; waits for the server pods" {
	doc=$(settings)
	step teardown --timeout 0
	assert_success
	cluster rancher
	for limit in 0 30s; do
		step teardown --timeout "$limit"
		assert_failure 5
		assert_equal "${stderr_lines[-1]}" "rk3k-wait: virtual cluster $NS/rancher is not being deleted; delete it with: kubectl rk3k destroy"
		[[ $stderr != *✓* ]]
	done
	kubectl delete cluster rancher
	pod k3k-rancher-server-0 'cluster: rancher, role: server' '{"phase":"Running"}'
	step teardown --timeout 0
	assert_failure 4
	assert_regex "$stderr" "1 server pods are left"
	later 2 kubectl delete pod k3k-rancher-server-0 --grace-period 0 --force
	step teardown --timeout 30s
	assert_success
	wait
}

# A chart's Job and its pod, by hand: the helm-controller is not here.
chart() { # NAME EXIT-CODE|done
	within 20 kubectl get serviceaccount default -n kube-system
	kubectl delete -n kube-system helmchart,job,pod --all --force --grace-period=0
	kubectl apply -n kube-system -f - <<-END
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: $1}
		spec: {version: v1, set: {replicas: "1"}}
		---
		apiVersion: batch/v1
		kind: Job
		metadata: {name: helm-install-$1, labels: {helmcharts.helm.cattle.io/chart: $1}}
		spec:
		  suspend: true
		  template:
		    spec:
		      restartPolicy: OnFailure
		      containers: [{name: helm, image: i, env: [{name: VERSION, value: v1}], args: [install, --set, replicas=1]}]
		---
		apiVersion: v1
		kind: Pod
		metadata: {name: helm-install-$1-x, labels: {helmcharts.helm.cattle.io/chart: $1}}
		spec: {automountServiceAccountToken: false, containers: [{name: helm, image: i}]}
	END
}

@test "wait: rancher: reports a failing chart at once with its reason; --fail-fast ends" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	chart rancher
	kubectl patch pod helm-install-rancher-x -n kube-system --subresource status --type merge -p '{"status":{"phase":"Running","containerStatuses":[{"name":"helm","image":"i","imageID":"","ready":false,"restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]}}'
	step rancher --timeout 60s --fail-fast
	kubectl delete -n kube-system helmchart,job,pod --all --wait=false
	assert_failure 1
	assert_regex "${stderr_lines[-1]}" "the install of chart rancher keeps failing"
}

# proxy ADDRESS: the plane at another address; PROXY is its process, which can be stopped.
proxy() {
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" python3 -c '
import socket, sys, threading

def copy(source, target):
	while data := source.recv(65536):
		target.sendall(data)

server = socket.create_server((sys.argv[1], 6443))
while True:
	client, _ = server.accept()
	plane = socket.create_connection((sys.argv[2], 6443))
	for ends in (client, plane), (plane, client):
		threading.Thread(target=copy, args=ends, daemon=True).start()
' "$1" "$OWN_ADDRESS" >/dev/null 2>&1 3>&- &
	PROXY=$!
	disown
}

@test "wait: rancher: a virtual cluster that hangs does not hold up the host's reports" {
	local out=$BATS_TEST_TMPDIR/out rc=0
	doc=$(settings)
	cluster rancher
	way_in rancher
	proxy 127.77.0.98
	status service/k3k-rancher-service '{"loadBalancer":{"ingress":[{"ip":"127.77.0.98"}]}}'
	chart rancher
	kubectl patch pod helm-install-rancher-x -n kube-system --subresource status --type merge -p '{"status":{"phase":"Running","containerStatuses":[{"name":"helm","image":"i","imageID":"","ready":true,"restartCount":0,"state":{"running":{}}}]}}'
	echo "$doc" >"$BATS_TEST_TMPDIR/doc"
	background "$out" wait rancher --timeout 120s -c "$BATS_TEST_TMPDIR/doc"
	within 10 grep "chart rancher is being installed" "$out"
	kill -STOP "$PROXY"
	sleep 6 # by then it waits for the log of the chart's Job, for which it asks every 5 s
	kubectl delete cluster rancher
	within 2 gone "$PID"
	wait "$PID" || rc=$?
	kubectl delete -n kube-system helmchart,job,pod --all --wait=false
	assert_equal "$rc" 3
	grep "virtual cluster $NS/rancher was deleted while waiting for Rancher" "$out"
}

@test "wait: rancher: a Job of earlier values is not taken for the current one" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	kubectl create secret generic chart-values-rancher -n kube-system --from-literal HelmChartValuesContent='a: 1'
	chart rancher
	kubectl create namespace cattle-system
	kubectl create deployment rancher -n cattle-system --image i --replicas 0
	kubectl patch job helm-install-rancher -n kube-system --subresource status --type merge -p '{"status":{"succeeded":1}}'
	kubectl patch helmchart rancher -n kube-system --type merge -p '{"spec":{"valuesContent":"a: 1"}}'
	step rancher --timeout 20s
	assert_success
	kubectl patch helmchart rancher -n kube-system --type merge -p '{"spec":{"valuesContent":"a: 2"}}'
	step rancher --timeout 1s
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "waiting for the helm-controller to take up the change"
	# the values are written, the Job of before is about to go
	kubectl patch secret chart-values-rancher -n kube-system --type merge -p '{"stringData":{"HelmChartValuesContent":"a: 2"}}'
	step rancher --timeout 1s
	kubectl delete -n kube-system helmchart,job,pod,secret --all --wait=false
	kubectl delete namespace cattle-system --timeout 30s # the next test makes it
	assert_failure 4
}

issue() { # NAME
	kubectl create secret generic "$1" -n cattle-system --from-literal tls.crt=c --from-literal tls.key=k
	kubectl patch -n cattle-system certificate "$1" --subresource status --type merge \
		-p '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
}

@test "wait: certificate: why it does not come" {
	local name=tls-rancher-ingress
	doc=$(settings)
	cluster rancher
	way_in rancher
	kubectl create namespace cattle-system
	step certificate --timeout 0
	assert_failure 3
	assert_regex "$stderr" "no Certificate $name requests it"
	kubectl apply -n cattle-system -f - <<-END
		{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: $name}}
	END
	kubectl patch -n cattle-system certificate $name --subresource status --type merge -p '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"DoesNotExist","message":"Issuing certificate as Secret does not exist"}]}}'
	step certificate --timeout 0
	assert_failure 4
	assert_regex "$stderr" "Issuing certificate as Secret does not exist"
	kubectl patch -n cattle-system certificate $name --type merge -p '{"spec":{"issuerRef":{"name":"rancher"}}}'
	kubectl apply -n cattle-system -f - <<<'{"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "rancher"}, "spec": {"acme": {}}}'
	kubectl patch -n cattle-system issuer rancher --subresource status --type merge -p '{"status":{"conditions":[{"type":"Ready","status":"False","reason":"ErrRegisterACMEAccount","message":"Failed to register ACME account: no such host"}]}}'
	step certificate --timeout 0
	assert_failure 4
	assert_regex "$stderr" "issuer rancher is not ready: Failed to register ACME account: no such host.*ACME_EMAIL"
	later 1 issue "$name"
	step certificate --timeout 30s
	assert_success
	wait
}

@test "wait: url: what DNS does not know, and what does not answer" {
	doc=$(settings)
	cluster rancher
	way_in rancher
	step url --timeout 1s --resolve rancher.example.test:443:127.77.0.99
	assert_failure 4
	assert_regex "${stderr_lines[-1]}" "https://rancher.example.test: connection refused"
}

@test "wait: steps: settings are needed, and --virtual is refused" {
	doc=''
	step cluster
	assert_failure 1
	doc=$(settings)
	step cluster --virtual x
	assert_failure 2
}

# The last ones: the controllers need a while to come back afterwards.
@test "wait: API server restarted meanwhile" {
	later 1 away_for_a_while
	await configmap/a --for exists --timeout 60s
	assert_success
	assert_regex "$stderr" "cannot be read: .*refused"
	wait
}

@test "wait: API server down until the timeout: could not be determined" {
	bed plane stop "$OWN" kube-apiserver >/dev/null
	await configmap/a --for delete --timeout 3s
	bed plane start "$OWN" >/dev/null
	assert_failure 1
	assert_regex "$stderr" "could not be determined: .*refused"
}
