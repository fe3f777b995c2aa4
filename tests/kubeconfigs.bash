# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# kubeconfigs.bash - kubeconfigs as people, programs and attackers write them.
#
#   odd_kubeconfigs DIR    DIR/NAME.ok for each that kubectl loads, DIR/NAME.bad for each that it refuses
#
# tests/plane/kubeconfig-odd.bats asks kubectl itself whether the verdicts are right.

# odd VERDICT NAME: a whole file from standard input.
odd() { cat >"$ODD/$2.$1"; }

# field VERDICT NAME PLACE TEXT: a kubeconfig of two contexts, "odd" and "good", with TEXT among the fields
# of the first cluster, context, user or exec, or at the top.
field() {
	local cluster='' context='' user='' exec='' top=''
	case $3 in
	cluster) cluster=$4 ;;
	context) context=$4 ;;
	user) user=$4 ;;
	exec) exec=$4 ;;
	top) top=$4 ;;
	esac
	{
		printf '%s\n' 'apiVersion: v1' 'kind: Config' 'clusters:' '- name: odd' '  cluster:' \
			'    server: https://odd.example:6443'
		[[ -z $cluster ]] || printf '    %s\n' "$cluster"
		printf '%s\n' '- name: good' '  cluster: {server: "https://good.example"}' 'contexts:' '- name: odd' \
			'  context:' '    cluster: odd' '    user: odd'
		[[ -z $context ]] || printf '    %s\n' "$context"
		printf '%s\n' '- name: good' '  context: {cluster: good, user: good}' 'users:' '- name: odd' '  user:'
		case $3 in
		exec) printf '    %s\n' 'exec:' '  apiVersion: client.authentication.k8s.io/v1' '  command: x' \
			'  interactiveMode: Never' "  $exec" ;;
		*) printf '    %s\n' 'tokenFile: /nowhere' ;;
		esac
		[[ -z $user ]] || printf '    %s\n' "$user"
		printf '%s\n' '- name: good' '  user: {token: abc}'
		[[ -z $top ]] || printf '%s\n' "$top"
	} >"$ODD/$2.$1"
}

odd_kubeconfigs() {
	ODD=$1
	mkdir -p "$ODD"
	local base64
	base64=$(printf 'x%.0s' {1..90} | base64 -w 60)
	# base64, as kubernetes#53661 has it
	field ok data-literal cluster "certificate-authority-data: |"$'\n'"${base64//$'\n'/$'\n'      }"
	sed -i 's/^\([A-Za-z0-9+\/=]\{20,\}\)$/      \1/' "$ODD/data-literal.ok"
	field bad data-folded cluster $'certificate-authority-data: eHh4\n      eHh4'
	field bad data-blank cluster 'certificate-authority-data: "eHh4 eHh4"'
	field bad data-tab cluster 'certificate-authority-data: "eHh4\teHh4"'
	field bad data-cut cluster 'certificate-authority-data: eHh4e'
	field bad data-url-alphabet cluster 'certificate-authority-data: _-__'
	field ok data-line-breaks cluster 'certificate-authority-data: "eHh4\r\neHh4\n"'
	field ok data-spare-bits user 'client-certificate-data: eHh='
	field ok data-escaped-break user $'client-key-data: "eHh4\\\n      eHh4"'
	field bad data-pem user $'client-key-data: |\n      -----BEGIN PRIVATE KEY-----'
	field bad data-binary user 'client-key-data: !!binary LS0tLQ=='
	field ok data-null user 'client-key-data: ~'
	# every field has a type
	field bad server-number cluster 'tls-server-name: 1.5'
	field bad server-date-ok-number cluster 'proxy-url: 0x10'
	field ok server-date cluster 'tls-server-name: 2024-01-01'
	field bad bool-string cluster 'disable-compression: "true"'
	field ok bool-word cluster 'disable-compression: yes'
	field bad bool-number cluster 'insecure-skip-tls-verify: 0'
	field bad extensions-map cluster 'extensions: {}'
	field bad extensions-twice cluster 'extensions: [{name: a, extension: 1}, {name: a, extension: 2}]'
	field ok extensions-null cluster 'extensions: [{name: a}, {name: a, extension: {b: [1, ~]}}]'
	field bad extension-name context 'extensions: [{name: 1, extension: x}]'
	field bad namespace-number context 'namespace: 5'
	field bad context-user-list context 'user: [odd]'
	field bad token-number user 'token: 12345'
	field bad token-bool user 'token: yes'
	field ok token-tagged user 'token: !!str 12345'
	field ok token-binary user 'token: !!binary YWJj'
	field bad token-binary-broken user 'token: !!binary "?"'
	field ok token-other-tag user 'token: !secret abc'
	field bad password-map user 'password: {a: b}'
	field bad groups-string user 'as-groups: sales'
	field bad groups-number user 'as-groups: [sales, 7]'
	field ok groups-null user 'as-groups: [sales, ~]'
	field bad extra-string user 'as-user-extra: {why: well}'
	field ok extra-bool-key user 'as-user-extra: {yes: [well], 1: ~}'
	field bad exec-list user 'exec: []'
	field ok exec-null user 'exec: ~'
	field bad exec-args-number exec 'args: [--port, 8080]'
	field bad exec-args-string exec 'args: --port'
	field bad exec-env-number exec 'env: [{name: A, value: 1}]'
	field bad exec-env-map exec 'env: {A: b}'
	field ok exec-env-null exec 'env: [{name: A, value: ~}]'
	field bad exec-hint-number exec 'installHint: 1'
	field bad exec-info-string exec 'provideClusterInfo: "false"'
	field ok exec-unknown exec 'timeout: 5'
	field ok provider-oidc user 'auth-provider: {name: oidc, config: {id-token: a.b.c}}'
	field bad provider-number user 'auth-provider: {name: oidc, config: {expiry: 5}}'
	field bad provider-string user 'auth-provider: oidc'
	field bad preferences-colors top 'preferences: {colors: "yes"}'
	field ok preferences-null top 'preferences: ~'
	field bad current-number top 'current-context: 5'
	# keys
	field ok unknown-key cluster 'Server: [1, 2]'
	field ok key-twice cluster $'server: https://first.example\n    server: https://last.example'
	field ok kind-twice top 'kind: Config'
	field bad kind-other top 'kind: Pod'
	field bad kind-case top $'kind: ""\nKind: [Config]'
	field ok list-twice top $'users: []\nusers: [{name: odd, user: {token: b}}]'
	field ok merge-key cluster $'<<: {tls-server-name: a}'
	field ok merge-anchor top $'x: &x {user: {token: b}}\nusers: [{<<: *x, name: odd}]'
	field bad merge-scalar cluster '<<: a'
	field ok anchor-across cluster $'tls-server-name: &n one\n    proxy-url: *n'
	field bad alias-unknown cluster 'tls-server-name: *nope'
	field ok key-number top '5: {}'
	field bad key-null top '~: {}'
	field bad number-inf top 'x: .inf'
	# names
	field bad name-twice top $'contexts: [{name: a, context: {}}, {name: a, context: {}}]'
	field bad name-missing-twice top $'contexts: [{context: {}}, {context: {}}]'
	field ok name-missing top $'contexts: [{context: {cluster: odd}}, {name: odd, context: {cluster: odd}}]'
	field bad name-number top 'contexts: [{name: 1, context: {}}]'
	field ok entry-null top 'users: [~, {name: odd}]'
	field bad entry-string top 'users: [odd]'
	field bad list-map top 'users: {odd: {token: a}}'
	# files
	odd ok empty </dev/null
	odd ok only-comments <<<'# nothing here'
	odd bad only-text <<<'kubeconfig'
	odd bad a-list <<<'[]'
	odd ok json <<<'{"apiVersion":"v1","contexts":[{"name":"odd","context":{"cluster":"a","user":"b"}}]}'
	odd bad json-slash <<<'{"clusters":[{"name":"odd","cluster":{"server":"https:\/\/a"}}]}'
	odd bad other-version <<<'apiVersion: v2'
	odd ok version-slash <<<'apiVersion: /v1'
	odd ok later-document <<<$'contexts: [{name: odd, context: {}}]\n---\n[broken'
	odd ok marked < <(printf '\xef\xbb\xbfcontexts: [{name: odd, context: {}}]\n')
	odd ok utf16-le < <(printf '\xff\xfe' && iconv -t UTF-16LE <<<'contexts: [{name: odd, context: {}}]')
	odd ok utf16-be < <(printf '\xfe\xff' && iconv -t UTF-16BE <<<'contexts: [{name: "é😀", context: {}}]')
	odd bad utf16-no-mark < <(iconv -t UTF-16LE <<<'contexts: [{name: odd, context: {}}]')
	odd bad latin1 < <(printf 'contexts: [{name: \xe9, context: {}}]\n')
	odd bad tab <<<$'contexts:\n\t- name: odd'
	odd ok crlf < <(printf 'contexts:\r\n- name: odd\r\n  context: {cluster: a}\r\n')
}
