# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# helpers.bash - what every bats file loads.
#
#   load ../helpers          and, where there is a cluster:  setup() { plane_home; }
#
# RK3K_BIN names the directory of the tools (build/libexec); rk3k TOOL runs one.
# On the test bed, commands reach its network through `bed`; kubectl, helm, curl
# and rk3k do so by themselves.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

RK3K_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export RK3K_TOP RK3K_BIN=${RK3K_BIN:-$RK3K_TOP/build/libexec}

# bed CMD...: in the bed's network and environment, with the test's own home.
# Bats waits for whoever holds its descriptor 3.
bed() {
	[[ -n ${RK3K_TESTBED:-} ]] || {
		echo "no test bed: is tests/plane/setup_suite.bash there?" >&2
		return 1
	}
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" \
		env ${PLANE_HOME:+HOME="$PLANE_HOME" KUBECONFIG="$PLANE_KUBECONFIG"} "$@" 3>&-
}

kubectl() { bed kubectl "$@"; }
helm() { bed helm "$@"; }
curl() { bed curl "$@"; }

# rk3k TOOL ARG...: on the bed when there is one.
rk3k() {
	local tool=$RK3K_BIN/rk3k-$1
	shift
	if [[ -n ${RK3K_TESTBED:-} ]]; then
		bed "$tool" "$@"
	else
		"$tool" "$@"
	fi
}

# plane_home: a home of the test's own, whose kubeconfig is a copy of the host's.
plane_home() {
	PLANE_HOME=$BATS_TEST_TMPDIR/home
	PLANE_KUBECONFIG=$PLANE_HOME/.kube/config
	export PLANE_HOME PLANE_KUBECONFIG
	mkdir -p "$PLANE_HOME/.kube"
	cp "$RK3K_TESTBED/host/admin.kubeconfig" "$PLANE_KUBECONFIG"
	chmod 600 "$PLANE_KUBECONFIG"
}

# plane_namespace [PREFIX]: make a namespace for this test; its name in NS.
plane_namespace() {
	NS=${1:-test}-$BATS_TEST_NUMBER-$BASHPID
	export NS
	kubectl create namespace "$NS" >/dev/null
}

# within SECONDS CMD...: until it succeeds; shows its last words when it never does. The seconds are those
# of a machine that does nothing else: tests run side by side.
within() {
	local end=$((SECONDS + 4 * $1)) out
	shift
	until out=$("$@" 2>&1); do
		((SECONDS < end)) || {
			printf 'never: %s\n%s\n' "$*" "$out" >&2
			return 1
		}
		sleep 0.1
	done
}

# background OUT TOOL ARG...: the tool on the bed, beside the test; what it says in OUT. PID is the tool's
# own process; that of `bed ... &` would be a shell's, which the tool outlives.
background() {
	"$RK3K_TOP/tests/env/exec" "$RK3K_TESTBED" env --default-signal=INT \
		${PLANE_HOME:+HOME="$PLANE_HOME" KUBECONFIG="$PLANE_KUBECONFIG"} \
		"$RK3K_BIN/rk3k-$2" "${@:3}" >"$1" 2>&1 3>&- &
	PID=$!
}

gone() { [[ $(ps -o stat= -p "$1") != [^Z]* ]]; }

# ended SIGNAL CODE: the signal ends what background began at once, with that code.
ended() {
	local rc=0
	kill "-$1" "$PID"
	within 2 gone "$PID"
	wait "$PID" || rc=$?
	assert_equal "$rc" "$2"
}

# apiserver stop|start: the host's, with the data it had.
apiserver() {
	local what=()
	[[ $1 != stop ]] || what=(kube-apiserver)
	bed plane "$1" "$RK3K_TESTBED/host" "${what[@]}"
}

# audit_mark: from here on. audit_requests [AGENT]: the requests that the host's
# API server has answered since, of clients whose user agent starts with AGENT:
# "verb resource namespace/name code", one a line.
audit_mark() { AUDIT_FROM=$(wc -l <"$RK3K_TESTBED/host/log/audit.json"); }

audit_requests() {
	tail -n +"$((${AUDIT_FROM:-0} + 1))" "$RK3K_TESTBED/host/log/audit.json" |
		jq -r --arg agent "${1:-}" 'select(.stage == "ResponseComplete" or .stage == "ResponseStarted")
			| select((.userAgent // "") | startswith($agent))
			| "\(.verb) \(.objectRef | if . == null then "-" else .resource + (if .subresource then "/" + .subresource else "" end) end)"
			+ " \(.objectRef.namespace // "-")/\(.objectRef.name // "-") \(.responseStatus.code)"'
}

# --- a virtual cluster on the bed -------------------------------------------------

# virtual_up NAMESPACE [NAME [SPEC]]: a virtual cluster that is Ready, from kubectl and helm alone,
# with an ephemeral disk; its admin kubeconfig, through the node port, in VIRTUAL_KUBECONFIG.
virtual_up() {
	local ns=$1 name=${2:-rancher} spec=${3:-'{"expose": {"nodePort": {}}}'}
	VIRTUAL_KUBECONFIG=$BATS_FILE_TMPDIR/$ns.$name.kubeconfig
	export VIRTUAL_KUBECONFIG
	controller_up
	kubectl create namespace "$ns" >/dev/null 2>&1 || kubectl get namespace "$ns" >/dev/null
	jq -n --arg ns "$ns" --arg name "$name" --argjson spec "$spec" '{
		apiVersion: "k3k.io/v1beta1", kind: "Cluster", metadata: {name: $name, namespace: $ns},
		spec: ({mode: "virtual", servers: 1, agents: 0, clusterCIDR: "10.42.0.0/16",
			serviceCIDR: "10.43.0.0/16", persistence: {type: "ephemeral"}} + $spec)}' |
		kubectl apply -f - >/dev/null
	kubectl wait -n "$ns" --for=jsonpath='{.status.phase}'=Ready "clusters.k3k.io/$name" \
		--timeout=90s >/dev/null
	rk3k kubeconfig get "$ns/$name" -q --kubeconfig "$RK3K_TESTBED/host/admin.kubeconfig" \
		>"$VIRTUAL_KUBECONFIG"
}

# The controller, once for all files of a run.
controller_up() {
	kubectl get deployment k3k -n k3k-system >/dev/null 2>&1 ||
		bed env HOME="$BATS_FILE_TMPDIR" helm upgrade --install k3k k3k --version 1.0.2 \
			--repo "$(bed printenv CHART_HTTP_PUBLIC)" -n k3k-system --create-namespace >/dev/null
	kubectl rollout status -n k3k-system deployment/k3k --timeout=60s >/dev/null
}

virtual_down() { # NAMESPACE [NAME]
	kubectl delete -n "$1" "clusters.k3k.io/${2:-rancher}" --timeout=60s >/dev/null
	kubectl delete namespace "$1" --timeout=60s >/dev/null
}

# Inside the virtual cluster.
virtual() { bed kubectl --kubeconfig "$VIRTUAL_KUBECONFIG" "$@"; }

# certificate DIR [SAN... [-- OPENSSL-REQ-ARGS]]: DIR/tls.crt and DIR/tls.key, self-signed.
certificate() {
	local dir=$1 san='' name
	shift
	mkdir -p "$dir"
	while [[ $# -gt 0 && $1 != -- ]]; do san+=${san:+,}DNS:$1 && shift; done
	[[ $# -eq 0 ]] || shift
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj / \
		-addext "subjectAltName=${san:-DNS:localhost}" -days 30 "$@" \
		-keyout "$dir/tls.key" -out "$dir/tls.crt" 2>/dev/null
}
