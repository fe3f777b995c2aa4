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

# within SECONDS CMD...: until it succeeds; shows its last words when it never does.
within() {
	local end=$((SECONDS + $1)) out
	shift
	until out=$("$@" 2>&1); do
		((SECONDS < end)) || {
			printf 'never: %s\n%s\n' "$*" "$out" >&2
			return 1
		}
		sleep 0.1
	done
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
