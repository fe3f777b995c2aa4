#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kubeconfig merge, remove, list: the file, its bytes, its locks. No cluster.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return 1
	authority ca
	authority other
	client ca
	client ca jane
}

authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

client() { # CA [USER]
	local name=${2:-client}
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=${2:-admin}" \
		-keyout "$name.key" -out "$name.csr" 2>/dev/null
	openssl x509 -req -in "$name.csr" -CA "$1.crt" -CAkey "$1.key" -CAcreateserial -days 20 \
		-out "$name.crt" 2>/dev/null
}

setup() {
	TOOL=${RK3K_BIN:?}/rk3k-kubeconfig
	HOME=$BATS_TEST_TMPDIR/home
	export HOME
	unset KUBECONFIG
	mkdir -p "$HOME"
	CONFIG=$HOME/.kube/config
}

b64() { base64 -w0 <"$BATS_FILE_TMPDIR/$1"; }

kubeconfig() { # NAME [SERVER [CA [USER]]]
	cat <<-END
		apiVersion: v1
		kind: Config
		current-context: $1
		clusters:
		- cluster:
		    certificate-authority-data: $(b64 "${3:-ca}.crt")
		    server: ${2:-https://$1.example:6443}
		  name: $1
		contexts:
		- context: {cluster: $1, user: $1}
		  name: $1
		users:
		- name: $1
		  user:
		    client-certificate-data: $(b64 "${4:-client}.crt")
		    client-key-data: $(b64 "${4:-client}.key")
	END
}

# The seed of an own file: comments, odd indents, unknown keys.
own_file() {
	mkdir -p "$HOME/.kube"
	cat >"$CONFIG" <<-'END'
		# my clusters
		apiVersion: v1
		clusters:
		    # the old one
		    - name: old   # keep
		      cluster: {server: "https://old.example", x-mine: [1, 2]}
		contexts:
		- {name: old, context: {cluster: old, user: 'old'}}
		current-context: old

		users:
		- name: old
		  user:
		    token: abc
		# the end
	END
}

contexts() { "$TOOL" list -o name; }

@test "kubeconfig merge: a new file is made, readable by its owner only" {
	kubeconfig rancher-k3k >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[ "$output" = "context/rancher-k3k created" ]
	[ "$(stat -c %a "$CONFIG")" = 600 ]
	[ "$(stat -c %a "$HOME/.kube")" = 700 ]
	[ "$(contexts)" = context/rancher-k3k ]
	[ ! -e "$CONFIG.lock" ]
}

@test "kubeconfig merge: keeps every other byte, and a second merge changes nothing" {
	own_file
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	"$TOOL" merge -q <"$BATS_TEST_TMPDIR/in"
	run -1 diff "$BATS_TEST_TMPDIR/before" "$CONFIG"
	[[ "$output" != *$'\n<'* ]]
	cp -p "$CONFIG" "$BATS_TEST_TMPDIR/after"
	local inode
	inode=$(stat -c %i "$CONFIG")
	run -0 --separate-stderr "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[ "$output" = "context/new unchanged" ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/after"
	[ "$(stat -c %i "$CONFIG")" = "$inode" ] # not even written anew
	"$TOOL" remove -q new
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
}

@test "kubeconfig merge: keeps mode, owner and a symbolic link" {
	own_file
	chmod 640 "$CONFIG"
	mv "$CONFIG" "$HOME/real"
	ln -s ../real "$CONFIG"
	kubeconfig new | "$TOOL" merge -q
	[ -L "$CONFIG" ]
	[ "$(stat -c %a "$HOME/real")" = 640 ]
	[[ "$(contexts)" == *context/new* ]]
}

@test "kubeconfig merge: --name renames, and default needs it" {
	kubeconfig default >"$BATS_TEST_TMPDIR/in"
	run -2 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *--name* ]]
	[ ! -e "$CONFIG" ]
	run -0 --separate-stderr "$TOOL" merge --name mine "$BATS_TEST_TMPDIR/in"
	[ "$output" = "context/mine created" ]
	run -0 --separate-stderr "$TOOL" list -o json
	[ "$(jq -r '.[] | .name, .cluster, .user' <<<"$output" | sort -u)" = mine ]
}

@test "kubeconfig merge: another server and CA needs --force, a new address does not" {
	kubeconfig x https://one.example | "$TOOL" merge -q
	kubeconfig x https://two.example | "$TOOL" merge -q
	kubeconfig x https://three.example other >"$BATS_TEST_TMPDIR/in"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *two.example*--force* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	run -0 --separate-stderr "$TOOL" merge --force "$BATS_TEST_TMPDIR/in"
	[ "$output" = "context/x configured" ]
	grep -q three.example "$CONFIG"
}

# note NS CLUSTER [HOST]: the entry on stdin, with the note of a virtual cluster.
note() {
	sed "s|^    server:|    extensions: [{name: rk3k, extension: {namespace: $1, cluster: $2${3:+, host: \"$3\"}}}]\\n&|"
}

@test "kubeconfig merge: another host's cluster needs --force, one recreated does not" {
	kubeconfig x https://one.example | note team rancher https://host.example | "$TOOL" merge -q
	kubeconfig x https://two.example other | note team rancher https://HOST.example:443/ | "$TOOL" merge -q
	grep -q two.example "$CONFIG"
	kubeconfig x https://three.example | note team rancher https://b.example >"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	kubeconfig x https://three.example | note team other https://host.example >"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	# an entry of before hosts were noted
	kubeconfig x https://three.example | note team rancher | "$TOOL" merge -q
	grep -q three.example "$CONFIG"
}

@test "kubeconfig merge: a user of another cluster's context is not taken away" {
	kubeconfig admin >"$BATS_TEST_TMPDIR/in"
	mkdir -p "$HOME/.kube"
	cat >"$CONFIG" <<-END
		clusters:
		- {name: prod, cluster: {server: "https://prod.example"}}
		contexts:
		- {name: prod, context: {cluster: prod, user: admin}}
		users:
		- {name: admin, user: {token: abc}}
	END
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *'user "admin" belongs to context "prod"'* ]]
}

@test "kubeconfig merge: another identity under the same name needs --force" {
	local user
	kubeconfig x | "$TOOL" merge -q
	kubeconfig x '' ca jane >"$BATS_TEST_TMPDIR/in"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *'user "x" exists with another identity (CN=admin, not CN=jane)'*--name*--force* ]]
	for user in '{token: abc}' '{username: a, password: b}' '{tokenFile: /dev/null, token: a}' '{as: root, token: abc}' \
		'{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Never}}'; do
		kubeconfig x | sed "/^  user:/,\$d" >"$BATS_TEST_TMPDIR/in"
		echo "  user: $user" >>"$BATS_TEST_TMPDIR/in"
		run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
		[[ "$output" == *"another identity (CN=admin, not "* && "$output" != *abc* ]]
	done
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	kubeconfig x '' ca jane | "$TOOL" merge -q --force
	# renewed: another certificate of the same user
	(cd "$BATS_FILE_TMPDIR" && client ca jane)
	kubeconfig x '' ca jane | "$TOOL" merge -q
	grep -q "$(b64 jane.crt)" "$CONFIG"
}

@test "kubeconfig merge: a context is not led to another cluster or user by their names" {
	kubeconfig x | "$TOOL" merge -q
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	kubeconfig new https://new.example other | sed '/^contexts:/,/^users:/s/^  name: new$/  name: x/; s/^current-context: new$/current-context: x/' >"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *'a context "x" already, with another server (https://x.example:6443)'* ]]
	kubeconfig x '' ca jane | sed 's/user: x}/user: jane}/; s/^- name: x$/- name: jane/' >"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *'context "x" exists with another identity (CN=admin, not CN=jane)'* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	"$TOOL" merge -q --force "$BATS_TEST_TMPDIR/in"
	[ "$("$TOOL" list -o json | jq -r '.[] | select(.name == "x") | .user')" = jane ]
}

@test "kubeconfig merge: a namespace set on the context survives" {
	kubeconfig x https://one.example | "$TOOL" merge -q
	sed -i 's/^    user: x$/    user: x\n    namespace: mine/' "$CONFIG"
	kubeconfig x https://two.example | "$TOOL" merge -q
	[ "$("$TOOL" list -o json | jq -r '.[0].namespace')" = mine ]
}

@test "kubeconfig merge: --set-current says what it was" {
	own_file
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$TOOL" merge --set-current "$BATS_TEST_TMPDIR/in"
	[[ "$stderr" == *'now "new" (was "old")'* ]]
	grep -q '^current-context: new$' "$CONFIG"
}

@test "kubeconfig merge: --dry-run and --diff write nothing and take no lock" {
	own_file
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	touch "$CONFIG.lock"
	run -0 --separate-stderr "$TOOL" merge --dry-run=client "$BATS_TEST_TMPDIR/in"
	[ "$output" = "context/new created (dry run)" ]
	run -1 --separate-stderr "$TOOL" merge --diff "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *'+server: https://new.example:6443'* ]]
	[[ "$output" == *'+client-key-data: "***"'* ]]
	[[ "$output" != *"$(b64 client.key)"* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	rm "$CONFIG.lock"
	"$TOOL" merge -q "$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$TOOL" merge --diff "$BATS_TEST_TMPDIR/in"
	[ -z "$output" ]
	run "$TOOL" merge --diff /dev/null
	[ "$status" -gt 1 ]
}

@test "kubeconfig merge: --diff shows no password, environment or token" {
	cat >"$BATS_TEST_TMPDIR/in" <<-'END'
		clusters: [{name: x, cluster: {server: "https://me:pw-1@x.example", proxy-url: "http://me:pw-2@proxy:1"}}]
		contexts: [{name: x, context: {cluster: x, user: x}}, {name: z, context: {cluster: x, user: z}}]
		users:
		- name: x
		  user:
		    exec: {apiVersion: client.authentication.k8s.io/v1, command: c, interactiveMode: Never,
		      args: [--api-token=pw-3, --region=eu], env: [{name: VAULT, value: pw-4}]}
		- {name: z, user: {auth-provider: {name: oidc, config: {refresh-token: pw-5}}}}
	END
	run -1 --separate-stderr "$TOOL" merge --diff "$BATS_TEST_TMPDIR/in"
	[[ "$output" != *pw-* ]]
	[[ "$output" == *'server: https://me:***@x.example'* && "$output" == *'proxy-url: http://me:***@proxy:1'* ]]
	[[ "$output" == *'--api-token=***'* && "$output" == *'--region=eu'* && "$output" == *VAULT* ]]
	"$TOOL" merge -q "$BATS_TEST_TMPDIR/in"
	sed -i 's/pw-4/pw-9/; s/pw-2/pw-8/' "$BATS_TEST_TMPDIR/in"
	run -1 --separate-stderr "$TOOL" merge --diff --force "$BATS_TEST_TMPDIR/in"
	[[ "$output" != *pw-* && "$output" == *'+    value: "*** (after)"'* ]]
	[[ "$output" == *"-proxy-url: http://me:***@proxy:1 (before)"* ]]
}

@test "kubeconfig merge: copies a killed program left are removed, those in use are not" {
	own_file
	touch "$CONFIG.rk3k-AbCdEf" "$CONFIG.rk3k-GhIjKl" "$CONFIG.rk3k-mine" "$CONFIG.rk3k-MnOpQr.bak"
	exec 8<"$CONFIG.rk3k-GhIjKl"
	flock 8
	kubeconfig new | "$TOOL" merge -q
	[ ! -e "$CONFIG.rk3k-AbCdEf" ]
	[ -e "$CONFIG.rk3k-GhIjKl" ] && [ -e "$CONFIG.rk3k-mine" ] && [ -e "$CONFIG.rk3k-MnOpQr.bak" ]
}

@test "kubeconfig merge, export: an auth-provider is copied" {
	kubeconfig x | sed "/^  user:/,\$d" >"$BATS_TEST_TMPDIR/in"
	echo '  user: {auth-provider: {name: oidc, config: {idp-issuer-url: "https://i", id-token: e30.e30.x}}}' >>"$BATS_TEST_TMPDIR/in"
	"$TOOL" merge -q --set-current "$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$TOOL" export -o json
	[ "$(jq -c '.users[0].user' <<<"$output")" = \
		'{"auth-provider":{"config":{"id-token":"e30.e30.x","idp-issuer-url":"https://i"},"name":"oidc"}}' ]
	run -1 "${TOOL%-kubeconfig}-status"
	[[ "$output" == *'the id-token of its auth-provider'*'is not a JWT'* ]]
}

@test "kubeconfig merge: refuses empty, cut-off and foreign input, writes nothing" {
	own_file
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	kubeconfig new >"$BATS_TEST_TMPDIR/whole"
	local n size
	size=$(stat -c %s "$BATS_TEST_TMPDIR/whole")
	run -1 "$TOOL" merge </dev/null
	[[ "$output" == *"is empty"* ]]
	for n in 1 20 40 200 $((size / 2)) $((size - 300)) $((size - 60)) $((size - 20)); do
		head -c "$n" "$BATS_TEST_TMPDIR/whole" >"$BATS_TEST_TMPDIR/cut"
		run "$TOOL" merge "$BATS_TEST_TMPDIR/cut"
		[ "$status" -ne 0 ]
		[ "${#lines[@]}" -eq 1 ]
		cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	done
	run -1 "$TOOL" merge "$TOOL"
	run -3 "$TOOL" merge /nowhere
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
}

@test "kubeconfig merge, remove: refuse --kubeconfig -" {
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	run --separate-stderr -2 "$TOOL" merge --kubeconfig - "$BATS_TEST_TMPDIR/in"
	[[ $stderr == *"cannot be changed"* ]]
	run --separate-stderr -2 "$TOOL" remove x --kubeconfig -
	[[ ! -e ./- ]]
}

@test "kubeconfig merge: an entry without verification is refused with what pins the CA" {
	kubeconfig new | sed 's/certificate-authority-data: .*/insecure-skip-tls-verify: true/' \
		>"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *set-cluster*--certificate-authority* ]]
	kubeconfig new http://new.example >"$BATS_TEST_TMPDIR/in"
	run -5 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *https://* ]]
	[ ! -e "$CONFIG" ]
}

@test "kubeconfig merge: a key that is not the certificate's is refused" {
	kubeconfig new | sed "s|client-key-data: .*|client-key-data: $(b64 ca.key)|" \
		>"$BATS_TEST_TMPDIR/in"
	run -1 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *"does not belong"* ]]
	[ ! -e "$CONFIG" ]
}

@test "kubeconfig merge: a damaged kubeconfig is not touched" {
	mkdir -p "$HOME/.kube"
	local bad
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	for bad in 'clusters: [' $'a: b\n---\nc: d\n' $'clusters: {}\n' '[]' $'clusters: &a []\nb: *a\n' \
		$'clusters:\n- name: "x\n' $'\xff\xfe\x00' $'clusters: []\nclusters: []\n'; do
		printf '%s' "$bad" >"$CONFIG"
		cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
		run "$TOOL" merge "$BATS_TEST_TMPDIR/in"
		[ "$status" -ne 0 ]
		[[ "$output" == *"$CONFIG"* ]]
		cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
		[ ! -e "$CONFIG.lock" ]
	done
}

@test "kubeconfig merge: KUBECONFIG lists as kubectl has them" {
	local a=$BATS_TEST_TMPDIR/a b=$BATS_TEST_TMPDIR/b none=$BATS_TEST_TMPDIR/none
	kubeconfig one >"$b"
	cp "$b" "$a"
	sed -i s/one/two/ "$a"
	sed -i 's/one/two/g' "$a"
	kubeconfig one https://moved.example >"$BATS_TEST_TMPDIR/in"
	KUBECONFIG=$none:$a:$b "$TOOL" merge -q "$BATS_TEST_TMPDIR/in"
	grep -q moved.example "$b" # where it was
	run -1 grep -q moved.example "$a"
	kubeconfig three >"$BATS_TEST_TMPDIR/in"
	KUBECONFIG=$none:$a:$b "$TOOL" merge -q "$BATS_TEST_TMPDIR/in"
	grep -q three "$a" # the first that exists
	[ ! -e "$none" ]
	KUBECONFIG=$none "$TOOL" merge -q "$BATS_TEST_TMPDIR/in"
	grep -q three "$none"
	KUBECONFIG=$none:$a:$b "$TOOL" merge -q --kubeconfig "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/in"
	grep -q three "$BATS_TEST_TMPDIR/new"
}

@test "kubeconfig merge: another's lock is waited for, never stolen" {
	own_file
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	touch "$CONFIG.lock"
	run -5 "$TOOL" merge --lock-timeout 100ms "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *"$CONFIG.lock is held"* ]]
	[ -e "$CONFIG.lock" ]
	(sleep 1 && rm "$CONFIG.lock") &
	run -0 --separate-stderr "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$stderr" == *"waiting: "* ]]
	wait
	[[ "$(contexts)" == *context/new* ]]
}

@test "kubeconfig merge: twelve at once lose nothing" {
	own_file
	local i
	for i in {1..12}; do
		kubeconfig "many$i" | "$TOOL" merge -q --lock-timeout 60s >/dev/null &
	done
	wait
	[ "$(contexts | grep -c many)" = 12 ]
	[[ "$(contexts)" == *context/old* ]]
	[ ! -e "$CONFIG.lock" ]
}

@test "kubeconfig merge: a signal leaves no lock and no half file" {
	own_file
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	mkfifo "$BATS_TEST_TMPDIR/in"
	touch "$HOME/.kube/zz.lock"
	kubeconfig new >"$BATS_TEST_TMPDIR/new"
	KUBECONFIG=$CONFIG:$HOME/.kube/zz "$TOOL" merge -q "$BATS_TEST_TMPDIR/new" &
	local pid=$!
	for _ in {1..50}; do
		[ ! -e "$CONFIG.lock" ] || break
		sleep 0.05
	done
	[ -e "$CONFIG.lock" ]
	kill -TERM "$pid"
	local rc=0
	wait "$pid" || rc=$? # not by run: in its subshell the child is not ours to wait for
	[ "$rc" -eq 143 ]
	[ ! -e "$CONFIG.lock" ]
	[ -e "$HOME/.kube/zz.lock" ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before"
	[ "$(find "$HOME/.kube" -name '*rk3k*')" = "" ]
}

# A mount namespace of our own; as root, and elsewhere as root of a user namespace.
with_mounts() { # SCRIPT
	unshare --mount --map-root-user --propagation private bash -euc "$1"
}

@test "kubeconfig merge: a full disk loses nothing" {
	export CONFIG TOOL
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	kubeconfig old >"$BATS_TEST_TMPDIR/old"
	mkdir -p "$HOME/.kube"
	run -1 with_mounts "
		mount -t tmpfs -o size=16k tmpfs '$HOME/.kube'
		cp '$BATS_TEST_TMPDIR/old' '$CONFIG'
		head -c 100000 /dev/zero >'$HOME/.kube/fill' 2>/dev/null || true
		rc=0
		'$TOOL' merge '$BATS_TEST_TMPDIR/in' || rc=\$?
		cmp '$CONFIG' '$BATS_TEST_TMPDIR/old'
		rm '$HOME/.kube/fill'
		[ -z \"\$(ls -A '$HOME/.kube' | grep -v '^config\$')\" ]
		exit \$rc"
	[[ "$output" == *"No space left"* ]]
}

@test "kubeconfig merge: a read-only home is an error, list still works" {
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	own_file
	run -1 with_mounts "
		mount --bind '$HOME' '$HOME' && mount -o remount,bind,ro '$HOME'
		'$TOOL' list -o name
		'$TOOL' merge '$BATS_TEST_TMPDIR/in'"
	[[ "$output" == *context/old* ]]
	[[ "$output" == *"Read-only file system"* ]]
}

@test "kubeconfig export: namespace and impersonation stay, and flags go over them" {
	mkdir -p "$HOME/.kube"
	kubeconfig one | sed 's/user: one}/user: one, namespace: shop}/
		$a\    as: jane\n    as-uid: "7"\n    as-groups: [sales, "true"]\n    as-user-extra: {why/x: [well]}' >"$CONFIG"
	run -0 --separate-stderr "$TOOL" export -o json
	run -0 jq -c '[.contexts[0].context.namespace, (.users[0].user | .as, .["as-uid"], .["as-groups"], .["as-user-extra"])]' <<<"$output"
	[ "$output" = '["shop","jane","7",["sales","true"],{"why/x":["well"]}]' ]
	run -0 --separate-stderr "$TOOL" export -o json -n depot --as joe --as-group clerks
	run -0 jq -c '[.contexts[0].context.namespace, (.users[0].user | .as, .["as-groups"])]' <<<"$output"
	[ "$output" = '["depot","joe",["clerks"]]' ]
	kubeconfig two >"$CONFIG"
	run -0 --separate-stderr "$TOOL" export -o json
	run -0 jq -c '[.contexts[0].context, (.users[0].user | keys)]' <<<"$output"
	[ "$output" = '[{"cluster":"two","user":"two"},["client-certificate-data","client-key-data"]]' ]
}

@test "kubeconfig export: extensions and disable-compression stay" {
	mkdir -p "$HOME/.kube"
	cat >"$CONFIG" <<-'END'
		current-context: x
		clusters: [{name: x, cluster: {server: "https://x.example", disable-compression: true, extensions: [{name: a, extension: {b: 1}}]}}]
		contexts: [{name: x, context: {cluster: x, user: x, extensions: [{name: c, extension: d}]}}]
		users: [{name: x, user: {token: abc, extensions: [{name: e, extension: [f]}]}}]
	END
	run -0 --separate-stderr "$TOOL" export -o json
	[ "$(jq -c '[.clusters[0].cluster["disable-compression"], .clusters[0].cluster.extensions[0].extension,
		.contexts[0].context.extensions[0].extension, .users[0].user.extensions[0].extension]' <<<"$output")" = '[true,{"b":1},"d",["f"]]' ]
}

@test "kubeconfig: RK3K_SERVER is the host's address, --server the virtual cluster's" {
	kubeconfig one https://127.0.0.1:1 | "$TOOL" merge -q --set-current
	RK3K_SERVER=https://127.0.0.1:2 run -1 "$TOOL" get rancher --server v.example
	[[ "$output" == *"https://127.0.0.1:2: "*refused* ]]
	RK3K_SERVER=https://127.0.0.1:2 run -0 "$TOOL" export -o json
	[ "$(jq -r '.clusters[0].cluster.server' <<<"$output")" = https://127.0.0.1:2 ]
	RK3K_SERVER=https://127.0.0.1:2 run -0 "$TOOL" export -o json --context one
	[ "$(jq -r '.clusters[0].cluster.server' <<<"$output")" = https://127.0.0.1:1 ]
}

@test "kubeconfig merge: a mounted file is refused, not written in place" {
	own_file
	kubeconfig new >"$BATS_TEST_TMPDIR/in"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/mounted"
	run -5 with_mounts "
		mount --bind '$BATS_TEST_TMPDIR/mounted' '$CONFIG'
		'$TOOL' merge '$BATS_TEST_TMPDIR/in'"
	[[ "$output" == *"mount point"* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/mounted"
	[ "$(ls -A "$HOME/.kube")" = config ]
}

@test "kubeconfig remove: keeps what others use, clears and reports the current context" {
	mkdir -p "$HOME/.kube"
	cat >"$CONFIG" <<-END
		clusters:
		- {name: c, cluster: {server: "https://c.example"}}
		contexts:
		- {name: a, context: {cluster: c, user: u}}
		# b
		- {name: b, context: {cluster: c, user: v}}
		current-context: a
		users:
		- {name: u, user: {token: abc}}
		- {name: v, user: {token: abc}}
	END
	run -0 --separate-stderr "$TOOL" remove a
	[ "$output" = $'context/a deleted\nuser/u deleted' ]
	[[ "$stderr" == *'cluster "c" is kept: context "b" uses it'* ]]
	[[ "$stderr" == *"current-context is empty"* ]]
	[ "$(cat "$CONFIG")" = 'clusters:
- {name: c, cluster: {server: "https://c.example"}}
contexts:
# b
- {name: b, context: {cluster: c, user: v}}
current-context: ""
users:
- {name: v, user: {token: abc}}' ]
}

@test "kubeconfig remove: nameless contexts count, and only what existed is reported" {
	mkdir -p "$HOME/.kube"
	cat >"$CONFIG" <<-'END'
		clusters:
		- {name: c, cluster: {server: "https://c.example"}}
		contexts:
		- {name: a, context: {cluster: c, user: u}}
		- context: {cluster: c, user: u}
		- {name: b, context: {cluster: nowhere, user: ""}}
		- {name: d, context: {cluster: c, user: nobody}}
		users:
		- {name: u, user: {token: abc}}
	END
	run -0 --separate-stderr "$TOOL" remove a b d
	[ "$output" = $'context/a deleted\ncontext/b deleted\ncontext/d deleted' ]
	[[ "$stderr" == *'cluster "c" is kept: context "" uses it'*'user "u" is kept: context "" uses it'* ]]
	run -0 --separate-stderr "$TOOL" list -o json
	[ "$(jq -r '.[] | .name + .user' <<<"$output")" = u ]
}

@test "kubeconfig: a tls-server-name with a dot in front is refused" {
	local name=.example.com
	kubeconfig x | sed "s|^    server:|    tls-server-name: $name\n&|" >"$BATS_TEST_TMPDIR/in"
	run -1 "$TOOL" merge "$BATS_TEST_TMPDIR/in"
	[[ "$output" == *"\"$name\" is not a host name"* ]]
	kubeconfig x | "$TOOL" merge -q --set-current
	run -1 "${TOOL%-kubeconfig}-status" --tls-server-name "$name"
	[[ "$output" == *"\"$name\" is not a host name"* ]]
}

@test "kubeconfig remove: not found is exit 3, and 0 with --ignore-not-found" {
	own_file
	run -3 "$TOOL" remove nope
	[[ "$output" == *'no entry "nope"'* ]]
	run -0 --separate-stderr "$TOOL" remove --ignore-not-found nope team/rancher
	[ -z "$output" ]
}

@test "kubeconfig remove: by virtual cluster, and only that one's" {
	kubeconfig rancher-k3k | "$TOOL" merge -q
	kubeconfig noted | sed 's|^    server:|    extensions: [{name: rk3k, extension: {namespace: team, cluster: rancher}}]\n&|' |
		"$TOOL" merge -q
	run -0 --separate-stderr "$TOOL" list --k3k -o json
	[ "$(jq -r '.[] | .name + " " + .virtualCluster' <<<"$output")" = $'noted team/rancher\nrancher-k3k ' ]
	run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name
	[[ "$output" == *context/noted* ]]
	sed -i s/rancher-k3k/other-k3k/g "$CONFIG"
	"$TOOL" remove -q team/rancher
	[ "$(contexts)" = context/other-k3k ]
}

@test "kubeconfig remove: by virtual cluster, only of the host of the context" {
	kubeconfig a https://a.example | "$TOOL" merge -q --set-current
	kubeconfig b https://b.example other | "$TOOL" merge -q
	kubeconfig on-a | note team rancher https://a.example:443 | "$TOOL" merge -q
	kubeconfig on-b | note team rancher https://b.example | "$TOOL" merge -q
	run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name
	[[ "$output" == *context/on-a* && "$output" != *on-b* ]]
	run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name --context b
	[[ "$output" == *context/on-b* && "$output" != *on-a* ]]
	RK3K_CONTEXT=b run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name
	[[ "$output" == *context/on-b* && "$output" != *on-a* ]]
	RK3K_SERVER=https://b.example run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name
	[[ "$output" == *context/on-b* && "$output" != *on-a* ]]
	RK3K_CONTEXT=b run -0 --separate-stderr "$TOOL" remove --dry-run team/rancher -o name --context a
	[[ "$output" == *context/on-a* && "$output" != *on-b* ]]
	run -3 "$TOOL" remove team/rancher --context nope
	kubeconfig far https://b.example | "$TOOL" merge -q --kubeconfig "$BATS_TEST_TMPDIR/far"
	"$TOOL" remove -q team/rancher --host-kubeconfig "$BATS_TEST_TMPDIR/far" --context far
	[ "$(contexts)" = $'context/a\ncontext/b\ncontext/on-a' ]
	run -0 --separate-stderr "$TOOL" list --k3k -o json
	[ "$(jq -r '.[].host' <<<"$output")" = https://a.example:443 ]
	# no context says which host: any
	"$TOOL" remove -q a b
	"$TOOL" remove -q team/rancher
	[ -z "$(contexts)" ]
}

@test "kubeconfig list: server, expiry, and which is current" {
	kubeconfig a-k3k | "$TOOL" merge -q --set-current
	kubeconfig b | "$TOOL" merge -q
	run -0 --separate-stderr "$TOOL" list
	[[ "${lines[1]}" == "*"*"a-k3k"*"https://a-k3k.example:6443"*"19d"* ]]
	[[ "${lines[2]}" == *"b "*"https://b.example:6443"* ]]
	run -0 --separate-stderr "$TOOL" list -o json
	[ "$(jq -r '.[] | select(.current) | .name' <<<"$output")" = a-k3k ]
	run -1 "$TOOL" list --kubeconfig "$TOOL"
	[ "${#lines[@]}" -eq 1 ]
}

@test "kubeconfig list: stdout that is full is an error" {
	kubeconfig a | "$TOOL" merge -q
	# shellcheck disable=SC2016 # for the inner shell
	run -1 bash -c '"$1" list >/dev/full' - "$TOOL"
}
