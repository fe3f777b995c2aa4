# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# setup_suite.bash - one bed of the node tier for a run; RK3K_TESTBED names one that is already up.

BED_UP=node-up
# shellcheck source=tests/plane/setup_suite.bash
. "$(dirname "${BASH_SOURCE[0]}")/../plane/setup_suite.bash"
