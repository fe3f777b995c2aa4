#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# addon.bats - the add-on manifest for Harvester and the chart that it names.
# shellcheck disable=SC2154

load ../helpers

setup() {
	plane_home
	ADDON=$RK3K_TOP/manifests/harvester-addon.yaml
	python3 -c 'import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <"$ADDON" >"$BATS_TEST_TMPDIR/addon.json"
	jq -r .spec.valuesContent "$BATS_TEST_TMPDIR/addon.json" >"$BATS_TEST_TMPDIR/values.yaml"
}

addon() { jq -r "$1" "$BATS_TEST_TMPDIR/addon.json"; }

@test "harvester-addon: names, version and label are what Harvester and rk3k look for" {
	assert_equal "$(addon '[.apiVersion, .kind, .metadata.namespace, .metadata.name] | join(" ")')" \
		"harvesterhci.io/v1beta1 Addon k3k-system k3k-controller"
	assert_equal "$(addon '.metadata.labels["addon.harvesterhci.io/experimental"]')" true
	assert_equal "$(addon .spec.version)" "$(rk3k config init - | sed -n 's/^#K3K_VERSION=//p')"
}

@test "harvester-addon: the chart takes its values, and they reach the Deployment" {
	# shellcheck disable=SC2016 # for the inner shell
	run -0 bed bash -c 'helm template k3k k3k --repo "$CHART_HTTP_PUBLIC" --version "$1" -n k3k-system -f "$2"' _ \
		"$(addon .spec.version)" "$BATS_TEST_TMPDIR/values.yaml"
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/objects.yaml"
	run -0 python3 -c '
import sys, yaml
values = yaml.safe_load(open(sys.argv[1]))["controller"]
spec = [d for d in yaml.safe_load_all(open(sys.argv[2])) if d and d["kind"] == "Deployment"][0]["spec"]
assert spec["replicas"] == values["replicas"], spec["replicas"]
assert spec["template"]["spec"]["containers"][0]["resources"] == values["resources"]
' "$BATS_TEST_TMPDIR/values.yaml" "$BATS_TEST_TMPDIR/objects.yaml"
}

@test "harvester-addon: it has no value key that the chart does not have" {
	# shellcheck disable=SC2016 # for the inner shell
	bed bash -c 'helm show values k3k --repo "$CHART_HTTP_PUBLIC" --version "$1"' _ "$(addon .spec.version)" >"$BATS_TEST_TMPDIR/chart.yaml"
	run -0 python3 -c '
import sys, yaml
def unknown(have, want, path=""):
    for k, v in have.items():
        if k not in want: yield path + k
        elif isinstance(v, dict) and want[k]: yield from unknown(v, want[k], path + k + ".")
print(*unknown(*[yaml.safe_load(open(f)) for f in sys.argv[1:]]))
' "$BATS_TEST_TMPDIR/values.yaml" "$BATS_TEST_TMPDIR/chart.yaml"
	assert_output ""
}

@test "harvester-addon: deploy uses the add-on's controller, destroy keeps it" {
	local conf=$BATS_TEST_TMPDIR/deploy.conf
	kubectl delete crd/{clusters,virtualclusterpolicies}.k3k.io --ignore-not-found >/dev/null # of another release
	# Harvester's helm-controller gives the release the name of the add-on.
	# shellcheck disable=SC2016 # for the inner shell
	run -0 bed bash -c 'helm install k3k-controller k3k --repo "$CHART_HTTP_PUBLIC" --version "$1" -n k3k-system --create-namespace -f "$2"' _ \
		"$(addon .spec.version)" "$BATS_TEST_TMPDIR/values.yaml"
	echo HOSTNAME=rancher.example.com >"$conf"
	run --separate-stderr -0 rk3k deploy -c "$conf" --only controller --skip-preflight
	assert_output "release/k3k-controller unchanged"
	[[ $stderr == *"✓ the k3k controller"* ]]
	run --separate-stderr -5 rk3k deploy -c "$conf" --only controller --skip-preflight --set K3K_VERSION=1.1.0
	[[ $stderr == *"release k3k-system/k3k-controller holds k3k 1.0.2, not 1.1.0"* ]]
	run --separate-stderr -0 rk3k destroy -c "$conf" --yes
	[[ $stderr == *"release k3k-system/k3k-controller is not ours and is kept"* ]]
	run -0 kubectl get deployment -n k3k-system k3k-controller -o 'jsonpath={.status.availableReplicas}'
	assert_output 1
	bed helm uninstall k3k-controller -n k3k-system --wait >/dev/null
	kubectl delete crd/{clusters,virtualclusterpolicies}.k3k.io namespace/k3k-system >/dev/null
}
