# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# audit.bash - the exact requests a tool makes, as the API server's audit log has them.
#
#   audit_from DIR/log/audit.json      the log of that plane, from here on
#   audit_uris [WHO]                   "VERB URI CODE", one a line, in the order of arrival, of
#                                      clients whose user agent or user name begins with WHO
#   assert_requests [WHO] <<< TABLE    compares; a * in the table's URI stands for anything;
#                                      tabs before a line and empty lines do not count
#
# Verbs are the API's (get, list, watch, create, patch, delete); the URI has its query, decoded.

audit_from() {
	AUDIT_LOG=$1
	AUDIT_LINES=$(wc -l <"$AUDIT_LOG")
	export AUDIT_LOG AUDIT_LINES
}

# A request is logged when it is answered, a watch when its answer begins.
audit_uris() {
	tail -n +"$((AUDIT_LINES + 1))" "$AUDIT_LOG" |
		jq -rs --arg who "${1:-rk3k/}" '
			def mine: ((.userAgent // "") | startswith($who)) or (.user.username | startswith($who));
			map(select(mine and (.verb == "watch" and .stage == "ResponseStarted"
				or .verb != "watch" and .stage == "ResponseComplete")))
			| sort_by(.requestReceivedTimestamp)[]
			| "\(.verb) \(.requestURI) \(.responseStatus.code)"' |
		sed -E 's/%2C/,/g; s/%3D/=/g; s/%2F/\//g; s/resourceVersion=[0-9]+/resourceVersion=N/'
}

assert_requests() {
	local want=() got=() i
	mapfile -t want < <(sed -E 's/^[[:space:]]+//; /^$/d')
	mapfile -t got < <(audit_uris "${1:-rk3k/}")
	for ((i = 0; i < ${#want[@]} || i < ${#got[@]}; i++)); do
		# shellcheck disable=SC2053 # the table holds patterns
		[[ ${got[i]:-nothing} == ${want[i]:-nothing} ]] || {
			printf 'request %d: expected %s\n           found    %s\n' "$((i + 1))" \
				"${want[i]:-nothing}" "${got[i]:-nothing}"
			printf 'all: %s\n' "${got[@]}"
			return 1
		}
	done
}
