#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# env-traefik.bats - the bed's second ingress controller routes as an unmodified rke2-traefik does.
# shellcheck disable=SC2154,SC2016

load ../helpers

setup_file() {
	export T=$BATS_FILE_TMPDIR NS=front-$BASHPID
	tests_env traefik start "$RK3K_TESTBED" --gateway
	kubectl create namespace "$NS" >/dev/null
	certificate "$T" inside.example.test -- -subj /CN=inside
	kubectl create secret tls inside -n "$NS" --cert="$T/tls.crt" --key="$T/tls.key" >/dev/null
	backend
}

teardown_file() {
	kubectl delete namespace "$NS" --wait=false >/dev/null
	tests_env traefik stop "$RK3K_TESTBED"
}

tests_env() { "$RK3K_TOP/tests/env/$1" "${@:2}" 3>&-; }

# A pod that ends TLS with its own certificate, behind a Service.
backend() {
	kubectl apply -n "$NS" -f - >/dev/null <<-'END'
		apiVersion: v1
		kind: Pod
		metadata: {name: inside, labels: {app: inside}}
		spec:
		  terminationGracePeriodSeconds: 1
		  containers:
		  - name: main
		    image: registry.example:5000/mirror/library/busybox:1
		    command: [sh, -c, 'cd /data && echo pong >ping && exec openssl s_server -quiet -WWW -accept "$POD_IP:8443" -cert /tls/tls.crt -key /tls/tls.key']
		    ports: [{name: https, containerPort: 8443}]
		    readinessProbe: {tcpSocket: {port: https}, periodSeconds: 1}
		    volumeMounts: [{name: data, mountPath: /data}, {name: tls, mountPath: /tls}]
		  volumes: [{name: data, emptyDir: {}}, {name: tls, secret: {secretName: inside}}]
		---
		apiVersion: v1
		kind: Service
		metadata: {name: inside}
		spec: {selector: {app: inside}, ports: [{name: https, port: 443, targetPort: https}]}
	END
	within 30 kubectl wait -n "$NS" --for=condition=Ready pod/inside --timeout=2s
}

# The answer of HOST through the second controller, under the certificate of the pod.
ask() { curl -sS -m 5 --cacert "$T/tls.crt" --resolve "$1:443:10.90.0.2" "https://$1/ping"; }

answers() { [[ $(ask "$1") == pong ]]; }

@test "bed: Traefik passes TLS through by an IngressRouteTCP of its class only" {
	local route='{apiVersion: traefik.io/v1alpha1, kind: IngressRouteTCP, metadata: {name: inside}, spec: {entryPoints: [websecure],
		routes: [{match: "HostSNI(`inside.example.test`)", services: [{name: inside, port: 443}]}], tls: {passthrough: true}}}'
	kubectl apply -n "$NS" -f - <<<"$route" >/dev/null
	sleep 2 # without the class the provider leaves it alone
	run ! answers inside.example.test
	kubectl annotate -n "$NS" ingressroutetcp inside kubernetes.io/ingress.class=traefik >/dev/null
	within 20 answers inside.example.test
	kubectl delete -n "$NS" ingressroutetcp inside >/dev/null
}

@test "bed: Traefik passes TLS through by a Gateway and a TLSRoute" {
	kubectl apply -n "$NS" -f - >/dev/null <<-'END'
		apiVersion: gateway.networking.k8s.io/v1
		kind: Gateway
		metadata: {name: inside}
		spec:
		  gatewayClassName: traefik
		  listeners: [{name: tls, protocol: TLS, port: 8443, hostname: inside.example.test, tls: {mode: Passthrough}}]
		---
		apiVersion: gateway.networking.k8s.io/v1alpha2
		kind: TLSRoute
		metadata: {name: inside}
		spec:
		  parentRefs: [{name: inside}]
		  hostnames: [inside.example.test]
		  rules: [{backendRefs: [{name: inside, port: 443}]}]
	END
	within 20 kubectl wait -n "$NS" --for=condition=Programmed gateway/inside --timeout=2s
	within 20 answers inside.example.test
}
