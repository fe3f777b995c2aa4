#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tf-setup against the stand-in Rancher, which runs alone here (tests/env/standin/cmd/rancher says
# what it imitates), and a real terraform or OpenTofu for what comes out.
# shellcheck disable=SC2154 # stderr is set by run --separate-stderr

load ../helpers
load tf-setup

setup_file() {
	authorities
	TERRAFORM=$(command -v terraform || true)
	if [[ -z $TERRAFORM ]]; then
		"$RK3K_TOP/tests/env/build" tofu >/dev/null
		TERRAFORM=$("$RK3K_TOP/tests/env/build" --path)/tofu
	fi
	export TERRAFORM
}

@test "tf-setup: writes tfvars and kubeconfig, on every version" {
	local version
	for version in v2.9.12 v2.12.3 v2.13.1 v2.15.0 dev; do
		standin "$version"
		rm -f -- *
		setup_tf -0
		assert_line "terraform.tfvars created"
		assert_line "kubeconfig-harvester.yaml created"
		assert_equal "$(stat -c %a terraform.tfvars kubeconfig-harvester.yaml | sort -u)" 600
		run -0 cat terraform.tfvars
		assert_line "rancher_url          = \"$URL\""
		assert_line 'harvester_cluster_id = "c-m-2x68d8qw"'
		assert_line --regexp '^rancher_token        = "token-[a-z0-9]{5}:[a-z0-9]{54}"$'
		no_session
	done
}

@test "tf-setup: logs in and out by the API that the server has" {
	standin v2.12.3
	setup_tf -0
	run -0 requests
	assert_line --regexp '^POST /v3-public/localProviders/local\?action=login - 201$'
	assert_line --regexp '^POST /v3/tokens\?action=logout token-[a-z0-9]+ 200$'
	refute_output --partial /v1-public
	standin v2.13.0
	rm terraform.tfvars
	setup_tf -0
	run -0 requests
	assert_line --regexp '^POST /v1-public/login - 201$'
	assert_line --regexp '^POST /v1/logout token-[a-z0-9]+ 200$'
	refute_output --partial /v3-public
}

@test "tf-setup: a server that hides its version is asked both ways" {
	standin dev
	switch version=v2.x
	switch no-v3-public=1
	setup_tf -0
	standin v2.12.0 # says it is newer than what it can
	rm -f -- *
	switch version=
	run -0 requests
	setup_tf -0
}

@test "tf-setup: a second run changes no file, makes no token and needs no password" {
	setup_tf -0 --module
	local before after
	before=$(stat -c '%n %i %Y %Z %s' -- * && cat -- *)
	run -0 requests
	local n=${#lines[@]}
	rm ../password
	run -0 --separate-stderr tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --module
	assert_equal "$(grep -c ' unchanged$' <<<"$output")" 4
	after=$(stat -c '%n %i %Y %Z %s' -- * && cat -- *)
	assert_equal "$after" "$before"
	run -0 tail -n "+$((n + 1))" < <(requests)
	refute_output --partial POST
	assert_equal "$(tokens | wc -l)" 2
}

@test "tf-setup: the CA of the tfvars is enough the next time" {
	setup_tf -0
	run -0 tf --url "$URL" --resolve "$RESOLVE"
	assert_line "terraform.tfvars unchanged"
}

@test "tf-setup: says the real expiry, 90 days, though the reply has none yet" {
	setup_tf -0
	local day
	day=$(date -u -d '+90 days' +%Y-%m-%d)
	told "expires $day"
	assert_file_contains terraform.tfvars "^# rk3k: token token-[a-z0-9]* expires $day"
	run -0 tokens
	assert_line --regexp ' api 7776000000$'
}

@test "tf-setup: --ttl sets the token's lifetime, and clamping is reported" {
	setup_tf -0 --ttl 240h
	run -0 tokens
	assert_line --regexp ' api 864000000$'
	setup_tf -0 --ttl 30d --renew
	run -0 tokens
	assert_line --regexp ' api 2592000000$'
	setup_tf -0 --ttl 200d --renew
	told "2160 hours at most"
	run -0 tokens
	assert_line --regexp ' api 7776000000$'
	refute_output --partial ' api 2592000000' # the one it replaces is gone
}

@test "tf-setup: without a limit of the server the token never expires" {
	switch setting.auth-token-max-ttl-minutes=0
	setup_tf -0
	told "never expires"
}

@test "tf-setup: a --ttl below zero is refused" {
	setup_tf -2 --ttl -1h
	nothing_left
}

@test "tf-setup: ext tokens where Norman's are gone" {
	local version
	for version in v2.12.3 v2.13.1 v2.15.0; do
		standin "$version"
		rm -f -- *
		switch no-norman=1
		setup_tf -0
		[[ $(token_value) =~ ^ext/token-[a-z0-9]+:[a-z0-9]+$ ]]
		setup_tf -0
		assert_line "terraform.tfvars unchanged"
		no_session
	done
}

@test "tf-setup: a wrong password ends with 5 and leaves nothing" {
	echo 'wrong password here' >../password
	setup_tf -5
	told "log in as admin: authentication failed"
	nothing_left
}

@test "tf-setup: a disabled user is named as the cause" {
	switch disabled=1
	setup_tf -5
	told "user admin is disabled"
	nothing_left
}

@test "tf-setup: a server that repeats the password does not get it into the error" {
	switch echo=1
	echo 'another wrong one' >../password
	setup_tf -5
	not_told "another wrong one"
	told "log in as admin"
}

@test "tf-setup: a password that must be changed is a warning" {
	switch must-change=1
	setup_tf -0
	told "admin must change the password"
}

@test "tf-setup: an expired token is replaced" {
	setup_tf -0
	local old
	old=$(token_value)
	ask -X POST "$URL/standin/expire"
	setup_tf -0
	told "no longer valid"
	assert_line "terraform.tfvars configured"
	assert_line "kubeconfig-harvester.yaml configured"
	[[ $(token_value) != "$old" ]]
	no_session
}

@test "tf-setup: a revoked token without a login is reported, and the file is kept" {
	setup_tf -0
	ask -X POST "$URL/standin/expire"
	local before
	before=$(cat terraform.tfvars)
	run -2 setsid "$RK3K_BIN/rk3k-tf-setup" --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" </dev/null
	assert_output --partial "--password-file"
	assert_equal "$(cat terraform.tfvars)" "$before"
}

@test "tf-setup: a web page is not taken for Rancher" {
	switch 'page=<html><title>Sign in</title></html>'
	setup_tf -1
	told "web page, not Rancher's API"
	nothing_left
}

@test "tf-setup: a redirect to another host is not followed" {
	switch redirect=https://evil.test:1
	setup_tf -5
	told "redirects to https://evil.test:1/ping"
	switch redirect=
	run -0 requests
	refute_output --partial login
	nothing_left
}

@test "tf-setup: a proxy without Rancher behind it is waited for, then 4" {
	switch down=1
	setup_tf -4
	told "Rancher does not answer"
	(sleep 1 && switch down=) 3>&- &
	local later=$!
	run -0 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --password-file ../password --timeout 10s
	wait "$later"
}

@test "tf-setup: an unknown CA is refused before anything is sent" {
	run -1 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$BATS_FILE_TMPDIR/other.crt" \
		--password-file ../password
	assert_output --partial certificate
	run -1 tf --url "$URL" --resolve "$RESOLVE" --password-file ../password
	assert_output --partial "--ca-file"
	run -0 requests
	assert_output ''
}

fingerprint() { openssl x509 -noout -fingerprint -sha256 -in "$1" | cut -d= -f2; }

@test "tf-setup: the CA at /cacerts is taken when its fingerprint is the given one" {
	local pin
	for pin in "$(fingerprint "$CA")" "$(openssl x509 -noout -fingerprint -sha256 -in "$CA")" \
		"sha256:$(sha256sum <"$CA" | cut -d' ' -f1)" "$(sha256sum <"$CA" | cut -d' ' -f1)"; do
		rm -f -- *
		run -0 tf --url "$URL" --resolve "$RESOLVE" --ca-fingerprint "$pin" --password-file ../password
		assert_file_contains terraform.tfvars '^rancher_ca_certs .*BEGIN CERTIFICATE'
	done
}

@test "tf-setup: --ca-file in another notation is written as plain PEM, a key never" {
	printf '\xEF\xBB\xBF# ours\r\n' >../odd.pem
	openssl x509 -in "$CA" -trustout | sed 's/$/\r/' >>../odd.pem
	run -0 tf --url "$URL" --resolve "$RESOLVE" --ca-file ../odd.pem --password-file ../password
	[[ $(grep -o '"-----BEGIN.*"' terraform.tfvars | jq -r .) == "$(openssl x509 -in "$CA")" ]]
	rm -f -- *
	cat "$CA" "${CA%.crt}.key" >../both.pem
	run -1 tf --url "$URL" --resolve "$RESOLVE" --ca-file ../both.pem --password-file ../password
	assert_output --partial 'it holds a private key'
	[[ ! -e terraform.tfvars ]]
}

@test "tf-setup: another fingerprint ends with 5, and no password was sent" {
	run -5 tf --url "$URL" --resolve "$RESOLVE" --password-file ../password \
		--ca-fingerprint "$(fingerprint "$BATS_FILE_TMPDIR/other.crt")"
	assert_output --partial "another fingerprint: $(fingerprint "$CA" | tr -d : | tr A-F a-f)"
	run -0 requests
	assert_output "GET /cacerts - 200"
	run -2 tf --url "$URL" --ca-fingerprint abc --password-file ../password
}

@test "tf-setup: no Harvester: tfvars without it, what there is, exit 0" {
	switch harvesters=0
	setup_tf -0
	told "no Harvester cluster" "c-mxjnr (edge)"
	run -0 cat terraform.tfvars
	refute_output --partial harvester_cluster_id
	assert_not_exists kubeconfig-harvester.yaml
}

@test "tf-setup: two Harvesters ask for a choice, and the token is taken back" {
	switch harvesters=2
	setup_tf -5
	told "c-m-2x68d8qw (harvester), c-m-9k7lm2pt (harvester-two)"
	nothing_left
	setup_tf -0 --cluster harvester-two
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-m-9k7lm2pt"'
	setup_tf -0 --cluster c-m-2x68d8qw
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-m-2x68d8qw"'
	assert_line "kubeconfig-harvester.yaml configured"
}

@test "tf-setup: with two Harvesters the tfvars decide on the next run" {
	switch harvesters=2
	setup_tf -0 --cluster c-m-9k7lm2pt
	setup_tf -0
	assert_line "terraform.tfvars unchanged"
	assert_line "kubeconfig-harvester.yaml unchanged"
	switch harvesters=1 # the chosen one is gone
	setup_tf -0
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-m-2x68d8qw"'
	setup_tf -0 --cluster edge # a choice without the label holds as well
	setup_tf -0
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-mxjnr"'
}

@test "tf-setup: a name that no cluster has ends with 3" {
	setup_tf -3 --cluster nowhere
	told "no cluster is called nowhere" "c-mxjnr (edge)"
	nothing_left
}

@test "tf-setup: Harvester is found page by page where selectors are ignored" {
	switch no-list=1
	setup_tf -0
	assert_file_contains terraform.tfvars 'harvester_cluster_id = "c-m-2x68d8qw"'
	run -0 requests
	assert_line --regexp '^GET /v3/clusters\?limit=1000&marker=c-m-2x68d8qw '
}

@test "tf-setup: a failing list takes the new token back and logs out" {
	switch fail-clusters=1
	setup_tf -1
	told "list clusters: the list cannot be made"
	nothing_left
}

@test "tf-setup: missing permission for the kubeconfig is reported, nothing is left" {
	switch fail-kubeconfig=1
	setup_tf -5
	told "must be an owner of the cluster"
	nothing_left
}

@test "tf-setup: a kubeconfig that works is kept, a dead one replaced" {
	setup_tf -0
	local first
	first=$(cat kubeconfig-harvester.yaml)
	setup_tf -0 --renew
	assert_line "kubeconfig-harvester.yaml unchanged"
	sed -i 's/token: "\(.*\):.*"/token: "\1:dead"/' kubeconfig-harvester.yaml
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml configured"
	[[ $(cat kubeconfig-harvester.yaml) != "$first" ]]
	assert_equal "$(tokens | grep -c ' kubeconfig ')" 1
}

@test "tf-setup: the kubeconfig is one that kubectl's readers take" {
	setup_tf -0
	run -0 python3 -c 'import sys, yaml, base64
v = yaml.safe_load(open("kubeconfig-harvester.yaml"))
sys.stdout.write(base64.b64decode(v["clusters"][0]["cluster"]["certificate-authority-data"]).decode())'
	assert_output "$(cat "$CA")"
}

@test "tf-setup: a kubeconfig is generated again when server-url changes" {
	switch setting.server-url=https://old.test
	setup_tf -0
	told "has the server https://old.test/k8s/clusters/c-m-2x68d8qw"
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml unchanged" # it is where Rancher says
	switch "setting.server-url=$URL"
	setup_tf -0
	told "kubeconfig-harvester.yaml has the server https://old.test/k8s/clusters/c-m-2x68d8qw: generating it again"
	assert_line "kubeconfig-harvester.yaml configured"
	assert_file_contains kubeconfig-harvester.yaml "server: \"$URL/k8s/clusters/c-m-2x68d8qw\""
	assert_equal "$(tokens | grep -c ' kubeconfig ')" 1
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml unchanged"
}

@test "tf-setup: a kubeconfig is generated again when cacerts changes" {
	setup_tf -0
	switch "setting.cacerts=$(cat "$BATS_FILE_TMPDIR/other.crt")"
	setup_tf -0
	told "another CA than Rancher publishes" "did not sign Rancher's certificate"
	assert_line "kubeconfig-harvester.yaml configured"
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml unchanged" # as Rancher would have it, but still said
	told "did not sign Rancher's certificate"
	switch "setting.cacerts=$(cat "$CA")"
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml configured"
	not_told "certificate"
	assert_equal "$(tokens | grep -c ' kubeconfig ')" 1
}

@test "tf-setup: an agent that is away is a warning, and the kubeconfig is kept" {
	switch away=1
	setup_tf -0
	told "does not answer yet" "cluster not provisioned"
	setup_tf -0
	assert_line "kubeconfig-harvester.yaml unchanged"
}

@test "tf-setup: a kubeconfig of another server is reported" {
	switch setting.server-url=https://old.test
	setup_tf -0
	told "has the server https://old.test/k8s/clusters/c-m-2x68d8qw"
}

@test "tf-setup: a user who cannot read settings is warned of the provider" {
	switch no-settings=1
	setup_tf -0
	told "provider needs to read settings"
}

@test "tf-setup: in somebody's tfvars only its own values change" {
	cat >terraform.tfvars <<-'END'
		/* ours */ region = "eu" # rancher_url = "no"
		harvester_cluster_id = "old" // from the UI
		script = <<-EOT
		  rancher_token = "not this one ${"}"} $${x}
		  EOT
		nodes = { a = [1, 2],
		  rancher_url = "not this one" }
		  rancher_token="old:token" # renewed by hand
		# last line without a break
		rancher_url = "https://other.test"
	END
	truncate -s -1 terraform.tfvars
	cp terraform.tfvars ../before
	chmod 644 terraform.tfvars
	setup_tf -0
	assert_equal "$(stat -c %a terraform.tfvars)" 600
	local token
	token=$(token_value | cut -d'"' -f1)
	token=$(sed -n 's/^  rancher_token="\([^"]*\)".*/\1/p' terraform.tfvars)
	sed -e 's/"old" /"c-m-2x68d8qw" /' -e "s|\"old:token\"|\"$token\"|" \
		-e "s|https://other.test|$URL|" ../before >../want
	run -0 head -c "$(stat -c %s ../want)" terraform.tfvars
	assert_output "$(cat ../want)"
	assert_file_contains terraform.tfvars '^rancher_ca_certs '
	told "was for https://other.test"
}

@test "tf-setup: a token is never sent to another Rancher than its own" {
	setup_tf -0
	local name
	name=$(token_value | cut -d: -f1)
	standin v2.13.1
	setup_tf -0
	run -0 requests
	refute_output --partial "$name"
	[[ $(token_value) != "$name":* ]]
}

@test "tf-setup: a damaged tfvars is refused before anything is sent" {
	local text
	for text in 'rancher_url = "x' 'a { }' $'a = 1\na = 2' 'x = <<E'; do
		printf '%s\n' "$text" >terraform.tfvars
		run tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --password-file ../password
		[[ $status -eq 1 || $status -eq 5 ]]
		assert_output --regexp 'terraform.tfvars:[12]: '
		assert_equal "$(cat terraform.tfvars)" "$text"
	done
	run -0 requests
	assert_output ''
}

@test "tf-setup: first login changes the bootstrap password and sets server-url" {
	switch password=bootstrap-word must-change=1
	(umask 077 && echo bootstrap-word >../boot)
	setup_tf -0 --first-login --bootstrap-password-file ../boot
	told "password of admin changed" "server-url set to $URL"
	setup_tf -0 --first-login --bootstrap-password-file ../boot --renew # now it is stale
	assert_line "terraform.tfvars configured"
	not_told "changed"
	no_session
	assert_file_contains kubeconfig-harvester.yaml "$URL/k8s"
}

@test "tf-setup: Rancher's reason for refusing a new password, without the password" {
	switch password=bootstrap-word
	(umask 077 && echo bootstrap-word >../boot)
	echo kurz >../password
	setup_tf -1 --first-login --bootstrap-password-file ../boot
	told "at least 12 characters"
	not_told "kurz" "bootstrap-word"
	nothing_left
}

@test "tf-setup: a given token is used and kept" {
	setup_tf -0 --description elsewhere
	(umask 077 && token_value >../token)
	mkdir new
	run -0 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --rancher-token-file ../token --dir new
	assert_line "new/terraform.tfvars created"
	run -0 tokens
	assert_line --regexp "^$(cut -d: -f1 ../token) api"
	run -0 requests
	refute_output --regexp 'logout.*logout'
	echo "token-aaaaa:bbbbb" >../token
	rm -r new
	mkdir new
	run -5 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --rancher-token-file ../token --dir new
	assert_output --partial "must authenticate"
}

@test "tf-setup: the password comes from standard input" {
	run -0 tf --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" --password-file - <../password
	assert_line "terraform.tfvars created"
}

@test "tf-setup: wrong usage" {
	chmod 644 ../password
	setup_tf -5
	told "others can read it"
	chmod 600 ../password
	setup_tf -2 --rancher-token-file ../token
	setup_tf -2 --bootstrap-password-file -
	setup_tf -2 --module -o json
	setup_tf -2 --ca-fingerprint "$(fingerprint "$CA")"
	run -2 tf --url "http://rancher.test" --password-file ../password
	run -2 tf --url "https://admin:geheim@rancher.test" --password-file ../password
	refute_output --partial geheim
	run -2 tf --password geheim
	run -2 setsid "$RK3K_BIN/rk3k-tf-setup" --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" </dev/null
	nothing_left
}

@test "tf-setup: -o json --with-kubeconfig carries a kubeconfig that works" {
	setup_tf -0 -o json --with-kubeconfig
	run -0 jq -r .harvester_kubeconfig_content <<<"$output"
	assert_line --partial "$URL/k8s/clusters/c-m-2x68d8qw"
	run -0 tokens
	assert_line --partial ' kubeconfig '
	setup_tf -2 --with-kubeconfig
	setup_tf -2 --with-kubeconfig -o env
	assert_equal "$(ls -A)" ''
}

@test "tf-setup: only current values remain in the tfvars" {
	setup_tf -0 -o tfvars
	refute_output --partial harvester_kubeconfig
	setup_tf -0
	assert_file_contains terraform.tfvars '^harvester_kubeconfig '
	switch harvesters=0
	setup_tf -0
	told "kubeconfig-harvester.yaml remains from an earlier run"
	run -1 grep harvester_ terraform.tfvars
	switch harvesters=1
	setup_tf -0
	assert_file_contains terraform.tfvars '^harvester_cluster_id .*"c-m-2x68d8qw"$'
	revoke -0
	run -1 grep -e harvester_kubeconfig -e rancher_token terraform.tfvars
	assert_file_contains terraform.tfvars '^harvester_cluster_id '
}

@test "tf-setup: -o json, env and tfvars write to standard output and no file" {
	setup_tf -0 -o json
	assert_equal "$(jq -r '.rancher_url + " " + .harvester_cluster_name' <<<"$output")" "$URL harvester"
	assert_equal "$(jq -r .rancher_ca_certs <<<"$output")" "$(cat "$CA")"
	setup_tf -0 -o env
	(
		eval "$output"
		assert_equal "$RANCHER_URL" "$URL"
		assert_equal "$RANCHER_CA_CERTS" "$(cat "$CA")"$'\n'
		[[ $RANCHER_TOKEN_KEY =~ ^token- ]]
		assert_equal "$TF_VAR_harvester_cluster_id" c-m-2x68d8qw
	)
	setup_tf -0 -o tfvars
	assert_line "rancher_url          = \"$URL\""
	assert_equal "$(ls)" ''
}

@test "tf-setup: a failing write takes the token back" {
	mkdir kubeconfig-harvester.yaml
	setup_tf -1
	nothing_left
	rmdir kubeconfig-harvester.yaml
	run -1 bash -c '"$@" >/dev/full' - "$RK3K_BIN/rk3k-tf-setup" --url "$URL" --resolve "$RESOLVE" \
		--ca-file "$CA" --password-file ../password -o json
	run -0 tokens
	assert_output ''
}

# --- terraform ---

# bats test_tags=programs
@test "tf-setup: terraform fmt leaves what is written alone" {
	setup_tf -0 --module
	run -0 "$TERRAFORM" fmt -check -diff .
	assert_equal "$(ls -- *.tf*)" $'rancher-provider.tf\nrancher-variables.tf\nterraform.tfvars'
	assert_file_contains rancher-provider.tf 'ca_certs  = var.rancher_ca_certs'
	run grep -r insecure .
	assert_failure
}

console() { echo "nonsensitive(jsonencode($1))" | "$TERRAFORM" console | tail -n 1 | jq -r 'fromjson'; }

# bats test_tags=programs
@test "tf-setup: terraform takes the variables and reads the values back" {
	setup_tf -0 --module
	rm rancher-provider.tf # the provider itself cannot be had here
	run -0 "$TERRAFORM" validate
	assert_equal "$(console var.rancher_url)" "$URL"
	assert_equal "$(console var.rancher_token)" "$(token_value)"
	assert_equal "$(console var.rancher_ca_certs)" "$(cat "$CA")"
	assert_equal "$(console var.harvester_cluster_id)" c-m-2x68d8qw
	assert_equal "$(console 'file(var.harvester_kubeconfig)')" "$(cat kubeconfig-harvester.yaml)"
}

# bats test_tags=programs
@test "tf-setup: terraform reads odd values as they are" {
	setup_tf -0 --module
	rm rancher-provider.tf terraform.tfvars
	local odd=$'c-"\\ ${x} %{y} $${z}\n\tend'
	switch "odd-id=$odd"
	setup_tf -0 -o tfvars
	printf '%s\n' "$output" >terraform.tfvars
	run -0 "$TERRAFORM" fmt -check .
	assert_equal "$(console var.harvester_cluster_id)" "$odd"
}

@test "tf-setup: --module leaves a changed file alone" {
	setup_tf -0 --module
	echo '# mine' >>rancher-provider.tf
	setup_tf -0 --module
	told "rancher-provider.tf exists and differs"
	assert_file_contains rancher-provider.tf '^# mine$'
}

# --- revoke ---

revoke() { run --separate-stderr "$1" tf revoke --resolve "$RESOLVE" "${@:2}"; }

@test "tf-setup revoke: deletes token and kubeconfig, there and here" {
	printf 'region = "eu" # keep\n' >terraform.tfvars
	setup_tf -0
	revoke -0
	assert_line --regexp '^token token-[a-z0-9]+ revoked$'
	assert_line "kubeconfig-harvester.yaml removed"
	run -0 cat terraform.tfvars
	assert_line 'region = "eu" # keep'
	refute_output --partial token
	run -0 tokens
	assert_output ''
	revoke -0
	told "nothing to revoke"
}

@test "tf-setup revoke: deletes the kubeconfig's token with itself beside an ext token" {
	local version
	for version in v2.12.3 v2.13.1 v2.15.0; do
		standin "$version"
		rm -f -- *
		switch no-norman=1
		setup_tf -0
		switch no-norman=
		revoke -0
		assert_line --regexp '^token ext/token-[a-z0-9]+ revoked$'
		assert_line --regexp '^token kubeconfig-[a-z0-9-]+ revoked$'
		run -0 tokens
		assert_output ''
	done
}

@test "tf-setup revoke: deletes the kubeconfig's token when the API token is deleted" {
	setup_tf -0
	local name
	name=$(token_value | cut -d: -f1)
	ask -X POST "$URL/standin/delete?name=$name"
	revoke -0
	assert_line "token $name not found in Rancher"
	assert_line --regexp '^token kubeconfig-[a-z0-9-]+ revoked$'
	run -0 tokens
	assert_output ''
	run -1 grep -e rancher_token -e harvester_kubeconfig terraform.tfvars
}

@test "tf-setup revoke: asks with the API token about a deleted kubeconfig token" {
	setup_tf -0
	local name
	name=$(sed -n 's/.*token: "\(kubeconfig-[^:]*\):.*/\1/p' kubeconfig-harvester.yaml)
	ask -X POST "$URL/standin/delete?name=$name"
	revoke -0
	assert_line "token $name not found in Rancher"
	assert_line --regexp '^token token-[a-z0-9]+ revoked$'
	assert_not_exists kubeconfig-harvester.yaml
}

@test "tf-setup revoke: keeps the tokens of a disabled user and prints the command" {
	setup_tf -0
	local name
	name=$(token_value | cut -d: -f1)
	switch disabled=1
	cp terraform.tfvars ../before
	revoke -1
	told "could not be determined" "$name" "kubectl rk3k tf-setup revoke $name kubeconfig-" "--url $URL"
	assert_equal "$(cat terraform.tfvars)" "$(cat ../before)"
	assert_exists kubeconfig-harvester.yaml
	switch disabled=
	run -0 tokens
	assert_line --regexp "^$name api"
	run_printed --password-file ../password
	assert_line "token $name revoked"
	run -0 tokens
	assert_output ''
}

@test "tf-setup revoke: removes a token that its comment reports as expired" {
	setup_tf -0
	ask -X POST "$URL/standin/expire"
	sed -i 's/expires 20[0-9-]*/expires 2020-01-01/' terraform.tfvars
	rm kubeconfig-harvester.yaml
	revoke -0
	assert_line --regexp '^token token-[a-z0-9]+ expired$'
	run -1 grep -e rancher_token -e harvester_kubeconfig terraform.tfvars
}

@test "tf-setup revoke: a login decides about a token that is refused" {
	setup_tf -0
	ask -X POST "$URL/standin/expire"
	revoke -0 --password-file ../password
	assert_line --regexp '^token token-[a-z0-9]+ revoked$'
	run -0 tokens
	assert_output ''
}

@test "tf-setup revoke: --token-file accepts -o json, env, tfvars, or a token" {
	local format
	umask 077
	for format in json env tfvars plain; do
		case $format in
		plain) setup_tf -0 -o json && jq -r .rancher_token <<<"$output" >../out ;;
		json) setup_tf -0 -o json --with-kubeconfig && printf '%s\n' "$output" >../out ;;
		*) setup_tf -0 -o "$format" && printf '%s\n' "$output" >../out ;;
		esac
		run -0 tokens
		assert_line --partial ' api '
		revoke -0 --token-file ../out --url "$URL" --ca-file "$CA"
		assert_line --regexp '^token token-[a-z0-9]+ revoked$'
		run -0 tokens
		assert_output ''
	done
	chmod 644 ../out
	revoke -5 --token-file ../out --url "$URL" --ca-file "$CA"
	revoke -2 token-a nonsense
	assert_equal "$(ls -A)" ''
	setup_tf -0 -o json
	run -0 --separate-stderr tf revoke --token-file - --resolve "$RESOLVE" --ca-file "$CA" <<<"$output"
	assert_line --partial ' revoked' # the URL is in it
}

@test "tf-setup revoke: deletes a named token as its owner or an administrator" {
	setup_tf -0
	setup_tf -0 -o json --renew
	local name foreign
	name=$(jq -r .rancher_token <<<"$output" | cut -d: -f1)
	revoke -0 "$name" # the tfvars' token may
	assert_line "token $name revoked"
	name=$(token_value | cut -d: -f1)
	revoke -0 "$name"
	run -1 grep rancher_token terraform.tfvars
	rm -f -- *
	setup_tf -0 -o json
	name=$(jq -r .rancher_token <<<"$output" | cut -d: -f1)
	foreign=$(ask -X POST "$URL/standin/foreign")
	revoke -0 "$name" "$foreign" --url "$URL" --ca-file "$CA" --password-file ../password
	assert_line "token $name revoked"
	assert_line "token $foreign revoked"
	no_session
	revoke -3 "$name" --url "$URL" --ca-file "$CA" --password-file ../password
	told "token \"$name\" not found"
	switch plain-user=1
	foreign=$(ask -X POST "$URL/standin/foreign")
	revoke -3 "$foreign" --url "$URL" --ca-file "$CA" --password-file ../password
	told "belongs to another user"
	no_session
}

@test "tf-setup revoke: not at another Rancher" {
	setup_tf -0
	revoke -5 --url https://other.test
	told "is for $URL, not for https://other.test"
	run -0 tokens
	assert_line --regexp ' api '
}

# --- secrets ---

# sampled ARG...: a run whose words, and all that other processes can see of it, go to ../seen.
sampled() {
	local pid rc=0
	"$RK3K_BIN/rk3k-tf-setup" "$@" --resolve "$RESOLVE" >>../seen 2>&1 3>&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		cat "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null | tr '\0' '\n'
	done >>../seen
	wait "$pid" || rc=$?
	return "$rc"
}

@test "tf-setup: no secret is in argv, environment, logs or errors" {
	local common=(--url "$URL" --ca-file "$CA" -vv)
	switch slow=300ms password=bootstrap-word
	(umask 077 && echo bootstrap-word >../boot)
	sampled "${common[@]}" --password-file ../password --first-login --bootstrap-password-file ../boot
	sampled "${common[@]}" --password-file ../password --renew
	(umask 077 && token_value >../token)
	sampled "${common[@]}" --rancher-token-file ../token --renew
	switch fail-clusters=1
	run -1 sampled "${common[@]}" --password-file ../password --renew
	switch fail-clusters=
	sampled revoke -vv
	assert_file_contains ../seen '^.*/rk3k-tf-setup$' # it was looked at indeed
	assert_file_contains ../seen '^PATH='
	assert_file_contains ../seen 'POST .*/v3/tokens'
	# The stand-in's secrets are words of 54 letters from its own alphabet.
	run grep -F -e "$PASSWORD" -e bootstrap-word ../seen ../server/log
	assert_failure
	run grep -E '[bcdfghjklmnpqrstvwxz2456789]{54}' ../seen ../server/log
	assert_failure
	grep -qE '[bcdfghjklmnpqrstvwxz2456789]{54}' ../token # as here
}

@test "tf-setup: a crash leaves no core behind" {
	switch slow=5m
	local signal pid rc
	for signal in ABRT SEGV; do
		rc=0
		(
			ulimit -c unlimited
			export ASAN_OPTIONS=handle_segv=0:handle_abort=0 # no reports of its own
			exec "$RK3K_BIN/rk3k-tf-setup" --url "$URL" --resolve "$RESOLVE" --ca-file "$CA" \
				--password-file ../password
		) >/dev/null 2>&1 3>&- &
		pid=$!
		within 5 grep -q 'Max core file size *[01] ' "/proc/$pid/limits"
		sleep 0.3
		kill -s "$signal" "$pid"
		wait "$pid" || rc=$?
		assert_equal "$rc" $((128 + $(kill -l "$signal")))
		assert_equal "$(ls -A)" ''
	done
}
