#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# env.bats - the test bed does what its README says.
# shellcheck disable=SC2154,SC2016

load ../helpers

setup() {
	plane_home
	plane_namespace bed
}

teardown() {
	kubectl delete namespace "$NS" --wait=false --ignore-not-found >/dev/null
}

k() { kubectl -n "$NS" "$@"; }

# indented N TEXT: its lines under N blanks.
indented() { awk -v n="$1" '{ sub(/^[ \t]*/, ""); printf "%*s%s\n", n, "", $0 }' <<<"${2:-}"; }

# pod NAME COMMAND [CONTAINER-YAML [SPEC-YAML]]: a pod that runs a shell command.
pod() {
	k apply -f - <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, labels: {app: $1}}
		spec:
		  terminationGracePeriodSeconds: 1
		  restartPolicy: ${RESTART:-Never}
		  containers:
		  - name: main
		    image: registry.example:5000/mirror/library/${IMAGE:-busybox}:1
		    command: [sh, -c, '$2']
		$(indented 4 "${3:-}")
		$(indented 2 "${4:-}")
	END
}

phase() { k get pod "$1" -o jsonpath='{.status.phase}'; }

phase_is() { [[ $(phase "$1") == "$2" ]]; }

waiting_reason() { k get pod "$1" -o jsonpath='{.status.containerStatuses[0].state.waiting.reason}'; }

waits_for() { [[ $(waiting_reason "$1") == "$2" ]]; }

is_ready() { [[ $(k get pod "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }

web() {
	pod "$1" 'cd /data && echo "this is $NAME" >index.html && exec python3 -m http.server --bind "$POD_IP" 8080' \
		'env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
	    ports: [{name: http, containerPort: 8080}]
	    readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
	    volumeMounts: [{name: data, mountPath: /data}]' 'volumes: [{name: data, emptyDir: {}}]'
	within 20 is_ready "$1"
}

# bats test_tags=quick
@test "bed: the API server is ready and has a node" {
	run -0 kubectl get --raw /readyz
	assert_output ok
	run -0 kubectl get node node-1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
	assert_output True
	run -0 kubectl version -o json
	assert_equal "$(jq -r .serverVersion.gitVersion <<<"$output")" v1.34.1
}

# bats test_tags=quick
@test "bed: a pod has its environment, its volumes, and a separate root" {
	k create secret generic login --from-literal=password='p w"d'
	pod one 'echo "$PW|$ME|$(cat /in/password)|$(hostname)"; touch /etc/made-by-pod; test -s /var/run/secrets/kubernetes.io/serviceaccount/token' \
		'env: [{name: PW, valueFrom: {secretKeyRef: {name: login, key: password}}}, {name: ME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
	    volumeMounts: [{name: in, mountPath: /in, readOnly: true}]' 'volumes: [{name: in, secret: {secretName: login}}]'
	within 20 phase_is one Succeeded
	run -0 k logs one
	assert_output 'p w"d|one|p w"d|one'
	assert_not_exist /etc/made-by-pod
	assert_not_exist /in
}

@test "bed: a mounted Secret follows its object" {
	k create secret generic word --from-literal=word=old
	pod reader 'exec sleep 600' 'volumeMounts: [{name: w, mountPath: /w}]' 'volumes: [{name: w, secret: {secretName: word}}]'
	within 20 is_ready reader
	run -0 k exec reader -- cat /w/word
	assert_output old
	k patch secret word -p '{"stringData": {"word": "new"}}'
	reads_new() { [[ $(k exec reader -- cat /w/word) == new ]]; }
	within 20 reads_new
}

@test "bed: exec passes input, output and the exit code on" {
	pod shell 'exec sleep 600'
	within 20 is_ready shell
	run -7 k exec -i shell -- sh -c 'cat; exit 7' <<<"through"
	assert_output --partial through
}

# bats test_tags=quick
@test "bed: Services answer on their cluster IP and node port" {
	web site
	k expose pod site --port 80 --target-port http --type NodePort
	local ip port
	ip=$(k get service site -o jsonpath='{.spec.clusterIP}')
	port=$(k get service site -o jsonpath='{.spec.ports[0].nodePort}')
	within 10 curl -sSf -m 2 "http://$ip/"
	run -0 curl -sSf -m 2 "http://$ip/"
	assert_output 'this is site'
	run -0 curl -sSf -m 2 "http://10.90.0.1:$port/"
	assert_output 'this is site'
}

@test "bed: port-forward reaches a pod" {
	web forwarded
	k port-forward forwarded 18080:8080 >/dev/null 2>&1 &
	local pid=$!
	run within 10 curl -sSf -m 2 http://127.0.0.1:18080/
	assert_success
	run -0 curl -sSf -m 2 http://127.0.0.1:18080/
	assert_output 'this is forwarded'
	kill "$pid"
}

@test "bed: an image that is not in the table is not pulled" {
	IMAGE=no-such-image pod missing true
	within 20 waits_for missing ImagePullBackOff
	run -0 k get events --field-selector involvedObject.name=missing
	assert_output --partial 'Failed to pull image'
	phase_is missing Pending
}

@test "bed: a pod waits for a missing Secret" {
	pod later 'exec sleep 600' 'volumeMounts: [{name: in, mountPath: /in}]' 'volumes: [{name: in, secret: {secretName: late}}]'
	said() { k get events --field-selector involvedObject.name=later | grep FailedMount | grep '"late" not found'; }
	within 20 said
	waits_for later ContainerCreating
	k create secret generic late --from-literal=a=b
	within 20 is_ready later
}

@test "bed: a program that fails is started again, and its last log is kept" {
	RESTART=Always pod crash 'echo run; exit 3'
	within 30 waits_for crash CrashLoopBackOff
	run -0 k get pod crash -o jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'
	assert_output 3
	run -0 k logs crash --previous
	assert_output run
}

@test "bed: a failing liveness probe restarts the container" {
	RESTART=Always pod sick 'touch /alive; sleep 2; rm /alive; exec sleep 600' \
		'livenessProbe: {exec: {command: [test, -e, /alive]}, initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1}'
	restarted() { [[ $(k get pod sick -o jsonpath='{.status.containerStatuses[0].restartCount}') -ge 1 ]]; }
	within 20 restarted
	run -0 k get events --field-selector involvedObject.name=sick
	assert_output --partial 'failed liveness probe'
}

@test "bed: a Job runs to its end, an init container before it" {
	k create job once --image=busybox --dry-run=client -o json -- sh -c 'cat /x/word' |
		jq '.spec.template.spec |= (.volumes = [{name: "x", emptyDir: {}}]
			| .initContainers = [{name: "i", image: "alpine:3", command: ["sh", "-c", "echo first >/x/word"],
				volumeMounts: [{name: "x", mountPath: "/x"}]}]
			| .containers[0].volumeMounts = [{name: "x", mountPath: "/x"}])' |
		k apply -f -
	k wait --for=condition=Complete job/once --timeout=20s
	run -0 k logs job/once
	assert_line first
}

@test "bed: a claim's data outlives the pod and is deleted with the claim" {
	k apply -f - <<-'END'
		apiVersion: v1
		kind: PersistentVolumeClaim
		metadata: {name: store}
		spec: {accessModes: [ReadWriteOnce], storageClassName: harvester-longhorn, resources: {requests: {storage: 1Gi}}}
	END
	local mount='volumeMounts: [{name: s, mountPath: /s}]' volume='volumes: [{name: s, persistentVolumeClaim: {claimName: store}}]'
	pod writer 'echo kept >/s/f' "$mount" "$volume"
	within 20 phase_is writer Succeeded
	k delete pod writer
	pod reader 'cat /s/f' "$mount" "$volume"
	within 20 phase_is reader Succeeded
	run -0 k logs reader
	assert_output kept
	local volume_name
	volume_name=$(k get pvc store -o jsonpath='{.spec.volumeName}')
	k delete pod/reader pvc/store
	gone() { ! kubectl get pv "$volume_name"; }
	within 20 gone
	assert_not_exist "$RK3K_TESTBED/node/pv/$volume_name"
}

@test "bed: deletion gives the grace it says, and a finalizer holds the object" {
	pod held 'trap "exit 0" TERM; while :; do sleep 0.1; done'
	within 20 is_ready held
	k patch pod held --type=merge -p '{"metadata": {"finalizers": ["example.com/hold"]}}'
	k delete pod held --wait=false
	within 20 phase_is held Succeeded
	k patch pod held --type=merge -p '{"metadata": {"finalizers": null}}'
	k wait --for=delete pod/held --timeout=10s
}

@test "bed: an Ingress of class nginx serves the Secret's certificate" {
	local d=$BATS_TEST_TMPDIR name
	for name in front.test back.test; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
			-addext "subjectAltName=DNS:$name" -keyout "$d/$name.key" -out "$d/$name.crt" 2>/dev/null
		k create secret tls "$name" --cert "$d/$name.crt" --key "$d/$name.key"
	done
	pod secure 'exec openssl s_server -accept "$POD_IP:8443" -cert /tls/tls.crt -key /tls/tls.key -www' \
		'volumeMounts: [{name: tls, mountPath: /tls}]
	    readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}' 'volumes: [{name: tls, secret: {secretName: back.test}}]'
	k expose pod secure --port 443 --target-port 8443
	k create ingress front --class=nginx --rule='front.test/*=secure:443,tls=front.test' \
		--annotation nginx.ingress.kubernetes.io/backend-protocol=HTTPS
	within 20 curl -sSf -m 3 --cacert "$d/front.test.crt" --resolve front.test:443:10.90.0.1 https://front.test/
	run -0 k get ingress front -o jsonpath='{.status.loadBalancer.ingress[0].ip}'
	assert_output 10.90.0.1
}

@test "bed: the audit log has the requests of one client" {
	audit_mark
	k get configmap kube-root-ca.crt >/dev/null
	run -0 audit_requests kubectl/
	assert_line "get configmaps $NS/kube-root-ca.crt 200"
}

@test "bed: the API server comes back with what it had" {
	apiserver stop
	run ! kubectl get --raw /readyz
	apiserver start
	run -0 kubectl get namespace "$NS" -o name
	pod after 'exec sleep 600'
	within 30 is_ready after
}

@test "bed: a second one is another one, and down leaves nothing of it" {
	local dir=$BATS_TEST_TMPDIR/second ns
	"$RK3K_TOP/tests/env/up" "$dir" >/dev/null 2>&1 3>&-
	ns=$(cat "$dir/id")
	RK3K_TESTBED=$dir PLANE_HOME='' run -0 bed kubectl get namespaces -o name
	refute_line "namespace/$NS"
	"$RK3K_TOP/tests/env/down" "$dir" 3>&-
	assert_not_exist "$dir"
	assert_not_exist "/run/netns/$ns"
	# -s: other processes may end meanwhile
	assert_equal "$(grep -slzF "$dir" /proc/[0-9]*/cmdline)" ""
	"$RK3K_TOP/tests/env/down" "$dir" 3>&-
}

@test "bed: down cleans what a killed up has left" {
	local dir=$BATS_TEST_TMPDIR/killed pid ns
	"$RK3K_TOP/tests/env/up" "$dir" >/dev/null 2>&1 3>&- &
	pid=$!
	within 30 test -s "$dir/host/pid/kube-apiserver"
	kill -KILL "$pid"
	ns=$(cat "$dir/id")
	"$RK3K_TOP/tests/env/down" "$dir" 3>&-
	assert_not_exist "$dir"
	assert_not_exist "/run/netns/$ns"
}
