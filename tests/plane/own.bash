# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# own.bash - a control plane for one bats file, on a loopback address of the bed's network: nothing
# else acts on it, and it may be stopped. Its virtual cluster is itself, where a test needs one.
#
#   setup_file() { own_up 127.77.0.1; }   teardown_file() { own_down; }   setup() { own_home; }

own_up() { # ADDRESS
	export OWN=$BATS_FILE_TMPDIR/plane OWN_ADDRESS=$1
	bed plane start "$OWN" --name own --address "$1" --service-cidr 10.199.0.0/16 \
		--pod-cidr 10.198.0.0/16 --sans k3k-rancher-service --no-scheduler >/dev/null
}

own_down() { bed plane stop "$OWN" >/dev/null; }

# A home whose kubeconfig is the plane's, and a namespace NS.
own_home() {
	PLANE_HOME=$BATS_TEST_TMPDIR/home
	PLANE_KUBECONFIG=$PLANE_HOME/.kube/config
	export PLANE_HOME PLANE_KUBECONFIG
	mkdir -p "$PLANE_HOME/.kube"
	cp "$OWN/admin.kubeconfig" "$PLANE_KUBECONFIG"
	chmod 600 "$PLANE_KUBECONFIG"
	plane_namespace own
	kubectl config set-context default --namespace "$NS" >/dev/null
}

own_audit() { audit_from "$OWN/log/audit.json"; }

# account VERBS RESOURCES: PLANE_KUBECONFIG becomes that of a service account with these rights in NS.
own_account() {
	local token
	kubectl create serviceaccount limited >/dev/null
	[[ -z $1 ]] || {
		kubectl create role limited --verb "$1" --resource "$2" >/dev/null
		kubectl create rolebinding limited --role limited --serviceaccount "$NS:limited" >/dev/null
	}
	token=$(kubectl create token limited)
	kubectl config set-credentials limited --token "$token" >/dev/null
	kubectl config set-context default --user limited >/dev/null
}

# CustomResourceDefinitions, as open as can be: the controllers behind them are not here.
own_crd() { # GROUP VERSION KIND PLURAL
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" apply -f - >/dev/null <<-END
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: $4.$1}
		spec:
		  group: $1
		  scope: Namespaced
		  names: {kind: $3, plural: $4, singular: ${3,,}}
		  versions:
		  - name: $2
		    served: true
		    storage: true
		    subresources: {status: {}}
		    schema:
		      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
	END
	bed kubectl --kubeconfig "$OWN/admin.kubeconfig" wait --for=condition=Established "crd/$4.$1" >/dev/null
}

# A virtual cluster behind a load balancer, whose inside is this plane.
own_virtual() { # [NAME]
	kubectl apply -f - <<-END >/dev/null
		apiVersion: k3k.io/v1beta1
		kind: Cluster
		metadata: {name: ${1:-rancher}}
		spec: {mode: virtual, servers: 1}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: k3k-${1:-rancher}-service}
		spec:
		  type: LoadBalancer
		  allocateLoadBalancerNodePorts: false
		  ports: [{name: k3s-server-port, port: 6443}]
	END
	kubectl patch service "k3k-${1:-rancher}-service" --subresource status --type merge \
		-p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"${OWN_INSIDE:-$OWN_ADDRESS}\"}]}}}" >/dev/null
	kubectl create secret generic "k3k-${1:-rancher}-kubeconfig" --from-file="kubeconfig.yaml=$OWN/admin.kubeconfig" >/dev/null
}
