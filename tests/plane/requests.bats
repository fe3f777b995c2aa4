#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# requests.bats - exactly what the tools that read ask of the API server, and no more. Those of
# apply, delete and wait are in their own files. The plane is host and inside at once.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.0.21
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
	own_crd helm.cattle.io v1 HelmChartConfig helmchartconfigs
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
		get /api/v1/namespaces/cattle-system/secrets/tls-rancher-ingress-all 404
		get /api/v1/namespaces/cattle-system/secrets/tls-rancher-ingress 404
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

@test "status -A: exact requests: one pass over the list, page by page" {
	awk 'BEGIN { for (i = 0; i < 501; i++)
		printf "---\napiVersion: k3k.io/v1beta1\nkind: Cluster\nmetadata: {name: c%d}\nspec: {servers: 1}\n", i }' |
		rk3k apply -f - -q >/dev/null
	own_audit
	run --separate-stderr -0 rk3k status -A --no-headers
	[[ $(grep -c "^$NS " <<<"$output") -eq 501 ]]
	assert_requests <<-END
		list /apis/k3k.io/v1beta1/clusters?limit=500 200
		list /apis/k3k.io/v1beta1/clusters?limit=500&continue=* 200
	END
}

@test "ingress status: exact requests: one look at each of the three" {
	own_audit
	run --separate-stderr -1 rk3k ingress status "$NS/rancher"
	assert_requests <<-END
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
		get /apis/networking.k8s.io/v1/namespaces/$NS/ingresses/rancher-k3k-ingress 404
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

@test "ingress restore, delete: exact requests: only what is missing is made; absent is a 404" {
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
	run -0 rk3k config --set HOSTNAME=a.example.com --no-prompt
	own_audit
	run --separate-stderr -1 rk3k preflight -c - --kubeconfig "$PLANE_KUBECONFIG" <<<"$output"
	run -0 audit_uris
	assert_equal "$(grep -v selfsubjectaccessreviews <<<"$output" | sort | uniq -d)" ""
	assert_line "list /api/v1/nodes?limit=500 200"
	assert_line "list /apis/networking.k8s.io/v1/ingresses?limit=500 200"
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
