#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tf-setup and what Rancher's API answers: each row of docs/rancher-api.md, damaged answers, and a
# signal in the middle.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers
load tf-setup

setup_file() { authorities; }

# bend QUERY-WORD... BODY: how the stand-in damages its answers from here on; see its bend.go.
bend() {
	local url
	url=$(jq -nr --arg base "$URL/standin/bend" '$base + "?" +
		([$ARGS.positional[] | split("=") | .[0] + "=" + (.[1:] | join("=") | @uri)] | join("&"))' \
		--args "${@:1:$#-1}")
	ask --data-binary "${*: -1}" -H 'Content-Type:' "$url"
}

# wrong MATCH AT JSON: that value stands there in the answers to MATCH.
wrong() { bend "match=$1" "at=$2" "$3"; }

# answer MATCH STATUS BODY [TYPE]: that is the answer.
answer() { bend "match=$1" "status=$2" "type=${4:-application/json}" "$3"; }

straight() { bend match= ''; }

# One line for the user, harmless and without a secret, and no way to end but by an exit code.
one_line() {
	assert_equal "$(grep -vc ': warning: ' <<<"$stderr")" 1
	not_told "$PASSWORD"
	[[ ! $stderr =~ [a-z2-9]{54} ]] || fail "a secret: $stderr"
}

# each_wrong CODE KIND MATCH FIELD...: fields of the answer that must be KIND are something else;
# the tool ends with CODE and names the field. (The unit test of the room has every kind.)
each_wrong() {
	local code=$1 match=$3 field value=5
	[[ $2 == string ]] || value='"text"'
	shift 3
	for field; do
		wrong "$match" "$field" "$value"
		rm -f -- *
		setup_tf "$code"
		[[ $code == -0 ]] || one_line
		told "${field##*.}: expected "
		straight
	done
}

@test "tf-setup: a field of the wrong type is named: login, user, settings" {
	each_wrong -1 string 'POST /v1-public/login' token
	each_wrong -0 list 'GET /v3/users' data # only a warning is made of it
	each_wrong -0 string 'GET /v3/users' data.0.id
	each_wrong -0 bool 'GET /v3/users' data.0.mustChangePassword
	each_wrong -1 string 'GET /v3/settings/auth-token-max-ttl-minutes' value default
	each_wrong -0 string 'GET /v3/settings/server-version' value default
}

@test "tf-setup: a field of the wrong type is named: Norman's tokens" {
	local match
	for match in 'POST /v3/tokens' 'GET /v3/tokens/'; do
		each_wrong -1 string "$match" name id token description clusterId expiresAt
		each_wrong -1 number "$match" ttl createdTS
		each_wrong -1 bool "$match" enabled expired
	done
	no_session
}

@test "tf-setup: a field of the wrong type is named: ext tokens" {
	local match
	switch no-norman=1
	for match in 'POST /apis/ext.cattle.io/v1/tokens' 'GET /apis/ext.cattle.io/v1/tokens/'; do
		each_wrong -1 map "$match" spec status
		each_wrong -1 string "$match" metadata.name status.bearerToken status.value status.expiresAt \
			spec.description spec.clusterName
		each_wrong -1 number "$match" spec.ttl
		each_wrong -1 bool "$match" spec.enabled status.expired
	done
	no_session
}

@test "tf-setup: a field of the wrong type is named: clusters and kubeconfigs" {
	local match='GET /apis/management.cattle.io/v3/clusters'
	each_wrong -1 list "$match" items
	each_wrong -1 map "$match" items.0.metadata.labels
	each_wrong -1 string "$match" items.0.metadata.name items.0.spec.displayName
	each_wrong -1 string 'POST /v3/clusters/' config
	switch no-list=1
	match='GET /v3/clusters'
	each_wrong -1 list "$match" data
	each_wrong -1 map "$match" data.0.labels pagination
	each_wrong -1 string "$match" data.0.id data.0.name pagination.next
	each_wrong -1 bool "$match" pagination.partial
	no_session
}

@test "tf-setup: fields that may be null or empty are not an error" {
	local match at
	while read -r match at; do
		wrong "${match/+/ }" "$at" null
		rm -f -- *
		setup_tf -0
		straight
	done <<-'END'
		GET+/v3/users data.0.mustChangePassword
		GET+/v3/settings/ default
		POST+/v3/tokens description
		POST+/v3/tokens expiresAt
		POST+/v3/tokens name
		GET+/v3/tokens/ clusterId
		GET+/v3/tokens/ labels
		GET+/apis/management items.0.spec.displayName
		GET+/k8s/clusters/ gitVersion
	END
}

@test "tf-setup: an answer that is not a JSON object is an error of one line" {
	local match body
	for match in 'GET /rancherversion' 'POST /v1-public/login' 'POST /v3/tokens' 'GET /v3/tokens/' \
		'GET /apis/management' 'POST /v3/clusters/'; do
		for body in '' '[]' null 'plain words' $'{"a":"\x01"}'; do
			rm -f -- *
			answer "$match" 200 "$body"
			setup_tf -1
			one_line
			told "the answer is no"
			straight
		done
	done
}

@test "tf-setup: a version that is not a string, and one that is missing" {
	answer 'GET /rancherversion' 200 '{"Version":213}' text/plain
	setup_tf -1
	one_line
	told "Version: expected a string"
	answer 'GET /rancherversion' 200 '{}' text/plain
	setup_tf -1
	one_line
	told "Version is not set"
}

@test "tf-setup: errors of every shape become one line and an exit code" {
	local code http type body want
	while IFS='|' read -r code http type body want; do
		answer 'POST /v1-public/login' "$http" "$body" "$type"
		setup_tf "$code"
		one_line
		told "log in as admin: $want (HTTP $http)"
		nothing_left
	done <<-'END'
		-5|401|application/json|{"type":"error","status":"401","message":"Unauthorized 401: must authenticate"}|Unauthorized 401: must authenticate
		-5|403|application/json|{"baseType":"error","code":"PermissionDenied","status":403,"type":"error"}|PermissionDenied
		-1|422|application/json|{"code":"InvalidBodyContent","message":"","status":422}|InvalidBodyContent
		-1|422|text/html|<html>InvalidCSRFToken</html>|the answer is a web page, not Rancher's API
		-1|500|application/json|{"code":"ServerError","message":"\u001b[2Jlost\nx","status":500}|^[[2Jlost x
		-1|500|application/json|{"message":{"a":1},"code":[],"Code":5}|the server failed
		-1|400|text/plain|Use HTTPS|bad request
		-1|502|text/html|<html>Bad Gateway</html>|the answer is a web page, not Rancher's API
		-1|503|text/plain|{"Code":{"Code":"ClusterUnavailable","Status":503},"Message":"cluster not provisioned"}|cluster not provisioned
		-4|504|text/plain|upstream request timeout|the proxy in front of Rancher got no answer
		-5|409|application/json|{"kind":"Status","reason":"Conflict","message":"try again","code":409}|try again
	END
}

@test "tf-setup: redirects are never followed, whichever request meets one" {
	local match
	for match in 'GET /rancherversion' 'POST /v1-public/login' 'GET /v3/users' 'POST /v3/tokens' \
		'GET /v3/tokens/' 'POST /v3/clusters/' 'GET /k8s/' 'POST /v1/logout'; do
		rm -f -- *
		answer "$match" 302 "$URL/elsewhere"
		run --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
			--password-file ../password --timeout 1s
		[[ $match == 'GET /v3/users' ]] || told "redirects to $URL/elsewhere"
		[[ $status -eq 5 || $status -eq 0 ]] || fail "$match: exit code $status: $stderr"
		straight
	done
	run -0 requests
	refute_output --partial elsewhere
}

# --- login ---

@test "tf-setup: where local users cannot log in a token is asked for" {
	local version
	for version in v2.12.3 v2.15.0; do
		standin "$version"
		switch hidden-local=1
		setup_tf -3
		one_line
		told "local users cannot log in" "--rancher-token-file"
		nothing_left
	done
}

@test "tf-setup: speaks as a tool: no browser's name, and JSON is asked for" {
	setup_tf -0 -vv
	not_told "InvalidCSRFToken"
	run -0 ask -A Mozilla/5.0 -o /dev/null -w '%{http_code}' --no-fail -X POST "$URL/v3/tokens"
	assert_output 422 # what a browser's name would bring
}

@test "tf-setup: a session that cannot be ended is a warning" {
	answer 'POST /v1/logout' 500 '{"message":"no"}'
	setup_tf -0
	told "the session could not be ended"
	assert_line "terraform.tfvars created"
	answer 'POST /v1/logout' 401 'must authenticate' text/plain
	setup_tf -0 --renew
	told "the session could not be ended"
}

@test "tf-setup: Rancher that is not started yet is waited for" {
	local http
	for http in 404 502 503 504; do
		answer 'GET /ping' "$http" 'default backend' text/plain
		setup_tf -4
		one_line
		told "Rancher does not answer" "HTTP $http"
	done
	straight
	end_standin
	setup_tf -4
	one_line
	told "refused"
}

@test "tf-setup: another server that answers /ping is not taken for Rancher" {
	answer 'GET /ping' 200 OK text/plain
	setup_tf -1
	one_line
	told "does not answer pong"
	run -0 requests
	refute_output --partial login
}

# --- the CA ---

@test "tf-setup: an empty /cacerts is reported when a fingerprint was given" {
	switch no-cacerts=1
	run -3 --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --password-file ../password \
		--ca-fingerprint "$(sha256sum <"$CA" | cut -d' ' -f1)"
	one_line
	told "publishes no CA"
	setup_tf -0
	run -0 cat kubeconfig-harvester.yaml
	refute_output --partial certificate-authority-data
}

# --- tokens ---

@test "tf-setup: asks for the maximum by its number where 0 means the default" {
	standin dev
	switch setting.auth-token-max-ttl-minutes=259200 setting.auth-token-default-ttl-minutes=129600
	setup_tf -0
	run -0 tokens
	assert_line --regexp ' api 15552000000$'
	told "expires $(date -u -d '+180 days' +%Y-%m-%d)"
}

@test "tf-setup: without permission to read the maximum, the server's default is used" {
	answer 'GET /v3/settings/auth-token-max-ttl-minutes' 403 '{"code":"Forbidden"}'
	setup_tf -0
	run -0 tokens
	assert_line --regexp ' api 7776000000$'
}

@test "tf-setup: a token that is created expired is an error and is deleted" {
	wrong 'GET /v3/tokens/' expired true
	setup_tf -1
	one_line
	told "has expired already"
	nothing_left
	wrong 'GET /v3/tokens/' ttl -1
	setup_tf -1
	nothing_left
}

@test "tf-setup: a token for one cluster only is replaced" {
	setup_tf -0
	local old
	old=$(token_value)
	wrong 'GET /v3/tokens/' clusterId '"local"'
	setup_tf -0
	[[ $(token_value) != "$old" ]]
}

@test "tf-setup: a disabled token is replaced" {
	setup_tf -0
	local name
	name=$(token_value | cut -d: -f1)
	wrong "GET /v3/tokens/$name" enabled false
	setup_tf -0
	[[ $(token_value) != "$name":* ]]
}

@test "tf-setup: a given ext token makes ext tokens where Norman refuses it" {
	local version
	for version in v2.12.3 v2.14.1 v2.15.0; do
		standin "$version"
		rm -rf -- *
		switch no-norman=1
		setup_tf -0
		switch no-norman=
		(umask 077 && token_value >../token)
		mkdir new
		run -0 --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
			--rancher-token-file ../token --dir new
		case $version in
		v2.15.0) assert_file_contains new/terraform.tfvars '^rancher_token .*"token-' ;;
		*) assert_file_contains new/terraform.tfvars '^rancher_token .*"ext/token-' ;;
		esac
		run -0 --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --dir new
		assert_line "new/terraform.tfvars unchanged"
	done
}

@test "tf-setup: a token about to end is renewed when there is a way to, else a warning" {
	setup_tf -0
	local soon
	soon=$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)
	wrong 'GET /v3/tokens/' expiresAt "\"$soon\""
	run -0 --separate-stderr tf --url "$URL" --resolve "$RESOLVE"
	assert_line "terraform.tfvars configured" # its comment
	told "warning: token" "expires $soon"
	local old
	old=$(token_value)
	setup_tf -0
	[[ $(token_value) != "$old" ]]
}

# --- first login ---

@test "tf-setup: a server-url that is set where Rancher is installed is a warning" {
	switch env-setting=server-url setting.server-url=https://fixed.test
	setup_tf -0 --first-login --bootstrap-password-file ../password
	told "server-url remains https://fixed.test"
	no_session
}

@test "tf-setup: new passwords that Rancher does not take end with its words" {
	local new want
	switch password=bootstrap-word
	(umask 077 && echo bootstrap-word >../boot)
	while IFS='|' read -r new want; do
		echo "$new" >../password
		setup_tf -1 --first-login --bootstrap-password-file ../boot
		one_line
		told "change the password: $want"
		nothing_left
	done <<-'END'
		short|Password must be at least 12 characters
		admin|Password can not be the same as the username
	END
}

# --- clusters ---

@test "tf-setup: a user without visible clusters gets a warning, exit 0" {
	switch harvesters=none
	setup_tf -0
	told "none that this user can see" "clusters: none"
	assert_file_contains terraform.tfvars '^rancher_token '
}

@test "tf-setup: a cluster without Harvester's label is taken when it is named" {
	setup_tf -0 --cluster edge
	told "cluster c-mxjnr is not labelled as Harvester"
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-mxjnr"'
}

@test "tf-setup: a display name that two clusters have is not enough" {
	wrong 'GET /v3/clusters' data.0.name '"twin"'
	setup_tf -5 --cluster twin
	one_line
	told "more than one cluster is called twin" "c-mxjnr (twin)"
	nothing_left
}

@test "tf-setup: links in answers are not followed" {
	switch no-list=1 link-host=evil.test
	setup_tf -0
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-m-2x68d8qw"'
}

# --- kubeconfigs ---

@test "tf-setup: a cluster that vanishes before its kubeconfig is made" {
	answer 'POST /v3/clusters/' 404 '{"code":"NotFound","status":404}'
	setup_tf -3
	one_line
	told "generate a kubeconfig of cluster c-m-2x68d8qw: NotFound"
	nothing_left
}

@test "tf-setup: a kubeconfig without a server or a token is refused" {
	local config
	for config in '""' '"just: this"' '"a: [1"' '"clusters: 5\nusers: x"' \
		'"clusters: [{cluster: {server: 5}}]\nusers: [{user: {token: t:s}}]"' \
		'"clusters: [{cluster: {server: \"https://h/k8s/clusters/c\"}}]\nusers: [{user: {}}]"'; do
		wrong 'POST /v3/clusters/' config "$config"
		setup_tf -1
		one_line
		told "c-m-2x68d8qw"
		assert_not_exists terraform.tfvars
		assert_not_exists kubeconfig-harvester.yaml
		no_session
	done
}

@test "tf-setup: a kubeconfig by the rancher command, where no tokens are given out" {
	local run
	switch setting.kubeconfig-generate-token=false
	for run in created unchanged; do
		setup_tf -0
		assert_line "kubeconfig-harvester.yaml $run"
		told "kubeconfig-generate-token" 'set it to "true"'
		assert_file_contains kubeconfig-harvester.yaml 'command: rancher'
	done
	switch setting.kubeconfig-generate-token=true
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml configured"
	not_told "kubeconfig-generate-token"
	assert_file_contains kubeconfig-harvester.yaml 'token: "kubeconfig-'
}

@test "tf-setup: a kubeconfig with authorized endpoints is kept as it is" {
	switch ace=1
	setup_tf -0
	assert_file_contains kubeconfig-harvester.yaml 'https://ace.test:6443'
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml unchanged"
	assert_equal "$(tokens | grep -c ' kubeconfig ')" 1
}

@test "tf-setup: a kubeconfig that cannot be written leaves none of its tokens" {
	trap '' XFSZ
	(
		ulimit -f 1
		run --separate-stderr -1 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
			--password-file ../password
		told "kubeconfig-harvester.yaml" "File too large"
	)
	run -0 tokens
	assert_output ''
}

# --- answers that are lost ---

@test "tf-setup: finds and deletes what was created when the answer is lost" {
	local at
	for at in 'POST /v1-public/login' 'POST /v3/tokens' 'POST /v3/clusters/'; do
		switch "lose=$at"
		setup_tf -1
		told "the request may have been carried out"
		not_told "may exist"
		nothing_left
	done
	switch no-norman=1 'lose=POST /apis/ext.cattle.io/v1/tokens'
	setup_tf -1
	switch no-norman=
	nothing_left
}

@test "tf-setup: deletes a token whose answer is late or damaged" {
	switch slow=1s 'slow-at=POST /v3/tokens'
	setup_tf -4 --request-timeout 500ms
	nothing_left
	switch slow=
	wrong 'POST /v3/tokens' token 5 # made, and the answer is damaged
	setup_tf -1
	straight
	nothing_left
}

@test "tf-setup: deletes the Norman token that an ext token replaces" {
	switch no-norman=1
	setup_tf -0
	(umask 077 && token_value >../token)
	rm -f -- *
	switch no-norman=
	setup_tf -0
	local old
	old=$(token_value | cut -d: -f1)
	run -0 --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
		--rancher-token-file ../token --renew
	assert_file_contains terraform.tfvars '^rancher_token .*"ext/token-'
	run -0 tokens
	refute_output --partial "$old"
}

@test "tf-setup: prints the command when a lost session cannot be found" {
	switch lose-all=1 'lose=POST /v1-public/login'
	setup_tf -1
	told "a session may exist" "kubectl rk3k tf-setup revoke --run "
	switch lose=
	run_printed
	assert_output --regexp '^2 tokens of run [0-9a-f]{8} revoked$'
	nothing_left
}

@test "tf-setup: prints one command for later when the clean-up fails" {
	local name
	answer 'DELETE /v3/tokens/' 500 '{"code":"ServerError","message":"no"}'
	mkdir kubeconfig-harvester.yaml
	setup_tf -1
	straight
	rmdir kubeconfig-harvester.yaml
	told "could not be deleted: "
	assert_equal "$(grep -c 'to remove what is left in Rancher, run: ' <<<"$stderr")" 1
	run -0 tokens
	assert_output --partial ' api '
	mkdir kubeconfig-harvester.yaml
	answer 'DELETE /v3/tokens/' 500 '{"code":"ServerError","message":"no"}'
	setup_tf -1
	straight
	rmdir kubeconfig-harvester.yaml
	name=$(sed -n 's/.*revoke \(token-[a-z0-9]*\) .*/\1/p' <<<"$stderr")
	run_printed
	assert_line "token $name revoked"
}

@test "tf-setup: deletes its tokens when the pipe on stdout is closed" {
	local args=(--url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --password-file ../password)
	run bash -c '"$@" | true; exit ${PIPESTATUS[0]}' - "$RK3K_BIN/rk3k-tf-setup" "${args[@]}" -o json
	assert_equal "$status" 141
	nothing_left
	run bash -c '"$@" | true; exit ${PIPESTATUS[0]}' - "$RK3K_BIN/rk3k-tf-setup" "${args[@]}" -o json \
		--with-kubeconfig
	nothing_left
	run bash -c '"$@" | true; exit ${PIPESTATUS[0]}' - "$RK3K_BIN/rk3k-tf-setup" "${args[@]}"
	assert_equal "$status" 141
	assert_file_contains terraform.tfvars '^rancher_token ' # the files are complete
	no_session
}

# --- a signal in the middle ---

# start: the usual call in the background, with the signals as in a foreground; its PID in TOOL.
start() {
	env --default-signal=HUP,INT,QUIT "$RK3K_BIN/rk3k-tf-setup" --url "$URL" --resolve "$RESOLVE" \
		--ca-file "$CA" --password-file ../password --request-timeout 5m >../out 2>../err 3>&- &
	TOOL=$!
}

held() { [[ $(ask "$URL/standin/asleep") -ge 1 ]]; }

dead() { [[ $(ps -o stat= -p "$TOOL") =~ ^(Z.*)?$ ]]; }

ends_with() { # SIGNAL
	local rc=0
	wait "$TOOL" || rc=$?
	assert_equal "$rc" $((128 + $(kill -l "$1")))
}

@test "tf-setup: a signal during a request deletes token, kubeconfig and session" {
	local signal
	for signal in INT TERM HUP; do
		switch slow=5m slow-at=/k8s/clusters
		start
		within 10 held
		run -0 tokens
		assert_equal "$(awk '{ print $2 }' <<<"$output" | sort | xargs)" "api kubeconfig session"
		kill -s "$signal" "$TOOL"
		ends_with "$signal"
		nothing_left
		assert_equal "$(ls -A)" ''
		assert_equal "$(cat ../err)" ''
	done
}

@test "tf-setup: a signal during the login takes effect once the answer has arrived" {
	switch slow=5m
	start
	within 10 held
	kill -s TERM "$TOOL"
	switch slow=
	ends_with TERM
	run -0 requests
	assert_line --regexp '^POST /v1-public/login - 201$'
	assert_line --regexp '^POST /v1/logout token-[a-z0-9]+ 200$'
	refute_output --partial '/v3/tokens'
	nothing_left
}

@test "tf-setup: a signal while the token is made takes it back" {
	switch slow=5m 'slow-at=POST /v3/tokens'
	start
	within 10 held
	kill -s INT "$TOOL"
	switch slow=
	ends_with INT
	run -0 requests
	assert_line --regexp '^POST /v3/tokens token-[a-z0-9]+ 201$'
	assert_line --regexp '^DELETE /v3/tokens/token-[a-z0-9]+ token-[a-z0-9]+ 204$'
	nothing_left
}

@test "tf-setup: a second signal ends it at once" {
	switch slow=5m
	start
	within 10 held
	kill -s INT "$TOOL"
	kill -s TERM "$TOOL"
	within 10 dead
	ends_with TERM
}

@test "tf-setup: a signal before the login ends it at once" {
	switch slow=5m slow-at=/ping
	start
	within 10 held
	kill -s TERM "$TOOL"
	ends_with TERM
	run -0 requests
	refute_output --partial login
}

@test "tf-setup: a signal in a run that makes nothing leaves everything as it is" {
	setup_tf -0
	local before
	before=$(tokens | sort && cat -- *)
	switch slow=5m slow-at=/k8s/clusters
	start
	within 10 held
	kill -s TERM "$TOOL"
	ends_with TERM
	assert_equal "$(tokens | sort && cat -- *)" "$before"
}
