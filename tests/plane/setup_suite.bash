# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# setup_suite.bash - one test bed for a run of bats; RK3K_TESTBED names one that is already up.

setup_suite() {
	local env_dir
	env_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../env" && pwd)
	if [[ -n ${RK3K_TESTBED:-} ]]; then
		"$env_dir/exec" "$RK3K_TESTBED" true 3>&- || {
			echo "RK3K_TESTBED=$RK3K_TESTBED is not up" >&2
			return 1
		}
		return
	fi
	SUITE_BED=$(mktemp -d "${TMPDIR:-/tmp}/rk3k-bed.XXXXXX")
	export SUITE_BED RK3K_TESTBED=$SUITE_BED
	"$env_dir/${BED_UP:-up}" "$SUITE_BED" 3>&- >/dev/null || {
		echo "the test bed does not come up: logs in $SUITE_BED" >&2
		unset SUITE_BED
		return 1
	}
}

# The logs stay when RK3K_KEEP_LOGS is set.
teardown_suite() {
	local env_dir
	env_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../env" && pwd)
	[[ -n ${SUITE_BED:-} ]] || return 0
	"$env_dir/down" ${RK3K_KEEP_LOGS:+--keep} "$SUITE_BED" 3>&-
}
