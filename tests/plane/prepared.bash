# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# prepared.bash - a plane that is host cluster and virtual cluster at once, and holds something to read,
# change and delete for each of commands.bash.
#
#   setup_file() { prepared_up 127.77.0.1; }   teardown_file() { own_down; }   setup() { prepared_home; }

load own

prepared_up() { # ADDRESS
	local cert=$BATS_FILE_TMPDIR/cert
	own_up "$1"
	own_crd helm.cattle.io v1 HelmChart helmcharts
	own_crd helm.cattle.io v1 HelmChartConfig helmchartconfigs
	own_crd cert-manager.io v1 Certificate certificates
	own_crd cert-manager.io v1 Issuer issuers
	prepared_home
	helm install k3k k3k --version 1.0.2 --repo "$(bed printenv CHART_HTTP_PUBLIC)" \
		-n k3k-system --create-namespace >/dev/null
	kubectl wait --for=condition=Established crd/clusters.k3k.io >/dev/null
	certificate "$cert" rancher.example.com
	certificate "$cert/old" rancher.example.com
	prepared_objects
}

# A home whose kubeconfig is the plane's, in the namespace of the settings' default.
prepared_home() {
	PLANE_HOME=$BATS_FILE_TMPDIR/home PLANE_KUBECONFIG=$BATS_FILE_TMPDIR/home/.kube/config
	export PLANE_HOME PLANE_KUBECONFIG
	mkdir -p "$PLANE_HOME/.kube"
	install -m 600 "$OWN/admin.kubeconfig" "$PLANE_KUBECONFIG"
	kubectl config set-context default --namespace rancher-k3k >/dev/null
}

# What the rancher-k3k scripts leave on a host cluster, and what belongs to a virtual cluster.
prepared_objects() {
	local cert=$BATS_FILE_TMPDIR/cert
	for ns in rancher-k3k cattle-system; do
		kubectl create namespace "$ns" >/dev/null
	done
	own_virtual
	rk3k ingress render --host rancher.example.com --service rancher-traefik --ingress rancher-ingress |
		kubectl apply -f - >/dev/null
	kubectl apply -f - >/dev/null <<-'END'
		apiVersion: helm.cattle.io/v1
		kind: HelmChart
		metadata: {name: rancher, namespace: kube-system}
		spec: {chart: rancher, valuesContent: "hostname: rancher.example.com\n"}
	END
	kubectl create configmap one >/dev/null
	kubectl label configmap one a=b >/dev/null
	kubectl create secret tls tls-rancher-ingress --cert="$cert/old/tls.crt" --key="$cert/old/tls.key" >/dev/null
	kubectl create secret tls tls-rancher-ingress --cert="$cert/tls.crt" --key="$cert/tls.key" -n cattle-system >/dev/null
	kubectl create secret generic k3s-registry-config >/dev/null
	kubectl create serviceaccount ingress-reconciler >/dev/null
	kubectl create clusterrole ingress-reconciler-nodes --verb get --resource nodes >/dev/null
	kubectl create poddisruptionbudget k3k-rancher-server --selector a=b --min-available 2 >/dev/null
	rk3k passthrough apply -q >/dev/null 2>&1
	prepared_kept >"$BATS_FILE_TMPDIR/prepared.json"
}

# The same as text, to be applied again.
prepared_kept() {
	kubectl get -A -o json namespace,configmap,secret,serviceaccount,service,ingress,clusterrole,pdb,clusters.k3k.io,helmcharts,helmchartconfigs |
		jq '.items |= map(select(.metadata.namespace // .metadata.name |
			IN("rancher-k3k", "cattle-system", "kube-system", "ingress-reconciler-nodes"))
			| select(.metadata.name | IN("default", "kube-root-ca.crt", "extension-apiserver-authentication") or
				test("^system:|controller$") | not)
			| del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.managedFields, .metadata.creationTimestamp,
				.metadata.generation, .spec.clusterIP, .spec.clusterIPs))'
}

# After a command has changed or deleted some of it.
prepared_again() { kubectl apply --server-side --force-conflicts -f "$BATS_FILE_TMPDIR/prepared.json" >/dev/null; }
