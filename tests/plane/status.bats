#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# status.bats - what status shows of a virtual cluster, object by object. The plane is host and inside
# at once; what a whole deployment looks like is in deploy.bats, the exact requests in requests.bats.
# shellcheck disable=SC2154

load ../helpers
load own

setup_file() {
	own_up 127.77.0.26
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" create -f - >/dev/null <<-END
		apiVersion: networking.k8s.io/v1
		kind: IngressClass
		metadata: {name: nginx}
		spec: {controller: k8s.io/ingress-nginx}
	END
	kubectl --kubeconfig "$OWN/admin.kubeconfig" create namespace cattle-system >/dev/null
}
teardown_file() { own_down; }
setup() { own_home; }
teardown() {
	[[ -z ${WEB:-} ]] || pkill -P "$WEB" || kill "$WEB" 2>/dev/null || true
	kubectl delete secret,deployment -n cattle-system --all >/dev/null
}

status() { run --separate-stderr rk3k status "$@"; }

# tls NAMESPACE NAME DIR: the pair of certificate() as a Secret.
tls() { kubectl create secret tls "$2" -n "$1" --cert="$3/tls.crt" --key="$3/tls.key" >/dev/null; }

# The only pod with LABEL is ready; its controller counts it.
ready_pod() { # NAMESPACE LABEL
	local pod
	pod=$(kubectl get pod -n "$1" -l "$2" -o name) && [[ -n $pod ]] &&
		kubectl patch -n "$1" "$pod" --subresource status --type merge \
			-p '{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'
}

# Cluster, server and Rancher as they should be.
complete() {
	own_virtual
	kubectl patch cluster rancher --subresource status --type merge -p '{"status": {"phase": "Ready"}}' >/dev/null
	kubectl create -f - >/dev/null <<-END
		apiVersion: apps/v1
		kind: StatefulSet
		metadata: {name: k3k-rancher-server}
		spec:
		  serviceName: x
		  selector: {matchLabels: {cluster: rancher}}
		  template: {metadata: {labels: {cluster: rancher}}, spec: {containers: [{name: c, image: i}]}}
		---
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: rancher, namespace: cattle-system}
		spec:
		  selector: {matchLabels: {app: rancher}}
		  template: {metadata: {labels: {app: rancher}}, spec: {containers: [{name: c, image: i}]}}
	END
	within 30 ready_pod "$NS" cluster=rancher
	within 30 ready_pod cattle-system app=rancher
	within 30 counted
}

counted() {
	[[ $(kubectl get statefulset k3k-rancher-server -o 'jsonpath={.status.readyReplicas}') == 1 &&
	$(kubectl get deployment rancher -n cattle-system -o 'jsonpath={.status.availableReplicas}') == 1 ]]
}

# served HOST[,HOST] [FLAG...]: Service and Ingress on the host, the same certificate on both sides.
served() {
	local hosts
	IFS=, read -ra hosts <<<"$1"
	certificate "$BATS_TEST_TMPDIR/a" "${hosts[@]}" -- -subj /CN=served
	rk3k ingress apply "$NS/rancher" -q --host "$1" "${@:2}" >/dev/null
	endpoint "$(kubectl get service -l app.kubernetes.io/managed-by=rk3k -o 'jsonpath={.items[0].metadata.name}')"
}

# The pods of this plane have no node, so its controllers make none.
endpoint() { # SERVICE
	kubectl create -f - >/dev/null <<-END
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: $1-test, labels: {kubernetes.io/service-name: $1}}
		addressType: IPv4
		endpoints: [{addresses: [10.198.0.9], conditions: {ready: true}}]
	END
}

# answering STATUS [BODY]: what the host's ingress controller answers, under the pair of served. The
# Ingress has its address, the host name is in no DNS.
answering() {
	kubectl patch ingress rancher-k3k-ingress --subresource status --type merge \
		-p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$OWN_ADDRESS\"}]}}}" >/dev/null
	kubectl create secret generic tls-ca -n cattle-system --from-file="cacerts.pem=$BATS_TEST_TMPDIR/a/tls.crt" >/dev/null
	bed python3 - "$OWN_ADDRESS" "$BATS_TEST_TMPDIR/a" "$@" >/dev/null 2>&1 <<-'END' &
		import http.server, socketserver, ssl, sys
		class Answer(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = "".join(sys.argv[4:]).encode()
		        self.send_response(int(sys.argv[3]))
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		socketserver.TCPServer.allow_reuse_address = True
		server = socketserver.TCPServer((sys.argv[1], 443), Answer)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[2] + "/tls.crt", sys.argv[2] + "/tls.key")
		server.socket = context.wrap_socket(server.socket, server_side=True)
		server.serve_forever()
	END
	WEB=$!
	within 20 bed bash -c "exec 5<>/dev/tcp/$OWN_ADDRESS/443"
}

@test "status: names of one's own, by flags and by deploy.conf, show the truth" {
	local flags=(--service door --ingress gate --secret copy)
	complete
	served a.example.com "${flags[@]}"
	tls "$NS" copy "$BATS_TEST_TMPDIR/a"
	tls cattle-system source "$BATS_TEST_TMPDIR/a"
	status "$NS/rancher"
	assert_failure 1
	[[ $stderr == *"no Ingress $NS/rancher-k3k-ingress"* ]]
	status "$NS/rancher" "${flags[@]}" --from source -o json
	assert_success
	assert_equal "$(jq -c '[.problems, .certificates.agree, .urls]' <<<"$output")" '[[],true,["https://a.example.com"]]'
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	printf '%s\n' HOSTNAME=a.example.com "NAMESPACE=$NS" SERVICE_NAME=door INGRESS_NAME=gate TLS_SECRET=copy \
		CA_CERT_PATH=/long/gone.pem >"$BATS_TEST_TMPDIR/deploy.conf"
	status -c "$BATS_TEST_TMPDIR/deploy.conf"
	assert_success
	assert_line --regexp "^cluster +Ready +$NS/rancher"
	assert_line --regexp '^certificate on host +valid'
	sed -i /CA_CERT_PATH/d "$BATS_TEST_TMPDIR/deploy.conf"
	run --separate-stderr -0 bash -c "'$RK3K_BIN/rk3k-config' -c '$BATS_TEST_TMPDIR/deploy.conf' >'$BATS_TEST_TMPDIR/doc'"
	status -c "$BATS_TEST_TMPDIR/doc"
	assert_success
}

@test "status: what is missing is reported with the complete command that creates it" {
	complete
	status "$NS/rancher" --ingress gate --secret copy
	assert_failure 1
	[[ $stderr == *"no Ingress $NS/gate on the host cluster; run: kubectl rk3k ingress restore $NS/rancher --ingress gate --secret copy"* ]]
	assert_line --regexp '^certificate on host +missing'
}

@test "status: two certificates that differ" {
	complete
	served a.example.com
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	certificate "$BATS_TEST_TMPDIR/b" a.example.com
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/b"
	status "$NS/rancher"
	assert_failure 1
	assert_line --regexp '^certificate inside +valid'
	assert_line --regexp '^certificate on host +differs'
	[[ $stderr == *"run: kubectl rk3k cert-sync $NS/rancher"* ]]
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher"
	status "$NS/rancher"
	assert_success
}

@test "status, cert-sync, ingress restore: the certificate of all host names counts" {
	complete
	certificate "$BATS_TEST_TMPDIR/b" a.example.com
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/b" # the chart's, of the primary name
	served a.example.com,b.example.com
	tls cattle-system tls-rancher-ingress-all "$BATS_TEST_TMPDIR/a"
	run --separate-stderr -0 rk3k cert-sync "$NS/rancher"
	status "$NS/rancher"
	assert_success
	kubectl delete secret tls-rancher-ingress >/dev/null
	run --separate-stderr -0 rk3k ingress restore "$NS/rancher"
	assert_output "secret/tls-rancher-ingress created"
	status "$NS/rancher" -o json
	assert_success
	assert_equal "$(jq -c '[.certificates.agree, (.urls | length)]' <<<"$output")" '[true,2]'
	run --separate-stderr -1 rk3k cert-sync "$NS/rancher" --from tls-rancher-ingress
	[[ $stderr == *"b.example.com"* ]]
}

@test "status: a Cluster that is being deleted is not Ready" {
	own_virtual
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": ["k3k.io/test"]}}' >/dev/null
	kubectl patch cluster rancher --subresource status --type merge -p '{"status": {"phase": "Ready"}}' >/dev/null
	kubectl delete cluster rancher --wait=false >/dev/null
	status "$NS/rancher"
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null
	assert_failure 1
	assert_line --regexp '^cluster +Terminating'
}

# bats test_tags=quick
@test "status, ingress status: a URL that answers 502 is a problem" {
	complete
	served a.example.com
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	answering 502
	status "$NS/rancher"
	assert_failure 1
	assert_line --regexp '^url +fails +https://a.example.com: the ingress controller reaches nothing behind it \(502\)'
	assert_line --regexp '^service +exists +rancher-k3k-traefik, 1 ready endpoint'
	assert_line --regexp "^ingress +exists +rancher-k3k-ingress, class nginx, at $OWN_ADDRESS"
	[[ $stderr == *"reaches nothing behind it (502); asked at $OWN_ADDRESS"* ]]
	run --separate-stderr -1 rk3k ingress status "$NS/rancher"
	assert_line --regexp '^URL +https://a.example.com +fails +.*\(502\)'
	run --separate-stderr -1 rk3k ingress status "$NS/rancher" -o json
	assert_equal "$(jq -c '.exposure.urls[0] | [.state, .status]' <<<"$output")" '["fails",502]'
}

@test "status, ingress status: a URL that answers, by address and by name" {
	complete
	served a.example.com
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	answering 200 pong
	status "$NS/rancher"
	assert_success
	assert_line --regexp "^url +answers +https://a.example.com at $OWN_ADDRESS"
	[[ $stderr == *"Rancher answers at $OWN_ADDRESS, but not by name from here"* ]]
	status "$NS/rancher" --resolve "a.example.com:443:$OWN_ADDRESS"
	assert_success
	assert_line --regexp '^url +answers +https://a.example.com$'
	assert_equal "$stderr" ""
	run --separate-stderr -0 rk3k ingress status "$NS/rancher" --resolve "a.example.com:443:$OWN_ADDRESS"
	assert_line --regexp '^URL +https://a.example.com +answers'
}

@test "status: a URL under another certificate than the deployment's is a problem" {
	complete
	served a.example.com
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	answering 200 pong
	certificate "$BATS_TEST_TMPDIR/b" a.example.com
	kubectl delete secret tls-ca -n cattle-system >/dev/null
	kubectl create secret generic tls-ca -n cattle-system --from-file="cacerts.pem=$BATS_TEST_TMPDIR/b/tls.crt" >/dev/null
	status "$NS/rancher" -o json
	assert_failure 1
	assert_equal "$(jq -r '.exposure.urls[0].state' <<<"$output")" fails
}

@test "status: an Ingress of a class that does not exist, a Service without endpoints" {
	complete
	served a.example.com --class gone
	tls "$NS" tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	tls cattle-system tls-rancher-ingress "$BATS_TEST_TMPDIR/a"
	kubectl delete endpointslice rancher-k3k-traefik-test >/dev/null
	status "$NS/rancher"
	assert_failure 1
	assert_line --regexp '^service +no endpoints'
	assert_line --regexp '^ingress +not served +rancher-k3k-ingress, class gone'
	assert_line --regexp '^url +unknown'
	[[ $stderr == *"IngressClass gone not found: no controller serves Ingress $NS/rancher-k3k-ingress"* ]]
}

@test "status: a virtual cluster without Rancher is not a problem" {
	complete
	kubectl delete deployment rancher -n cattle-system >/dev/null
	status "$NS/rancher"
	assert_success
	assert_line --regexp '^rancher +none'
	refute_output --regexp '^(url|service|ingress|certificate)'
	assert_equal "$stderr" ""
	kubectl label cluster rancher app.kubernetes.io/managed-by=rk3k >/dev/null # deploy's own
	status "$NS/rancher"
	assert_failure 1
	[[ $stderr == *"Rancher is not deployed"*"no Ingress $NS/rancher-k3k-ingress"* ]]
}

@test "status: a name without a namespace finds the only cluster, as does -n" {
	own_virtual four-$BASHPID
	run --separate-stderr -1 rk3k status "four-$BASHPID"
	assert_line --regexp "^cluster +.*$NS/four-$BASHPID"
	run --separate-stderr -1 rk3k status # the context's namespace has only that
	assert_line --regexp "^cluster +.*$NS/four-$BASHPID"
	kubectl create namespace "$NS-b" >/dev/null
	kubectl config set-context default --namespace default >/dev/null
	run --separate-stderr -1 rk3k status -n "$NS"
	assert_line --regexp "^cluster +.*$NS/four-$BASHPID"
	kubectl create -n "$NS-b" -f - >/dev/null <<-END
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: four-$BASHPID}
	END
	for tool in status cert-sync 'ingress status' 'kubeconfig get' 'tf-setup'; do
		# shellcheck disable=SC2086 # a verb of its own
		run --separate-stderr -5 rk3k $tool "four-$BASHPID"
		[[ $stderr == *"$NS-b/four-$BASHPID, $NS/four-$BASHPID"*"give one as NAMESPACE/NAME"* ]]
	done
	run --separate-stderr -2 rk3k status -n ''
	[[ $stderr == *"the name must not be empty"* ]]
	kubectl delete namespace "$NS-b" --wait=false >/dev/null
}

@test "password: the first one, to standard output, with a word once it was used" {
	own_virtual
	run --separate-stderr -3 rk3k password "$NS/rancher"
	[[ $stderr == *"has no Secret cattle-system/bootstrap-secret"* ]]
	kubectl create secret generic bootstrap-secret -n cattle-system --from-literal=bootstrapPassword=first-word >/dev/null
	run --separate-stderr -0 rk3k password "$NS/rancher"
	assert_output first-word
	assert_equal "$stderr" ""
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" create -f - >/dev/null <<-END
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: settings.management.cattle.io}
		spec:
		  group: management.cattle.io
		  scope: Cluster
		  names: {kind: Setting, plural: settings, singular: setting}
		  versions: [{name: v3, served: true, storage: true, schema: {openAPIV3Schema: {type: object,
		    x-kubernetes-preserve-unknown-fields: true}}}]
	END
	kubectl wait --for=condition=Established crd/settings.management.cattle.io >/dev/null
	kubectl create -f - >/dev/null <<-END
		{apiVersion: management.cattle.io/v3, kind: Setting, metadata: {name: first-login}, value: "false"}
	END
	run --separate-stderr -0 rk3k password "$NS/rancher"
	assert_output first-word
	[[ $stderr == *"the first login has taken place"* ]]
	kubectl delete crd settings.management.cattle.io >/dev/null
}
