#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy.bats - what deploy and destroy say and do before there is a cluster.
# shellcheck disable=SC2154,SC2016

load common

setup() {
	clean_environment
	printf '%s\n' HOSTNAME=rancher.example.com >deploy.conf
}

deploy() { run --separate-stderr "$1" "$RK3K_BIN/rk3k-deploy" "${@:2}"; }

@test "deploy: --init writes a deploy.conf that only lacks HOSTNAME, and replaces none" {
	rm deploy.conf
	deploy -0 --init
	deploy -5 --init
	[[ $stderr == *"deploy.conf already exists"* ]]
	deploy -1 -c deploy.conf --print </dev/null
	assert_equal "$output" ""
	[[ $stderr == *"HOSTNAME: is required"* ]]
	sed -i s/^HOSTNAME=/HOSTNAME=rancher.example.com/ deploy.conf
	deploy -0 -c deploy.conf --print
	assert_equal "$stderr" ""
}

@test "deploy: --print is what is applied, to the last byte" {
	deploy -0 -c deploy.conf --print
	diff -u "$BATS_TEST_DIRNAME/../golden/public.yaml" <(printf '%s\n' "$output")
}

@test "deploy: RK3K_EXEC_PATH comes before rk3k's own tools, and need not hold them all" {
	program exec/rk3k-render <<<'echo "mine: $*"'
	RK3K_EXEC_PATH=$PWD/exec run -0 kubectl-rk3k deploy -c deploy.conf --print
	assert_output 'mine: all'
	RK3K_EXEC_PATH=$PWD/exec run -0 kubectl-rk3k deploy --init -
	assert_line HOSTNAME=
}

@test "deploy: without a terminal nothing is asked: what is missing is named" {
	rm deploy.conf
	run --separate-stderr -1 timeout 5 "$RK3K_BIN/rk3k-deploy" </dev/null
	[[ $stderr == *"HOSTNAME: is required"*"deploy --init"* ]]
}

@test "deploy, destroy: use ./deploy.conf when no file is named" {
	echo CLUSTER=found >>deploy.conf
	deploy -0 --print
	assert_line '  name: found'
	assert_equal "$stderr" "rk3k-deploy: using ./deploy.conf"
	run -3 --separate-stderr "$RK3K_BIN/rk3k-destroy" </dev/null
	[[ $stderr == "rk3k-destroy: using ./deploy.conf"* ]]
}

@test "deploy: on a terminal the missing host name is asked for" {
	rm deploy.conf
	run script -qec "'$RK3K_BIN/rk3k-deploy' --print >out" /dev/null < <(sleep 0.5 && printf 'asked.example.com\n')
	assert_output --partial 'HOSTNAME: '
	run -0 grep -c 'hostname: asked.example.com' out
}

@test "deploy: CONFIRM other than yes stops before the first request, unless --yes" {
	echo CONFIRM=no >>deploy.conf
	deploy -0 -c deploy.conf
	assert_equal "$stderr" "rk3k-deploy: aborted: CONFIRM is no, not yes"
	deploy -3 -c deploy.conf --yes # as far as to the missing kubeconfig
	deploy -3 --yes -c deploy.conf
	RK3K_CONFIRM=yes deploy -3 -c deploy.conf
}

@test "deploy: an unknown step is wrong usage, and the error lists the steps" {
	local flag
	for flag in --only --from; do
		deploy -2 -c deploy.conf "$flag" nothing
		[[ $stderr == *"$flag: \"nothing\" is not one of: controller "*" url; see "* ]]
		deploy -2 -c deploy.conf "$flag" 'cluster pdb'
		[[ $stderr == *'"cluster pdb" is not one of: '* ]]
		deploy -2 -c deploy.conf "$flag="
		[[ $stderr == *'"" is not one of: '* ]]
		deploy -2 -c deploy.conf "$flag"
		[[ $stderr == *"$flag needs a value"* ]]
	done
}

# A file as the rancher-k3k scripts took it: all of their keys, in the forms that their users write.
@test "deploy: the rancher-k3k scripts' deploy.conf is read as it is" {
	touch ca.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -keyout ca.key -out ca.pem 2>/dev/null
	chmod 600 ca.key
	printf 'docker.io\n# more\nquay.io\n' >mirrors.txt
	cat >deploy.conf <<-'END'
		# deploy.conf
		HOSTNAME="rancher.example.com"
		HOSTNAMES="rancher.example.com,rancher.example.org"
		K3K_API_HOSTNAME=k3k-api.example.com
		BOOTSTRAP_PW="admin1234567"
		PVC_SIZE="50Gi+"
		STORAGE_CLASS="harvester-longhorn"
		SERVER_COUNT=3   # HA
		CERTMANAGER_REPO="oci://harbor.example.com/helm/cert-manager"
		CERTMANAGER_VERSION="v1.18.5"
		RANCHER_REPO="https://releases.rancher.com/server-charts/latest"
		RANCHER_VERSION="v2.14.1"
		K3K_REPO="https://rancher.github.io/k3k"
		K3K_VERSION="1.0.2"
		K3S_VERSION="v1.34.7-k3s1"
		PRIVATE_REGISTRY="harbor.example.com"
		MIRROR_REGISTRIES_FILE="./mirrors.txt"
		PRIVATE_CA_PATH="./ca.pem"
		CA_CERT_PATH="ca.pem"
		CA_KEY_PATH="ca.key"
		CA_ROOT_PATH=""
		CUSTOM_CA=""
		HELM_AUTH_NEEDED="yes"
		HELM_REPO_USER='robot$ci'
		HELM_REPO_PASS='geheim'
		TLS_SOURCE="rancher"
		CONFIRM="yes"
		BACKUP_S3_ENDPOINT="s3.example.com"
		BACKUP_S3_BUCKET="rancher-backups"
		BACKUP_VAULT_S3_PATH="kv/services/backup/rancher-backup"
		BACKUP_VAULT_ENCRYPTION_PATH="kv/services/backup/rancher-backup-encryption"
		BACKUP_S3_CA_PATH=""
		BACKUP_SCHEDULE="0 2 * * *"
		BACKUP_RETENTION=7
		VAULT_ADDR="https://vault.example.com"
	END
	chmod 600 deploy.conf
	deploy -0 -c deploy.conf --print
	[[ $stderr == *"BACKUP_S3_ENDPOINT"* && $stderr != *"unknown key"* ]]
	[[ $stderr$output != *geheim* ]]
	assert_line --regexp '^ *servers: 3$'
	assert_line --regexp 'storageRequestSize: 50Gi$'
	assert_line --regexp 'k3k-api.example.com'
	assert_line --regexp 'rancher.example.org'
}

@test "deploy, destroy: hints name the selected host cluster" {
	program exec/rk3k-preflight <<<:
	program exec/rk3k-lease <<<'echo held'
	program exec/rk3k-wait <<<'[[ $1 == url ]]'
	program exec/rk3k-kubeconfig <<<'[[ $1 != merge ]] || exit 5'
	export RK3K_EXEC_PATH=$PWD/exec
	deploy -5 -c deploy.conf --from kubeconfig --context=b --kubeconfig 'my config' --resolve a:1:b
	[[ $stderr == *'kubeconfig get rancher-k3k/rancher --context=b --kubeconfig=my\ config | kubectl rk3k kubeconfig merge'* ]]
	[[ $stderr == *'kubectl rk3k password rancher-k3k/rancher --context=b --kubeconfig=my\ config'* ]]
	run --separate-stderr -1 "$RK3K_BIN/rk3k-destroy" --yes --only verify --context b
	[[ $stderr == *'kubectl --context=b get all,secrets -n rancher-k3k'* ]]
	deploy -0 -c deploy.conf --from url
	[[ $stderr == *'kubectl rk3k password rancher-k3k/rancher' ]]
}

@test "deploy: a budget whose existence is unknown is not treated as absent" {
	program exec/rk3k-preflight <<<:
	program exec/rk3k-lease <<<'echo held'
	program exec/rk3k-wait <<<'exit "$WAIT"'
	program exec/rk3k-delete <<<'echo "delete $1" && exit "$DELETE"'
	export RK3K_EXEC_PATH=$PWD/exec DELETE=0 WAIT
	for WAIT in 0 1 5; do
		deploy -0 -c deploy.conf --only pdb
		assert_output 'delete poddisruptionbudget.policy/k3k-rancher-server'
	done
	DELETE=1 deploy -1 -c deploy.conf --only pdb
	DELETE=5 deploy -0 -c deploy.conf --only pdb # delete has said what right is missing
	WAIT=3 deploy -0 -c deploy.conf --only pdb
	assert_output ''
}

@test "destroy: --help names every exit code that comes" {
	run --separate-stderr -3 "$RK3K_BIN/rk3k-destroy" -c nowhere.conf --yes
	run -0 "$RK3K_BIN/rk3k-destroy" --help
	assert_output --partial '3 not found'
}

@test "destroy: a namespace is not deleted when its owner could not be determined" {
	program exec/rk3k-preflight <<<:
	program exec/rk3k-lease <<<'echo held'
	program exec/rk3k-wait <<<'echo "rk3k-wait: cannot tell" >&2 && exit "$WAIT"'
	program exec/rk3k-status <<<:
	program exec/rk3k-delete <<<'echo "delete ${@: -1}"'
	export RK3K_EXEC_PATH=$PWD/exec WAIT=1
	destroy_namespace() { run --separate-stderr "$1" "$RK3K_BIN/rk3k-destroy" --yes --only namespace --set NAMESPACE=work; }
	destroy_namespace -1
	refute_output
	[[ $stderr == *"cannot tell"* ]]
	WAIT=4 destroy_namespace -0
	refute_output
	for WAIT in 0 3; do
		destroy_namespace -0
		assert_output "delete namespace/work"
	done
}

@test "destroy: without a terminal nothing is asked, and a wrong step is wrong usage" {
	run --separate-stderr -2 "$RK3K_BIN/rk3k-destroy" --only nothing
	[[ $stderr == *'"nothing" is not one of: ingress cluster'* ]]
	run --separate-stderr -2 "$RK3K_BIN/rk3k-destroy" --only "" --yes
	run --separate-stderr -2 "$RK3K_BIN/rk3k-destroy" --only 'ingress cluster' --yes
	run --separate-stderr -2 "$RK3K_BIN/rk3k-destroy" everything
}

@test "deploy, destroy: a --timeout that is none is refused before the first step" {
	local tool value
	for tool in deploy destroy; do
		for value in abc 300 5min '' 1h-; do
			run --separate-stderr -2 "$RK3K_BIN/rk3k-$tool" -c deploy.conf --yes "--timeout=$value"
			assert_equal "$stderr" "rk3k-$tool: --timeout: \"$value\" is not a duration such as 90s or 5m; see kubectl rk3k $tool --help"
		done
		for value in 0 90s 1h30m 1.5h 500ms; do # as far as to the missing kubeconfig
			run -3 "$RK3K_BIN/rk3k-$tool" -c deploy.conf --yes --timeout "$value"
		done
	done
}

@test "rk3k: man pages of the shell tools have the sections and flags of their --help" {
	local tool page
	for tool in bundle completion controller deploy destroy install-completion; do
		page=$("$RK3K_BIN/rk3k-$tool" __man)
		run -1 grep -vxE 'NAME|SYNOPSIS|DESCRIPTION|VERBS|OPTIONS|ENVIRONMENT|EXIT STATUS|EXAMPLES|SEE ALSO' \
			<(sed -n 's/^\.SH //p' <<<"$page")
		run -0 grep -cx '\.SH OPTIONS' <<<"$page"
		run -0 grep -cF '\fB\-v\fR, \fB\-\-verbose\fR' <<<"$page"
		run -0 grep -cF '\fB\-\-color\fR \fIauto|always|never\fR' <<<"$page"
		[[ $tool != bundle ]] || grep -F '\fB\-\-save\fR \fIDIR|FILE.tar\fR' <<<"$page"
	done
}

# --- one voice on a terminal -------------------------------------------------------------

# Tools that do nothing but say what the real ones say of a deployment; CHANGE: a step that changes something.
speakers() {
	speaker preflight <<<'[[ $* != *--host-only* ]] || echo "  host     east (https://h:6443, Kubernetes v1.34.1)" >&2'
	speaker lease <<<'echo held'
	speaker controller <<<'echo "release/k3k unchanged"'
	speaker wait <<<'[[ $1 != cluster ]] || printf "\036pphase Provisioning\n" >&2'
	speaker apply <<<'printf "x/y %s\n" "${CHANGE:-unchanged}"'
	speaker cert-sync <<<'echo "secret/tls-rancher-ingress unchanged"'
	speaker ingress <<<'echo "service/a unchanged"'
	speaker passthrough <<<'exit 3'
	speaker kubeconfig <<<'[[ $1 != merge ]] || echo "context/rancher-k3k unchanged"'
	export RK3K_EXEC_PATH=$PWD/exec TERM=xterm
	unset NO_COLOR
}

# What is piped into a tool is read, and nothing is left of a budget.
speaker() { program "exec/rk3k-$1" < <(echo '[[ -t 0 ]] || cat >/dev/null; [[ $1 != *budget* ]] || exit 3' && cat); }

terminal() { run "$1" "$BATS_TEST_DIRNAME/../terminal" "${@:2}" || {
	echo "$output" >&2
	return 1
}; }

@test "deploy: a line for each step on a terminal, and what to do then" {
	speakers
	CHANGE=created terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf --context east
	assert_regex "${lines[0]}" '^Rancher v[0-9.]+ at https://rancher\.example\.com$'
	assert_equal "${lines[1]}" '  host     east (https://h:6443, Kubernetes v1.34.1)'
	assert_regex "${lines[2]}" '^  cluster  rancher-k3k/rancher, k3s v[^,]+, [13] servers?, '
	assert_line --regexp '^\[ 1/10\] ✓ k3k controller [0-9.]+ +unchanged +[0-9]+s$'
	assert_line --regexp '^\[ 3/10\] ✓ virtual cluster +[0-9]+s$'
	assert_line --regexp '^Rancher is ready after [0-9]+s\.$'
	assert_line '  open      https://rancher.example.com'
	assert_line '  password  kubectl rk3k password rancher-k3k/rancher --context=east'
	assert_line '  cluster   kubectl --context rancher-k3k get pods -A'
	assert_line '  health    kubectl rk3k status rancher-k3k/rancher --context=east'
	refute_output --partial 'rk3k-'
	refute_output --partial 'x/y'
}

@test "deploy: one line on a terminal when nothing had to be changed" {
	speakers
	terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	assert_equal "${#lines[@]}" 4
	assert_regex "${lines[3]}" '^✓ nothing to change: rancher-k3k/rancher serves https://rancher\.example\.com   [0-9]+s$'
}

@test "deploy: a failure on a terminal shows error, hint and the command to resume" {
	speakers
	speaker wait <<-'END'
		[[ $1 == cluster ]] || exit 0
		printf '\036w%s\n' 'image h/k3s:v9 cannot be pulled' >&2
		printf '\036e%s\n\036h%s\n' 'virtual cluster a/b is not ready after 5m' 'correct K3S_VERSION in deploy.conf' >&2
		echo 'of another program' >&2
		exit 4
	END
	terminal -4 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	assert_line '      ! virtual cluster: image h/k3s:v9 cannot be pulled'
	assert_line --regexp '^\[ 3/10\] ✗ virtual cluster +[0-9]+s$'
	assert_line '        virtual cluster a/b is not ready after 5m'
	assert_line '        of another program'
	assert_line '        next: correct K3S_VERSION in deploy.conf'
	assert_line --regexp '^        then: kubectl rk3k deploy -c deploy.conf   \(continues at step 3\)$'
	assert_equal "$(grep -c '✗' <<<"$output")" 1
}

@test "deploy: Ctrl-C on a terminal ends with 130 and leaves no half line" {
	speakers
	speaker wait <<<'[[ $1 != cluster ]] || { printf "\036pINTERRUPT\n" >&2 && exec sleep 30; }'
	terminal -130 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	assert_line --regexp '^\[ 3/10\] ✗ virtual cluster +[0-9]+s$'
	assert_equal "${lines[-1]}" '        next: kubectl rk3k deploy -c deploy.conf   (continues at step 3)'
}

@test "deploy: -v, -q, --dry-run, a dumb terminal and a pipe get a line for each tool" {
	speakers
	local given
	for given in -v -q --dry-run; do
		terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf "$given"
		refute_output --partial '/10]'
		assert_output --partial 'x/y unchanged'
	done
	TERM=dumb terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	assert_output --partial 'rk3k-deploy: == cluster'
	deploy -0 -c deploy.conf
	assert_line 'x/y unchanged'
	[[ $stderr == *'rk3k-deploy: == cluster'*'Rancher answers at https://rancher.example.com'* ]]
	refute_output --partial $'\036'
}

@test "deploy: colours on a terminal unless they are switched off" {
	speakers
	RAW=1 terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	assert_output --partial $'\e[32m✓\e[0m nothing'
	RAW=1 terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf --color=never
	refute_output --partial $'\e[32m'
	NO_COLOR=1 RAW=1 terminal -0 -- "$RK3K_BIN/rk3k-deploy" -c deploy.conf
	refute_output --partial $'\e[32m'
}

@test "destroy: a line for each step on a terminal, and what is left" {
	speakers
	speaker delete <<<'echo "secret/x deleted"'
	speaker status <<<'echo "rancher-k3k rancher" && echo "team other"'
	speaker wait <<<'[[ $* != *statefulset* ]] || exit "$LEFT"'
	export LEFT=0
	terminal -0 y -- "$RK3K_BIN/rk3k-destroy"
	assert_line 'Delete virtual cluster rancher-k3k/rancher and its Rancher'
	assert_line --regexp '^\[5/8\] ✓ k3k controller +[0-9]+s$'
	assert_line '        the k3k controller is kept, other virtual clusters need it: team other'
	assert_line --regexp '^rancher-k3k/rancher is deleted after [0-9]+s\.$'
	LEFT=4 terminal -1 y -- "$RK3K_BIN/rk3k-destroy"
	assert_line '      ! verified: its servers: still exists'
	assert_line --regexp '^\[8/8\] ✗ verified +[0-9]+s$'
	refute_output --partial 'is deleted after'
	terminal -0 n -- "$RK3K_BIN/rk3k-destroy"
	assert_output --partial 'aborted'
}

@test "version: what deploy shows is bounded, fit for a terminal, and lost in no case" {
	local voice=("$RK3K_BIN/rk3k-version" __voice never)
	run -0 "${voice[@]}" < <(printf '\036S1/2\tone\t\n\e[31mred password=abc\nno end')
	assert_output $'        ^[[31mred password=***\n        no end'
	run -0 "${voice[@]}" < <(printf '\036eno lease\n\036hwait\n')
	assert_output $'        no lease\n        next: wait'
	run -0 "${voice[@]}" < <(printf '\036' && head -c 300000 /dev/zero && echo && printf '\036D\n\036\n\036S\n\036Z\n')
	assert [ "${#output}" -lt 70000 ]
}
