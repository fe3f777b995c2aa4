#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# liar.bats - no tool believes a wrong answer: every command that asks a cluster, every request that it
# sends, every way in which the answer to it can be wrong. The conversation of each command with a real
# API server is recorded; then the command runs again for each request and each variation of its answer,
# with an address space of 400 MB (tests/env/standin/cmd/liar). LIAR_SHARE=1 tries all, else it is one
# run in so many, which LIAR_SEED chooses; LIAR_ONLY is a pattern of runs.
# shellcheck disable=SC2154

load ../helpers
load ../commands
load prepared

setup_file() {
	local names=DNS:k3k-rancher-service n
	export OWN_INSIDE=127.77.40.11 # the virtual cluster, too, is asked through the liar
	prepared_up 127.77.0.42
	for n in {11..50}; do names+=,IP:127.77.40.$n; done
	bed plane cert "$OWN" tls /CN=liar "subjectAltName=$names"
	cp "$OWN"/pki/{tls,ca,admin}.crt "$OWN"/pki/{tls,admin}.key "$BATS_FILE_TMPDIR"
	mkdir "$BATS_FILE_TMPDIR/files" "$BATS_FILE_TMPDIR/talks"
	sed "s/$OWN_ADDRESS:6443/$OWN_INSIDE:6443/" "$PLANE_KUBECONFIG" >"$BATS_FILE_TMPDIR/config"
}
teardown_file() { own_down; }

liar() {
	bed env HELM_BIN=./helm liar -dir "$BATS_FILE_TMPDIR" -bin "$RK3K_BIN" -upstream "https://$OWN_ADDRESS:6443" "$@"
}

# The command, with what lets it end; then all is as it was before.
record() {
	local said quiet=-q
	case $1 in
	delete) set -- "$@" --timeout=3s ;;
	tf-setup) set -- "$@" --timeout=1s ;;
	status) quiet='' ;; # its problems are notes
	esac
	TALKS=$((TALKS + 1))
	said=$(liar record "$BATS_FILE_TMPDIR/talks/$TALKS" "$@" ${quiet:+"$quiet"}) || {
		echo "$said"
		return 1
	}
	[[ $said != *writes* ]] || prepared_again
}

@test "rk3k: no command believes a wrong answer to any of its requests" {
	cd "$BATS_FILE_TMPDIR/files"
	commands_files
	printf '#!/bin/sh\nexit 0\n' >helm
	chmod +x helm
	# destroy leaves nothing for the others
	COMMANDS=$(grep -v '^destroy ' <<<"$COMMANDS" && grep '^destroy ' <<<"$COMMANDS")
	COMMANDS="wait configmap/none --for=exists --timeout=1s"$'\n'$COMMANDS
	TALKS=100
	each record
	liar -exempt "$BATS_TEST_DIRNAME/liar.exempt" -one '^(deploy|destroy)' -share "${LIAR_SHARE:-12}" \
		-seed "${LIAR_SEED:-1}" -only "${LIAR_ONLY:-}" sweep "$BATS_FILE_TMPDIR"/talks/*
}
