#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# -o jsonpath and its like: what kubectl prints for the same expression and object.

load common.bash

setup() {
	clean_environment
	PRINTER=$RK3K_BIN/../unit/printer
	cat >thing.json <<-'EOF'
		{"apiVersion":"example.com/v1","kind":"Thing",
		"metadata":{"name":"p","labels":{"app.kubernetes.io/name":"x","a":"<1>&","zz":"1"},
			"annotations":{"lines":"one\ntwo"},"creationTimestamp":null},
		"spec":{"priority":5,"half":1.5,"empty":[],"emptymap":{},"containers":[
			{"name":"one","image":"i:1","n":3,"ports":[{"containerPort":80},{"containerPort":443}]},
			{"name":"two","image":"i:2","n":5},
			{"name":"three","image":"j:3","n":7,"tty":true}]}}
	EOF
}

# A command of kubectl that prints any object and needs no server.
theirs() { kubectl --kubeconfig=/dev/null label --local -f thing.json --overwrite zz=1 -o "$1"; }
ours() { "$PRINTER" "$1" <thing.json; }

expressions() {
	cat <<-'EOF'
		{.metadata.name}
		{.metadata.labels}
		{.metadata.labels.app\.kubernetes\.io/name}
		{.metadata.labels['app\.kubernetes\.io/name']}
		{.metadata['name']}
		{$.metadata.name}
		{@.metadata.name}
		{ .metadata.name }
		{.metadata.name "x"}
		{.metadata.annotations.lines}
		{.metadata.none}
		{.metadata.none.deeper[0]}
		{.metadata.creationTimestamp}
		{.metadata.creationTimestamp.x}
		{.spec.containers[0].name}
		{.spec.containers[-1].name}
		{.spec.containers[0:2].name}
		{.spec.containers[::2].name}
		{.spec.containers[1:].name}
		{.spec.containers[-2:].name}
		{.spec.containers[0,2].name}
		{.spec.containers[*].name}
		{.spec.containers[*]['name','image']}
		{.spec['priority','other']}
		{.spec.containers[?(@.name=="two")].image}
		{.spec.containers[?(@.name=='two')].image}
		{.spec.containers[?(@.name!="two")].image}
		{.spec.containers[?(@.name>"one")].image}
		{.spec.containers[?(@.n<5)].image}
		{.spec.containers[?(@.n >= 5)].image}
		{.spec.containers[?(@.tty)].name}
		{.spec.containers[?(@.tty==true)].name}
		{.spec.containers[?(@.none=="x")].name}
		{.spec.containers[*].ports[*].containerPort}
		{..containerPort}
		{.spec..containerPort}
		{.spec.containers..name}
		{.spec.priority}
		{.spec.half}
		{.spec.containers[0]}
		{.spec.containers}
		{.spec.empty}
		{.spec.empty[*]}
		{.spec.emptymap}
		{range .spec.containers[*]}{.name}={.image};{end}
		{range .spec.containers[*]}[{.name}{range .ports[*]} {.containerPort}{end}]{end} after
		{range .spec.none[*]}{.name}{end}rest
		{range .spec.containers[*]}{.name} {@.image}{"\t"}{end}
		{.a%}
		{range.spec.containers[*]}{.name}{end}
		{"a\tb"}{'c'}{1}{1.5}{true}
		text {.metadata.name} text
		.metadata.name
		{$}{@}
		{}
	EOF
}

@test "jsonpath: prints what kubectl prints" {
	local all='' each
	while IFS= read -r each; do all+="$each{\"\\n\"}"; done < <(expressions)
	theirs "jsonpath=$all" >want
	ours "jsonpath=$all" >got
	run -0 diff -u want got
	each='{range .spec.containers[*]}{.name}'
	assert_equal "$(ours "jsonpath=$each")" "$(theirs "jsonpath=$each")"
	each='{.spec.containers[*].name}'
	assert_equal "$(ours "jsonpath-as-json=$each")" "$(theirs "jsonpath-as-json=$each")"
	echo -n "$each" >template
	assert_equal "$(ours jsonpath-file=template)" "one two three"
}

@test "jsonpath: refuses what kubectl refuses" {
	local each
	while IFS= read -r each; do
		run ! theirs "jsonpath=$each"
		run ! --separate-stderr ours "jsonpath=$each"
		assert_output ''
		assert_regex "$stderr" jsonpath
	done <<-'EOF'
		{.metadata.name
		{.metadata.name[0]}
		{.spec.containers[7].name}
		{.spec.containers[0:9].name}
		{.spec.containers[2:1].name}
		{.spec.containers[0:2:0].name}
		{.spec.containers[x].name}
		{.spec.containers[0.name}
		{.spec.containers[?(@.name==1)].name}
		{.spec.containers[?(@.name=~"x")].name}
		{.spec.containers[?(@.name=="x" && @.n==1)].name}
		{.spec.containers[?(@.ports[*].containerPort==80)].name}
		{.spec[?(@.a=="x")]}
		{end}
		{nonsense}
		{"open}
		{....name}
	EOF
}

@test "custom-columns: a line for each item, <none> for what is missing" {
	printf '[{"n":"a","v":[1,2],"m":"x\\ny"},{"n":"b\\u001b[31m","o":{"p":true}}]' >thing.json
	run -0 ours 'custom-columns=NAME:.n,VALUES:{.v[*]},OBJECT:o,LINES:.m,PICK:.v[?(@==1)]'
	assert_line --index 0 'NAME      VALUES   OBJECT       LINES    PICK'
	assert_line --index 1 'a         1,2      <none>       x...     1'
	assert_line --index 2 --partial 'b^[[31m'
	assert_line --index 2 --partial '{"p":true}'
	printf 'NAME  O\n.n    .o.p\n' >columns
	run -0 ours custom-columns-file=columns
	assert_line --index 2 --regexp ' true$'
	local wrong
	for wrong in NAME NAME: :x '' 'A:.a,,B:.b' 'A:.a[' file=none; do
		run -2 ours "custom-columns=$wrong"
	done
}

@test "kubeconfig list: jsonpath, custom-columns, --sort-by, --no-headers" {
	cat >config <<-'EOF'
		apiVersion: v1
		kind: Config
		contexts:
		- {name: node-10, context: {cluster: c, user: u}}
		- {name: node-2, context: {cluster: a, user: v}}
		clusters:
		- {name: c, cluster: {server: https://127.0.0.1:2}}
		- {name: a, cluster: {server: https://127.0.0.1:1}}
	EOF
	export KUBECONFIG=$PWD/config
	run -0 kubectl-rk3k kubeconfig list -o jsonpath='{range [*]}{.name}{"\n"}{end}'
	assert_output $'node-10\nnode-2'
	run -0 kubectl-rk3k kubeconfig list --sort-by .name -o custom-columns=N:.name,S:.server --no-headers
	assert_output $'node-2    https://127.0.0.1:1\nnode-10   https://127.0.0.1:2'
	run -0 kubectl-rk3k kubeconfig list --sort-by '{.server}' -o name
	assert_output $'context/node-2\ncontext/node-10'
	run -0 kubectl-rk3k kubeconfig list --sort-by server --no-headers
	assert_line --index 0 --partial node-2
	run -2 kubectl-rk3k kubeconfig list --sort-by .nothing
	assert_output 'rk3k-kubeconfig: --sort-by: no item has ".nothing"'
	KUBECONFIG=none run -2 kubectl-rk3k kubeconfig list --sort-by '.a['
	KUBECONFIG=none run -2 kubectl-rk3k kubeconfig list -o 'jsonpath={.a'
}

@test "-o: what prints a line for each change refuses to print documents" {
	local command
	for command in 'ingress apply' 'ingress restore' 'ingress delete' 'registries apply' delete; do
		# shellcheck disable=SC2086 # words
		run -2 kubectl-rk3k $command -o jsonpath='{.a}' </dev/null
		assert_output --partial ': -o: only name is supported here'
	done
}

@test "-o: a template that cannot work is wrong usage, go-template is named" {
	run -2 kubectl-rk3k version -o jsonpath
	assert_output "rk3k-version: -o jsonpath: no template given; for example -o jsonpath='{.name}'"
	run -2 kubectl-rk3k version -o 'go-template={{.version}}'
	assert_output "rk3k-version: -o: go-template is not supported; use -o jsonpath='{...}', -o custom-columns=... or -o json | jq"
	run -3 kubectl-rk3k version -o jsonpath-file=none
	run -1 kubectl-rk3k version -o jsonpath='{.version[0]}'
	assert_output 'rk3k-version: jsonpath: 0.1.0 is not a list'
	run -0 kubectl-rk3k version -o jsonpath='{.none}'
	assert_output ''
	run -0 kubectl-rk3k version -o json -o jsonpath='{.version}' -o yaml
	assert_line --partial 'version:'
}
