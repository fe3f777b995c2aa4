#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# requests.bats - exactly what the tools that read ask of the API server, and no more. Those of
# cert-sync, apply, delete and wait are in their own files. The plane is host and inside at once.
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() {
	own_up 127.77.0.21
	own_crd k3k.io v1beta1 Cluster clusters
	own_crd helm.cattle.io v1 HelmChart helmcharts
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
	END
}

@test "ingress apply: exact requests: writes once, then only looks" {
	own_audit
	run --separate-stderr -0 rk3k ingress apply "$NS/rancher" --host a.example.com
	assert_requests <<-END
		get /api/v1/namespaces/$NS/services/rancher-k3k-traefik 404
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
