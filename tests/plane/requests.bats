#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# requests.bats - exactly what the tools ask of the API server, and no more. Those of apply, delete and
# wait for objects are in their own files. The plane is host and inside at once.
# bats file_tags=asan
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.0.21
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	own_crd helm.cattle.io v1 HelmChartConfig helmchartconfigs
	own_crd cert-manager.io v1 Certificate certificates
	own_crd cert-manager.io v1 CertificateRequest certificaterequests
	own_crd cert-manager.io v1 Issuer issuers
	own_crd acme.cert-manager.io v1 Challenge challenges
}
teardown_file() { own_down; }
setup() { own_home; }

# bats test_tags=quick
@test "status: exact requests: each object once, each list once" {
	own_virtual
	own_audit
	run --separate-stderr -1 rk3k status "$NS/rancher"
	assert_requests <<-END
		get /apis/k3k.io/v1beta1/namespaces/$NS/clusters/rancher 200
		get /apis/apps/v1/namespaces/$NS/statefulsets/k3k-rancher-server 404
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
		get /api/v1/namespaces/$NS/secrets/tls-rancher-ingress 404
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
		get /api/v1/namespaces/$NS/services/k3k-rancher-service 200
		get /version 200
		list /apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts?limit=500 200
		list /apis/batch/v1/namespaces/kube-system/jobs?limit=500&labelSelector=helmcharts.helm.cattle.io/chart 200
		list /api/v1/namespaces/kube-system/pods?limit=500&labelSelector=helmcharts.helm.cattle.io/chart 200
		get /apis/apps/v1/namespaces/cattle-system/deployments/rancher 404
	END
}

@test "status: exact requests: no such cluster, and is k3k there at all" {
	own_audit
	run --separate-stderr -3 rk3k status "$NS/nothing"
	assert_requests <<-END
		get /apis/k3k.io/v1beta1/namespaces/$NS/clusters/nothing 404
		get /apis/k3k.io 200
	END
}

@test "status: exact requests: a name alone costs one list" {
	own_audit
	run --separate-stderr -3 rk3k status nothing
	assert_requests <<-END
		list /apis/k3k.io/v1beta1/clusters?limit=500&fieldSelector=metadata.name* 200
		get /apis/k3k.io/v1beta1/namespaces/rancher-k3k/clusters/nothing 404
		get /apis/k3k.io 200
	END
}

@test "status, ingress status: exact requests: class and endpoints, once each" {
	run --separate-stderr -0 rk3k ingress apply "$NS/rancher" --host a.example.com
	own_audit
	run --separate-stderr -1 rk3k ingress status "$NS/rancher"
	assert_requests <<-END
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 200
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 200
		list /apis/discovery.k8s.io/v1/namespaces/$NS/endpointslices?limit=500&labelSelector=kubernetes.io/service-name* 200
		get /apis/networking.k8s.io/v1/ingressclasses/nginx 404
		get /api/v1/namespaces/$NS/secrets/tls-rancher-ingress 404
	END
}

@test "status -A: exact requests: one pass over the lists, page by page" {
	awk 'BEGIN { for (i = 0; i < 501; i++)
		printf "---\napiVersion: k3k.io/v1beta1\nkind: Cluster\nmetadata: {name: c%d}\nspec: {servers: 1}\n", i }' |
		rk3k apply -f - -q >/dev/null
	own_audit
	run --separate-stderr -0 rk3k status -A --no-headers
	[[ $(grep -c "^$NS " <<<"$output") -eq 501 ]]
	assert_requests <<-END
		list /apis/apps/v1/statefulsets?limit=500&labelSelector=role* 200
		list /apis/k3k.io/v1beta1/clusters?limit=500 200
		list /apis/k3k.io/v1beta1/clusters?limit=500&continue=* 200
	END
}

@test "ingress status: exact requests: one look at each of the three" {
	own_audit
	run --separate-stderr -1 rk3k ingress status "$NS/rancher"
	assert_requests <<-END
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
		get /api/v1/namespaces/$NS/secrets/tls-rancher-ingress 404
		get /apis/k3k.io 200
	END
}

@test "ingress apply: exact requests: writes once, then only looks" {
	own_audit
	run --separate-stderr -0 rk3k ingress apply "$NS/rancher" --host a.example.com
	assert_requests <<-END
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
		get /apis/k3k.io 200
		patch /api/v1/namespaces/$NS/services/rancher-k3k-traefik?fieldManager=rk3k 201
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
		patch /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress?fieldManager=rk3k 201
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-ingress 404
		get /api/v1/namespaces/$NS/services/rancher-traefik 404
	END
	own_audit
	run --separate-stderr -0 rk3k ingress apply "$NS/rancher" --host a.example.com
	assert_requests <<-END
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 200
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 200
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-ingress 404
		get /api/v1/namespaces/$NS/services/rancher-traefik 404
	END
}

@test "ingress restore, delete: exact requests: only what is missing is created" {
	run --separate-stderr -0 rk3k ingress apply "$NS/rancher" --host a.example.com
	kubectl create secret generic tls-rancher-ingress >/dev/null
	own_audit
	run --separate-stderr -0 rk3k ingress restore "$NS/rancher" --host a.example.com
	assert_requests <<-END
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 200
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 200
		get /api/v1/namespaces/$NS/secrets/tls-rancher-ingress 200
	END
	for code in 200 404; do
		own_audit
		run --separate-stderr -0 rk3k ingress delete "$NS/rancher"
		assert_requests <<-END
			get /apis/k3k.io 200
			delete /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress $code
			delete /api/v1/namespaces/$NS/services/rancher-k3k-traefik $code
			delete /api/v1/namespaces/$NS/secrets/tls-rancher-ingress $code
			get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-ingress 404
			get /api/v1/namespaces/$NS/services/rancher-traefik 404
		END
	done
}

# bats test_tags=quick
@test "cert-sync: exact requests: the way inside, the hosts, the source, the copy" {
	local code write
	own_virtual
	certificate "$BATS_TEST_TMPDIR/c" a.example.com
	kubectl get namespace cattle-system >/dev/null 2>&1 || kubectl create namespace cattle-system >/dev/null
	kubectl create secret tls tls-rancher-ingress -n cattle-system \
		--cert "$BATS_TEST_TMPDIR/c/tls.crt" --key "$BATS_TEST_TMPDIR/c/tls.key" >/dev/null
	for code in 404 200; do
		own_audit
		run --separate-stderr -0 rk3k cert-sync "$NS/rancher"
		write=
		[[ $code -eq 200 ]] || write="patch /api/v1/namespaces/$NS/secrets/tls-rancher-ingress?fieldManager=rk3k 201"
		assert_requests <<-END
			get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
			get /api/v1/namespaces/$NS/services/k3k-rancher-service 200
			get /version 200
			get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
			get /api/v1/namespaces/cattle-system/secrets/tls-rancher-ingress-all 404
			get /api/v1/namespaces/cattle-system/secrets/tls-rancher-ingress 200
			get /api/v1/namespaces/$NS/secrets/tls-rancher-ingress $code
			$write
		END
	done
	kubectl delete secret -n cattle-system tls-rancher-ingress >/dev/null
}

@test "kubeconfig generate, credential: exact requests: what k3k keeps, once" {
	own_virtual
	own_audit
	run --separate-stderr -0 rk3k credential "$NS/rancher"
	assert_requests <<-END
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
	END
	own_audit
	run --separate-stderr -3 rk3k kubeconfig generate "$NS/rancher" --cn jane -q
	assert_requests <<-END
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
		get /api/v1/namespaces/$NS/services/k3k-rancher-service 200
		get /version 200
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-bootstrap 404
		get /apis/k3k.io/v1beta1/namespaces/$NS/clusters/rancher 200
	END
}

@test "names: exact requests: one list, page by page" {
	own_audit
	run --separate-stderr -0 rk3k names namespace
	assert_requests <<-END
		list /api/v1/namespaces?limit=500 200
	END
}

@test "passthrough: exact requests: one look, one write, and none when it is so already" {
	local config=/apis/helm.cattle.io/v1/namespaces/kube-system/helmchartconfigs
	own_audit
	run --separate-stderr -0 rk3k passthrough apply
	assert_requests <<-END
		get $config/rke2-ingress-nginx 404
		get /apis/k3k.io 200
		create $config?fieldManager=rk3k 201
	END
	own_audit
	run --separate-stderr -0 rk3k passthrough apply
	assert_requests <<-END
		get $config/rke2-ingress-nginx 200
	END
	own_audit
	run --separate-stderr -0 rk3k passthrough revert
	assert_requests <<-END
		get $config/rke2-ingress-nginx 200
		delete $config/rke2-ingress-nginx 200
	END
}

@test "registries apply, diff: exact requests: each object once, and written once" {
	local cluster=/apis/k3k.io/v1beta1/namespaces/$NS/clusters/rancher inside ns verb
	local secret=/api/v1/namespaces/$NS/secrets/k3s-registry-config
	own_virtual
	inside="get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
		get /api/v1/namespaces/$NS/services/k3k-rancher-service 200
		get /version 200
		get /apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/rancher 404"
	own_audit
	run --separate-stderr -0 rk3k registries apply "$NS/rancher" --registry r.example.com
	assert_requests <<-END
		get /apis/k3k.io 200
		get $cluster 200
		get /api/v1/namespaces/$NS 200
		get $secret 404
		patch $secret?fieldManager=rk3k 201
		$inside
		patch $cluster?fieldManager=rk3k 200
	END
	for verb in apply diff; do
		own_audit
		run --separate-stderr -0 rk3k registries "$verb" "$NS/rancher" --registry r.example.com
		ns="get /api/v1/namespaces/$NS 200"
		[[ $verb == apply ]] || ns=
		assert_requests <<-END
			get /apis/k3k.io 200
			get $cluster 200
			$ns
			get $secret 200
			$inside
		END
	done
}

@test "preflight: exact requests: nothing is asked for twice" {
	kubectl create -f - >/dev/null <<<'{"apiVersion": "k3k.io/v1beta1", "kind": "Cluster", "metadata": {"name": "other"}}'
	run -0 rk3k config --set HOSTNAME=a.example.com --set "NAMESPACE=$NS" --no-prompt
	own_audit
	run --separate-stderr -1 rk3k preflight -c - --kubeconfig "$PLANE_KUBECONFIG" <<<"$output"
	diff -u - <(audit_uris | grep -v '&continue=' | uniq) <<-END
		get /version 200
		get /apis/k3k.io 200
		get /apis/k3k.io/v1beta1/namespaces/$NS/clusters/rancher 404
		list /apis/apps/v1/deployments?limit=500&labelSelector=app.kubernetes.io/name=k3k 200
		list /apis/k3k.io/v1beta1/clusters?limit=500 200
		list /apis/apps/v1/statefulsets?limit=500&labelSelector=role=server 200
		get /apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusters.k3k.io 200
		get /apis/authorization.k8s.io/v1 200
		create /apis/authorization.k8s.io/v1/selfsubjectaccessreviews?fieldManager=rk3k 201
		get /api/v1/namespaces/$NS 200
		list /api/v1/namespaces/$NS/limitranges?limit=500 200
		list /api/v1/namespaces/$NS/resourcequotas?limit=500 200
		list /api/v1/nodes?limit=500 200
		list /apis/storage.k8s.io/v1/storageclasses?limit=500 200
		get /apis/networking.k8s.io/v1 200
		list /apis/networking.k8s.io/v1/servicecidrs?limit=500 200
		list /apis/networking.k8s.io/v1/ingressclasses?limit=500 200
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-bootstrap 404
		list /apis/networking.k8s.io/v1/ingresses?limit=500 200
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
		list /api/v1/services?limit=500 200
	END
}

@test "kubeconfig get: exact requests: the Secret, the Service, and a try" {
	own_virtual
	own_audit
	run --separate-stderr -0 rk3k kubeconfig get "$NS/rancher" -q
	assert_requests <<-END
		get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200
		get /api/v1/namespaces/$NS/services/k3k-rancher-service 200
		get /version 200
	END
}

@test "kubeconfig list, render, ingress render: no requests at all" {
	own_audit
	run --separate-stderr -0 rk3k kubeconfig list
	run --separate-stderr -0 rk3k ingress render "$NS/rancher" --host a.example.com
	run -0 bed bash -c "'$RK3K_BIN/rk3k-config' --set HOSTNAME=a.example.com | '$RK3K_BIN/rk3k-render' all"
	assert_requests </dev/null
}

@test "kubeconfig export, preflight --host-only: exact requests: none; two" {
	own_audit
	run --separate-stderr -0 rk3k kubeconfig export
	assert_requests </dev/null
	run --separate-stderr -0 rk3k preflight --host-only
	assert_requests <<-END
		get /version 200
		get /apis/k3k.io 200
	END
}

# --- what stays, or waits ----------------------------------------------------------

# listed PATH [SELECTOR]: the two requests by which one is told of it.
listed() {
	printf '%s\n' "list $1?limit=500${2:+&$2} 200" \
		"watch $1?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=N${2:+&$2} 200"
}

# The way inside, from a host that has the Secret and the balancer's address.
inside() {
	printf '%s\n' "get /api/v1/namespaces/$NS/secrets/k3k-rancher-kubeconfig 200" \
		"get /api/v1/namespaces/$NS/services/k3k-rancher-service 200" "get /version 200"
}

# assert_asked < TABLE: the same in any order, since several lists are requested at once. The API server
# refuses the first list of a new kind with 429 while its storage starts; the repetition counts.
assert_asked() { diff -u <(sed '/^$/d' | sort) <(audit_uris | grep -v ' 429$' | sort); }

# waits STEP < TABLE
waits() {
	own_audit
	run --separate-stderr rk3k wait "$1" -c "$BATS_TEST_TMPDIR/doc" --timeout 2s \
		--resolve a.example.com:443:127.0.0.1 </dev/null
	assert_asked
}

@test "wait STEP: exact requests: what a step looks at is listed and watched, once" {
	local host="get /apis/k3k.io 200" core=/api/v1/namespaces apps=/apis/apps/v1/namespaces
	local cattle=cattle-system one=fieldSelector=metadata.name kind
	local cm=/apis/cert-manager.io/v1/namespaces/$cattle of=labelSelector=helmcharts.helm.cattle.io/chart
	own_virtual
	rk3k config -q --set "NAMESPACE=$NS" --set HOSTNAME=a.example.com >"$BATS_TEST_TMPDIR/doc"
	waits controller <<-END
		$host
		$(listed $apps/k3k-system/deployments)
		$(listed $core/k3k-system/pods)
		$(listed $core/k3k-system/events)
	END
	waits cluster <<-END
		$host
		$(listed "/apis/k3k.io/v1beta1/namespaces/$NS/clusters" $one=rancher)
		$(listed "$core/$NS/pods" labelSelector=cluster=rancher)
		$(listed "$apps/$NS/statefulsets" $one=k3k-rancher-server)
		$(listed "$core/$NS/secrets" $one=k3k-rancher-kubeconfig)
		$(listed "$core/$NS/persistentvolumeclaims")
		$(listed "$core/$NS/events")
		$(listed $apps/k3k-system/deployments)
		$(listed $core/k3k-system/pods)
		$(listed /apis/storage.k8s.io/v1/storageclasses)
	END
	for kind in cert-manager rancher; do
		[[ $kind == rancher ]] || cattle=cert-manager
		waits $kind <<-END
			$host
			$(inside)
			$(listed "/apis/k3k.io/v1beta1/namespaces/$NS/clusters" $one=rancher)
			$(listed /apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts $one=$kind)
			$(listed /apis/batch/v1/namespaces/kube-system/jobs $of=$kind)
			$(listed $core/kube-system/pods $of=$kind)
			$(listed $core/kube-system/secrets $one=chart-values-$kind)
			$(listed $core/kube-system/events)
			$(listed $apps/$cattle/deployments)
			$(listed $core/$cattle/pods)
			$(listed $core/$cattle/events)
		END
		cattle="cattle-system"
	done
	waits certificate <<-END
		$host
		$(inside)
		$(listed "/apis/k3k.io/v1beta1/namespaces/$NS/clusters" $one=rancher)
		$(listed $core/$cattle/secrets $one=tls-rancher-ingress)
		$(listed "$cm/certificates" $one=tls-rancher-ingress)
		$(listed "$cm/certificaterequests")
		$(listed "$cm/issuers")
		$(listed /apis/acme.cert-manager.io/v1/namespaces/$cattle/challenges)
	END
	waits url <<-END
		$(inside)
		$(listed "/apis/k3k.io/v1beta1/namespaces/$NS/clusters" $one=rancher)
		$(listed "/apis/networking.k8s.io/v1/namespaces/$NS/ingresses")
		get $core/$cattle/secrets/tls-rancher-ingress 404
		get $core/$cattle/secrets/tls-ca 404
	END
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": ["k3k.io/test"]}}' >/dev/null
	kubectl delete cluster rancher --wait=false >/dev/null
	waits teardown <<-END
		$host
		$(listed "/apis/k3k.io/v1beta1/namespaces/$NS/clusters" $one=rancher)
		$(listed "$core/$NS/pods" labelSelector=cluster=rancher,role=server)
		$(listed "$core/$NS/secrets")
	END
	kubectl patch cluster rancher --type merge -p '{"metadata": {"finalizers": null}}' >/dev/null
}

# watches TOOL ARG... < TABLE: what it asks for, and nothing else. How often depends on when the first
# events come: a change before a watch began brings another look.
watches() {
	local want count
	want=$(sed '/^$/d' | sort -u)
	count=$(wc -l <<<"$want")
	own_audit
	background "$BATS_TEST_TMPDIR/out" "$@"
	within 10 has_asked "$count" || true # what is missing is then shown
	sleep 0.5
	ended TERM 143
	diff -u <(cat <<<"$want") <(audit_uris | sort -u)
}
has_asked() { [[ $(audit_uris | sort -u | wc -l) -ge $1 ]]; }

@test "cert-sync, ingress apply, status: --watch: exact requests: lists and watches" {
	local core=/api/v1/namespaces/$NS net=/apis/networking.k8s.io/v1/namespaces/$NS one=fieldSelector=metadata.name
	local k3k=/apis/k3k.io/v1beta1/namespaces/$NS apps=/apis/apps/v1/namespaces cattle=/api/v1/namespaces/cattle-system
	local chart=labelSelector=helmcharts.helm.cattle.io/chart
	own_virtual
	certificate "$BATS_TEST_TMPDIR/c" a.example.com
	kubectl get namespace cattle-system >/dev/null 2>&1 || kubectl create namespace cattle-system >/dev/null
	kubectl create secret tls tls-rancher-ingress -n cattle-system \
		--cert "$BATS_TEST_TMPDIR/c/tls.crt" --key "$BATS_TEST_TMPDIR/c/tls.key" >/dev/null
	rk3k ingress apply "$NS/rancher" --host a.example.com -q >/dev/null
	rk3k cert-sync "$NS/rancher" -q >/dev/null
	# the second look is for what has changed before the watch inside began
	watches cert-sync "$NS/rancher" --host a.example.com --watch <<-END
		$(listed "$core/secrets" $one=tls-rancher-ingress)
		$(inside)
		$(listed $cattle/secrets fieldSelector=type=kubernetes.io/tls)
		get $cattle/secrets/tls-rancher-ingress 200
		get $core/secrets/tls-rancher-ingress 200
		get $cattle/secrets/tls-rancher-ingress 200
		get $core/secrets/tls-rancher-ingress 200
	END
	watches ingress apply "$NS/rancher" --host a.example.com --watch <<-END
		$(listed "$net/ingresses" $one=rancher-k3k-ingress)
		$(listed "$core/services" $one=rancher-k3k-traefik)
		get $core/services/rancher-k3k-traefik 200
		get $net/ingresses/rancher-k3k-ingress 200
		get $net/ingresses/rancher-ingress 404
		get $core/services/rancher-traefik 404
	END
	watches status "$NS/rancher" --watch <<-END
		$(listed "$k3k/clusters")
		$(listed "$apps/$NS/statefulsets")
		$(listed "$core/secrets")
		$(listed "$net/ingresses")
		$(listed "$core/services")
		get $k3k/clusters/rancher 200
		get $apps/$NS/statefulsets/k3k-rancher-server 404
		get $net/ingresses/rancher-k3k-ingress 200
		get $core/services/rancher-k3k-traefik 200
		get $core/secrets/tls-rancher-ingress 200
		get /apis/networking.k8s.io/v1/ingressclasses/nginx 404
		list /apis/discovery.k8s.io/v1/namespaces/$NS/endpointslices?limit=500&labelSelector=kubernetes.io/service-name=rancher-k3k-traefik 200
		$(inside)
		get $cattle/secrets/tls-ca 404
		list /apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts?limit=500 200
		list /apis/batch/v1/namespaces/kube-system/jobs?limit=500&$chart 200
		list /api/v1/namespaces/kube-system/pods?limit=500&$chart 200
		get $apps/cattle-system/deployments/rancher 404
		get $cattle/secrets/tls-rancher-ingress 200
	END
	kubectl delete secret -n cattle-system tls-rancher-ingress >/dev/null
}

# The rest it asks Rancher.
@test "tf-setup: exact requests: the Ingress, and Rancher's CA inside" {
	own_virtual
	rk3k ingress apply "$NS/rancher" --host a.example.com -q >/dev/null
	own_audit
	run --separate-stderr -4 rk3k tf-setup "$NS/rancher" --first-login --dir "$BATS_TEST_TMPDIR" --timeout 1s \
		--resolve a.example.com:443:127.0.0.1
	assert_requests <<-END
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 200
		$(inside)
		get /api/v1/namespaces/cattle-system/secrets/tls-ca 404
		get /api/v1/namespaces/cattle-system/secrets/tls-rancher 404
	END
}
