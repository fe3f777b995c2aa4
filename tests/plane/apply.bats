#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# apply.bats - rk3k-apply against a real API server.
# bats file_tags=asan
# shellcheck disable=SC2154

load ../helpers
load ../audit
load own

setup_file() { own_up 127.77.0.1; }
teardown_file() { own_down; }
setup() { own_home; }

apply() { run --separate-stderr rk3k apply "$@"; }

config_map() { # NAME VALUE
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  a: "%s"\n' "$1" "$2"
}

secret() { # NAME KEY=VALUE...
	printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\nstringData:\n' "$1"
	printf '  %s\n' "${@:2}"
}

# bats test_tags=quick
@test "apply: created, unchanged, configured, and says where" {
	apply <<<"$(config_map x 1)"
	assert_success
	assert_output "configmap/x created"
	assert_equal "$stderr" "rk3k-apply: context default, server https://$OWN_ADDRESS:6443"
	apply <<<"$(config_map x 1)"
	assert_output "configmap/x unchanged"
	apply -q <<<"$(config_map x 2)"
	assert_output "configmap/x configured"
	assert_equal "$stderr" ""
	run kubectl get configmap x -o jsonpath='{.data.a}'
	assert_output 2
}

@test "apply: exact requests, nothing written twice" {
	own_audit
	apply <<<"$(config_map x 1)"
	assert_requests <<-END
		get /api/v1/namespaces/$NS/configmaps/x 404
		patch /api/v1/namespaces/$NS/configmaps/x?fieldManager=rk3k 201
	END
	own_audit
	apply <<<"$(config_map x 1)"
	assert_requests <<-END
		get /api/v1/namespaces/$NS/configmaps/x 200
	END
	own_audit
	apply --dry-run=client <<<"$(config_map x 2)"
	assert_requests <<-END
		get /api/v1/namespaces/$NS/configmaps/x 200
	END
}

@test "apply: namespaces and new kinds come first, whatever the order" {
	local g=g$BASHPID.example.com
	apply <<-END
		apiVersion: $g/v1
		kind: Widget
		metadata: {name: w, namespace: $NS-new}
		spec: {size: 3}
		---
		apiVersion: v1
		kind: Namespace
		metadata: {name: $NS-new}
		---
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: widgets.$g}
		spec:
		  group: $g
		  scope: Namespaced
		  names: {plural: widgets, singular: widget, kind: Widget}
		  versions:
		  - name: v1
		    served: true
		    storage: true
		    schema:
		      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
	END
	assert_success
	assert_line --index 0 "namespace/$NS-new created"
	assert_line --index 1 "customresourcedefinition.apiextensions.k8s.io/widgets.$g created"
	assert_line --index 2 "widget.$g/w created"
	run kubectl get "widgets.$g/w" -n "$NS-new" -o jsonpath='{.spec.size}'
	assert_output 3
}

@test "apply: JSON, several JSON texts, Lists" {
	apply <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j1"}}{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j2"}}'
	assert_output $'configmap/j1 created\nconfigmap/j2 created'
	kubectl get configmap j1 j2 -o json >"$BATS_TEST_TMPDIR/list.json"
	kubectl delete configmap j1 j2
	apply -f "$BATS_TEST_TMPDIR/list.json"
	assert_output --partial "configmap/j2 "
}

@test "apply: input that is empty, cut off or damaged changes nothing" {
	local good text
	good=$(config_map ok 1)
	own_audit
	for text in '' $'---\n---\n' '# nothing' \
		"$good"$'\n---\napiVersion: v1\nkind: Conf' \
		"$good"$'\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n' \
		"$good"$'\n---\nkind: ConfigMap\nmetadata: {name: x}\n' \
		"$good"$'\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {}\n' \
		"$good"$'\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ..}\n' \
		"$good"$'\n---\n- a\n' "$good"$'\n---\n'"$good"$'\n' \
		"$good"$'\n---\na: b\na: c\n' "$good"$'\n---\na: \xff\n' \
		'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}' \
		'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}]'; do
		run --separate-stderr rk3k apply < <(printf %s "$text")
		assert_failure 1
		assert_output ""
		[[ ${#stderr_lines[@]} -eq 1 ]] || fail "for $(printf %q "$text"): $stderr"
	done
	assert_requests </dev/null
}

@test "apply: a file need not end with a line break, what comes by a pipe must" {
	printf %s "$(config_map x 1)" >"$BATS_TEST_TMPDIR/x.yaml"
	run --separate-stderr rk3k apply <"$BATS_TEST_TMPDIR/x.yaml"
	assert_failure 1
	assert_regex "$stderr" "truncated"
	apply -f "$BATS_TEST_TMPDIR/x.yaml"
	assert_output "configmap/x created"
}

@test "apply: dry runs write nothing" {
	apply --dry-run=server <<<"$(config_map x 1)"
	assert_output "configmap/x created (server dry run)"
	apply --dry-run <<<"$(config_map x 1)"
	assert_output "configmap/x created (dry run)"
	run kubectl get configmap x
	assert_failure
}

@test "apply: a dry run knows what the input itself would make" {
	apply --dry-run=server <<-END
		apiVersion: v1
		kind: Namespace
		metadata: {name: $NS-dry}
		---
		apiVersion: v1
		kind: ConfigMap
		metadata: {name: x, namespace: $NS-dry}
	END
	assert_success
	assert_line "configmap/x created (server dry run)"
	assert_regex "$stderr" "ConfigMap x is not checked"
	run kubectl get namespace "$NS-dry"
	assert_failure
}

@test "apply: --diff: 0 same, 1 differs, more is trouble; values of Secrets are masked" {
	apply <<<"$(config_map x 1)"
	apply --diff <<<"$(config_map x 1)"
	assert_success
	assert_output ""
	apply --diff <<<"$(config_map x 2)"
	assert_failure 1
	assert_line '-  a: "1"'
	assert_line '+  a: "2"'
	apply --diff <<<"$(secret s 'p: hunter2')"
	assert_failure 1
	refute_output --partial hunter2
	refute_output --partial "$(printf hunter2 | base64)"
	apply --diff <<<$'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nnonsense: 1\n'
	assert_failure 2
	run kubectl get secret s
	assert_failure
}

@test "apply: a field of another manager is a conflict, exit 5, field and manager named" {
	kubectl apply --server-side --field-manager=other -f - <<<"$(config_map x theirs)"
	apply <<<"$(config_map x ours)"
	assert_failure 5
	assert_output ""
	assert_regex "$stderr" '\.data\.a \(manager other\)'
	run kubectl get configmap x -o jsonpath='{.data.a}'
	assert_output theirs
	apply --adopt <<<"$(config_map x ours)"
	assert_failure 5
	apply --force-conflicts <<<"$(config_map x ours)"
	assert_output "configmap/x configured"
	assert_regex "$stderr" 'took over \.data\.a \(manager other\)'
}

@test "apply: --adopt takes over what kubectl made, and reports it" {
	kubectl create -f - <<<"$(config_map x theirs)"
	apply <<<"$(config_map x ours)"
	assert_failure 5
	assert_regex "$stderr" -- "--adopt"
	apply --adopt <<<"$(config_map x ours)"
	assert_output "configmap/x configured"
	assert_regex "$stderr" 'took over \.data\.a \(manager kubectl-create\)'
	apply <<<"$(config_map x ours)"
	assert_output "configmap/x unchanged"
}

@test "apply: --adopt: removes fields of kubectl apply, keeps those of others" {
	local ours
	ours=$(config_map x ours | sed '/^  name/a\  labels: {a: b}')
	kubectl apply -f - >/dev/null <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"},
		"data": {"a": "theirs", "password": "in clear"}}'
	kubectl patch configmap x -p '{"data": {"b": "edited"}}' >/dev/null
	apply --adopt <<<"$ours"
	assert_output "configmap/x configured"
	assert_regex "$stderr" 'removed fields previously set by kubectl apply: \.data\.password$'
	run -0 kubectl get configmap x -o json
	refute_output --partial "in clear"
	assert_equal "$(jq -c .data <<<"$output")" '{"a":"ours","b":"edited"}'
	own_audit
	apply --adopt <<<"$ours"
	assert_output "configmap/x unchanged"
	assert_requests <<<"get /api/v1/namespaces/$NS/configmaps/x 200"
}

@test "apply: an object labelled as ours is taken back" {
	local ours
	ours=$(config_map x ours | sed '/^  name/a\  labels: {app.kubernetes.io/managed-by: rk3k}')
	apply <<<"$ours"
	kubectl patch configmap x -p '{"data":{"a":"edited"}}'
	apply <<<"$ours"
	assert_output "configmap/x configured"
	assert_regex "$stderr" 'took over \.data\.a \(manager kubectl-patch\)'
}

@test "apply: create-only is made once and then left alone" {
	local once
	once=$(secret s 'p: first' | sed '/^  name/a\  annotations: {rk3k.io/create-only: "true"}')
	apply <<<"$once"
	assert_output "secret/s created"
	own_audit
	apply <<<"${once/first/second}"
	assert_output "secret/s unchanged"
	assert_requests <<<"get /api/v1/namespaces/$NS/secrets/s 200"
}

@test "apply: a key left out of a Secret's stringData is removed" {
	apply <<<"$(secret s 'a: one' 'b: two')"
	apply <<<"$(secret s 'a: one')"
	run kubectl get secret s -o jsonpath='{.data}'
	assert_output '{"a":"b25l"}'
}

@test "apply: one that fails does not stop the rest; the worst code is the answer" {
	kubectl apply --server-side --field-manager=other -f - <<<"$(config_map taken theirs)"
	apply <<-END
		$(config_map a 1)
		---
		apiVersion: v1
		kind: ConfigMap
		metadata: {name: bad}
		data: [1]
		---
		$(config_map taken ours)
		---
		apiVersion: nonsense.example.com/v1
		kind: Nonsense
		metadata: {name: x}
		---
		$(config_map b 1)
	END
	assert_failure 5
	assert_output $'configmap/a created\nconfigmap/b created'
	assert_regex "$stderr" 'Nonsense x: .*nonsense.example.com/v1'
	assert_regex "$stderr" '3 of 5 objects failed'
}

gadget() { # SPEC
	printf '{"apiVersion":"rk3k.test/v1","kind":"Gadget","metadata":{"name":"w"},"spec":%s}' "$1"
}

@test "apply: removes the last member of a custom resource's map, keeps the map" {
	kubectl apply -f - >/dev/null <<-END
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: gadgets.rk3k.test}
		spec:
		  group: rk3k.test
		  scope: Namespaced
		  names: {plural: gadgets, singular: gadget, kind: Gadget}
		  versions:
		  - name: v1
		    served: true
		    storage: true
		    schema:
		      openAPIV3Schema:
		        type: object
		        properties:
		          spec:
		            type: object
		            properties:
		              a: {type: integer}
		              m: {type: object, properties: {x: {type: integer}, z: {type: integer}}}
	END
	kubectl wait --for=condition=Established crd/gadgets.rk3k.test --timeout=20s >/dev/null
	apply <<<"$(gadget '{"a": 1, "m": {"x": 1}}')"
	assert_output "gadget.rk3k.test/w created"
	for dry in client server; do
		apply --dry-run="$dry" -o json <<<"$(gadget '{"a": 2, "m": {}}')"
		assert_success
		run jq -c .spec <<<"$output"
		assert_output '{"a":2,"m":{}}'
	done
	apply <<<"$(gadget '{"a": 2, "m": {}}')"
	assert_success
	assert_output "gadget.rk3k.test/w configured"
	run kubectl get gadgets w -o jsonpath='{.spec}'
	assert_output '{"a":2,"m":{}}'
	kubectl patch gadget w --type=merge -p '{"spec":{"m":{"z":1}}}' >/dev/null
	apply <<<"$(gadget '{"a": 3, "m": {"x": 1}}')"
	apply <<<"$(gadget '{"a": 3, "m": {}}')"
	run kubectl get gadgets w -o jsonpath='{.spec}'
	assert_output '{"a":3,"m":{"z":1}}'
	apply <<<"$(gadget '{"a": "three", "m": {}}')"
	assert_failure
	assert_regex "$stderr" 'spec\.a: expected numeric'
}

@test "apply: what the server finds invalid, in few words, and no secret among them" {
	apply <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: x}
		spec: {ports: [{port: 99999}], type: Nonsense}
	END
	assert_failure 1
	assert_regex "$stderr" 'spec.ports\[0\].port: Invalid value.*spec.type: Unsupported'
	apply <<-END
		apiVersion: v1
		kind: Secret
		metadata: {name: x}
		data: {p: "not base64: hunter2"}
	END
	assert_failure 1
	refute_regex "$stderr" hunter2
}

@test "apply: -o name, json, yaml" {
	apply -o name <<<"$(config_map x 1)"
	assert_output "configmap/x"
	apply -o json <<<"$(config_map x 1)"
	run jq -r '.kind + "/" + .metadata.name, (.metadata | has("managedFields"))' <<<"$output"
	assert_output $'ConfigMap/x\nfalse'
	apply -o yaml <<<"$(config_map x 1)"$'\n---\n'"$(config_map z 1)"
	assert_line "kind: List"
}

@test "apply: without permission: one line, exit 5, which right is missing" {
	own_account get configmaps
	apply <<<"$(config_map x 1)"
	assert_failure 5
	assert_output ""
	assert_regex "$stderr" 'forbidden: .*cannot patch resource "configmaps"'
}

@test "apply: wrong context, no namespace, connection refused" {
	apply --context nope <<<"$(config_map x 1)"
	assert_failure 3
	assert_regex "$stderr" nope
	apply -n nowhere <<<"$(config_map x 1)"
	assert_failure 3
	assert_regex "$stderr" 'namespace nowhere does not exist'
	apply -s "https://$OWN_ADDRESS:1" <<<"$(config_map x 1)"
	assert_failure 1
	assert_regex "$stderr" 'refused'
}

@test "apply: a full disk on standard output is not success" {
	run --separate-stderr bash -c 'rk3k() { :; }; "$@" >/dev/full' _ \
		"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" env HOME="$PLANE_HOME" \
		KUBECONFIG="$PLANE_KUBECONFIG" "$RK3K_BIN/rk3k-apply" <<<"$(config_map x 1)"
	assert_failure 1
	assert_regex "$stderr" 'No space left'
}
