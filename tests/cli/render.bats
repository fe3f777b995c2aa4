#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# render: objects of each step, looked at as parsed objects; no cluster.
# UPDATE_GOLDEN=1 rewrites tests/golden/.
# shellcheck disable=SC1003,SC2016,SC2154 # jq filters, odd passwords; bats sets stderr

bats_require_minimum_version 1.5.0

setup_file() {
	export PKI="$BATS_FILE_TMPDIR"
	cd "$PKI" || return
	new_ca ca "private CA"
	new_ca root "root CA"
	new_leaf leaf ca rancher.example.com b.example.com
	new_leaf other root rancher.example.com
}

new_ca() { # NAME CN
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-keyout "$1.key" -out "$1.pem" -subj "/CN=$2" 2>/dev/null
}

new_leaf() { # NAME CA HOST...
	local name=$1 ca=$2 san
	shift 2
	san=$(printf ',DNS:%s' "$@")
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" \
		-subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -days 30 -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial \
			-extfile <(printf 'subjectAltName=%s\n' "${san#,}") -out "$name.pem" 2>/dev/null
}

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	bin=${RK3K_BIN:-$BATS_TEST_DIRNAME/../../build/libexec}
	export HOME="$BATS_TEST_TMPDIR"
	unset "${!RK3K_@}" || true
	cd "$BATS_TEST_TMPDIR" || return
	base=(HOSTNAME=rancher.example.com)
}

conf() { # KEY=VALUE...: writes doc.json
	printf '%s\n' "${base[@]}" "$@" >deploy.conf
	chmod 600 deploy.conf
	"$bin/rk3k-config" -c deploy.conf --no-prompt >doc.json 2>config.err
}

render() { # STEP: the objects as a JSON array
	"$bin/rk3k-render" "$@" -c doc.json -o json | jq -c .items
}

obj() { # STEP KIND NAME FILTER
	render "$1" | jq -r --arg k "$2" --arg n "$3" \
		".[] | select(.kind == \$k and .metadata.name == \$n) | $4"
}

steps() {
	"$bin/rk3k-render" --steps -c doc.json | cut -f1
}

# Compare all steps with tests/golden/NAME.yaml; certificates are cut out, versions are the table's.
golden() {
	local file="$BATS_TEST_DIRNAME/../golden/$1.yaml"
	"$bin/rk3k-render" all -c doc.json |
		sed '/BEGIN CERTIFICATE/,/END CERTIFICATE/{/BEGIN/!d;s/BEGIN CERTIFICATE/CERTIFICATE/}' >got.yaml
	if [ -n "${UPDATE_GOLDEN:-}" ]; then
		cp got.yaml "$file"
	fi
	diff -u "$file" got.yaml
}

harbor=(PRIVATE_REGISTRY=harbor.example.com HELM_REPO_USER=testuser HELM_REPO_PASS=testpass)

@test "render: golden, public charts and one server" {
	conf
	golden public
}

@test "render: golden, three servers, several names, API through the ingress" {
	conf SERVER_COUNT=3 HOSTNAMES=rancher.example.com,b.example.com \
		K3K_API_HOSTNAME=api.example.com,api2.example.com INGRESS_CLASS=nginx-ext
	golden ha-fqdn
}

@test "render: golden, everything from a private registry" {
	conf "${harbor[@]}" "PRIVATE_CA_PATH=$PKI/ca.pem" \
		CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager \
		RANCHER_REPO=https://harbor.example.com/chartrepo/library K3K_VERSION=1.1.0
	golden private
}

@test "render: golden, a CA of one's own" {
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key" "CA_ROOT_PATH=$PKI/root.pem" \
		HOSTNAMES=rancher.example.com,b.example.com
	golden ca
}

@test "render: golden, Let's Encrypt in names of one's own" {
	conf TLS_SOURCE=letsEncrypt ACME_EMAIL=me@example.com ACME_ENVIRONMENT=staging \
		NAMESPACE=ns CLUSTER=blue CLUSTER_CIDR=10.50.0.0/16 SERVICE_CIDR=10.51.0.0/16 \
		STORAGE_TYPE=ephemeral K3S_VERSION=
	golden letsencrypt
}

@test "render: steps are those that this configuration needs, in order" {
	conf
	run -0 steps
	assert_output 'controller host
namespace host
cluster host
bootstrap virtual
cert-manager virtual
rancher virtual
cert-sync host
ingress host
kubeconfig host
url host'
	conf SERVER_COUNT=3 HOSTNAMES=rancher.example.com,b.example.com "${harbor[@]}" \
		"TLS_CERT_PATH=$PKI/leaf.pem" "TLS_KEY_PATH=$PKI/leaf.key" \
		RANCHER_REPO=oci://harbor.example.com/rancher
	run -0 steps
	assert_output 'controller host
namespace host
registry host
cluster host
pdb host
bootstrap virtual
chart-auth virtual
cert-manager virtual
issuer virtual
rancher virtual
rancher-ha virtual
fqdn virtual
cert-sync host
ingress host
kubeconfig host
url host'
	run -0 cut -f2 <("$bin/rk3k-render" --steps -c doc.json)
	assert_line --index 0 'k3k controller 1.0.2'
	assert_line --index 15 'https://rancher.example.com'
}

@test "render: a name for the API adds the step passthrough, a separate tool" {
	conf K3K_API_HOSTNAME=api.example.com
	run -0 grep -A1 passthrough <(steps)
	assert_output $'passthrough host\ncluster host'
	run -2 --separate-stderr "$bin/rk3k-render" passthrough -c doc.json
	assert_regex "$stderr" 'separate tool'
}

@test "render: every listed step yields objects, every other is exit 3" {
	for servers in 1 3; do
		conf SERVER_COUNT=$servers
		for step in namespace registry cluster pdb bootstrap chart-auth cert-manager issuer \
			rancher rancher-ha fqdn ingress; do
			if steps | grep -q "^$step "; then
				run -0 "$bin/rk3k-render" "$step" -c doc.json
				assert_output --partial 'kind: '
			else
				run -3 --separate-stderr "$bin/rk3k-render" "$step" -c doc.json
				assert_equal "$output" ""
			fi
		done
	done
}

@test "render: an unknown step is exit 2 and names the steps" {
	conf
	run -2 --separate-stderr "$bin/rk3k-render" clutser -c doc.json
	assert_regex "$stderr" 'cluster'
	run -2 "$bin/rk3k-render" -c doc.json
}

@test "render: further settings of the Cluster" {
	conf AGENT_COUNT=2 NODE_SELECTOR=disk=ssd,example.com/role=rancher SERVER_RESOURCES_CPU=4 SERVER_RESOURCES_MEMORY=8Gi
	run -0 jq -c '.items[] | select(.kind == "Cluster") | .spec | [.agents, .nodeSelector, .serverLimit]' <("$bin/rk3k-render" cluster -c doc.json -o json)
	assert_output '[2,{"disk":"ssd","example.com/role":"rancher"},{"cpu":"4","memory":"8Gi"}]'
	for bad in AGENT_COUNT=-1 NODE_SELECTOR=disk NODE_SELECTOR=a=b=c SERVER_RESOURCES_MEMORY=8GB SERVER_RESOURCES_CPU=0; do
		printf '%s\n' HOSTNAME=rancher.example.com "$bad" >bad.conf
		run -1 "$bin/rk3k-render" cluster -c bad.conf
		assert_output --partial "${bad%%=*}"
	done
}

@test "render: further values of Rancher's chart, and Fleet" {
	rancher() { "$bin/rk3k-render" rancher -c doc.json -o json | jq -c '.items[] | select(.kind == "HelmChart") | .spec | [.set.features, .valuesContent]'; }
	conf
	run -0 rancher
	assert_output '["fleet=false",null]'
	conf FLEET=yes
	run -0 rancher
	assert_output '[null,null]'
	printf 'auditLog: {level: 1}\nfeatures: x=true\n' >values.yaml
	conf RANCHER_VALUES_FILE=values.yaml
	run -0 rancher
	assert_output '[null,"auditLog:\n  level: 1\nfeatures: fleet=false,x=true\n"]'
	for values in 'hostname: x' 'ingress: {tls: {source: secret}}' 'features: fleet=true' 'bootstrapPassword: x'; do
		echo "$values" >values.yaml
		run -5 --separate-stderr "$bin/rk3k-render" rancher -c doc.json
		[[ $stderr == *RANCHER_VALUES_FILE* ]]
	done
	echo '[1]' >values.yaml
	run -1 "$bin/rk3k-render" rancher -c doc.json
}

@test "render: refuses what is not a configuration document" {
	for text in '' '{}' '[]' 'HOSTNAME=x y' 'PVC_SIZE=1Gi' '{"apiVersion":"rk3k.io/v1","kind":"Settings"' \
		'{"apiVersion":"rk3k.io/v1","kind":"Settings","HOSTNAME":"x y"}'; do
		run -1 --separate-stderr "$bin/rk3k-render" cluster <<<"$text"
		assert_equal "$output" ""
		assert_regex "$stderr" '^rk3k-render: '
	done
}

@test "render: every object has our labels, except the chart's Deployment" {
	conf SERVER_COUNT=3 HOSTNAMES=rancher.example.com,b.example.com "${harbor[@]}" \
		"CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key" "PRIVATE_CA_PATH=$PKI/ca.pem" \
		RANCHER_REPO=oci://harbor.example.com/rancher CLUSTER=blue
	run -0 jq -c '.[] | select(.kind == "Deployment") | [.metadata.labels, (.spec | keys)]' <(render all)
	assert_output '[null,["strategy"]]'
	run -0 jq -r '[.[] | select(.kind != "Deployment").metadata.labels | [."app.kubernetes.io/managed-by", ."rk3k.io/cluster"]] | unique | tojson' \
		<(render all)
	assert_output '[["rk3k","blue"]]'
	run -0 jq -r 'length >= 18' <(render all)
	assert_output true
}

@test "render: all hides Secrets, --show-secrets shows them, a single step is whole" {
	conf BOOTSTRAP_PW=correct-horse
	run -0 "$bin/rk3k-render" all -c doc.json
	refute_output --partial "$(printf correct-horse | base64)"
	assert_output --partial '***'
	run -0 "$bin/rk3k-render" --print-all --show-secrets -c doc.json
	assert_output --partial "$(printf correct-horse | base64)"
	run -0 obj bootstrap Secret bootstrap-secret '.data.bootstrapPassword | @base64d'
	assert_output correct-horse
}

@test "render: the password is in no HelmChart" {
	conf BOOTSTRAP_PW=correct-horse
	for step in cert-manager rancher; do
		run -0 render "$step"
		refute_output --partial correct-horse
		refute_output --partial bootstrapPassword
	done
}

@test "render: an unset password is generated, long and new each time" {
	conf
	one=$(obj bootstrap Secret bootstrap-secret '.data.bootstrapPassword | @base64d')
	two=$(obj bootstrap Secret bootstrap-secret '.data.bootstrapPassword | @base64d')
	assert_regex "$one" '^[A-Za-z2-9]{24}$'
	assert_not_equal "$one" "$two"
}

# --- the Cluster ---

@test "render: cluster: without an API name, a node port and no certificate names" {
	conf
	run -0 obj cluster Cluster rancher '[.spec.expose, .spec.tlsSANs] | tojson'
	assert_output '[{"nodePort":{"etcdPort":0}},null]'
	conf SERVER_COUNT=3
	run -0 obj cluster Cluster rancher '.spec.expose | tojson'
	assert_output '{"nodePort":{}}'
}

@test "render: cluster: with API names an ingress; never a name of Rancher" {
	conf K3K_API_HOSTNAME=api.example.com,api2.example.com
	run -0 obj cluster Cluster rancher '[.spec.expose, .spec.tlsSANs] | tojson'
	assert_output '[{"ingress":{"annotations":{"nginx.ingress.kubernetes.io/ssl-passthrough":"true"},"ingressClassName":"nginx"}},["api.example.com","api2.example.com"]]'
	run -1 conf K3K_API_HOSTNAME=rancher.example.com
}

@test "render: cluster: k3s version as an image tag, left out when empty" {
	conf K3S_VERSION=v1.33.1+k3s1
	run -0 obj cluster Cluster rancher .spec.version
	assert_output v1.33.1-k3s1
	conf K3S_VERSION=
	run -0 obj cluster Cluster rancher '.spec | has("version")'
	assert_output false
}

@test "render: cluster: storage class empty is left out, ephemeral has no size" {
	conf STORAGE_CLASS=
	run -0 obj cluster Cluster rancher '.spec.persistence | tojson'
	assert_output '{"storageRequestSize":"50Gi","type":"dynamic"}'
	conf STORAGE_TYPE=ephemeral
	run -0 obj cluster Cluster rancher '.spec.persistence | tojson'
	assert_output '{"type":"ephemeral"}'
}

@test "render: cluster: server arguments fit the k3k version" {
	conf PRIVATE_REGISTRY=h:5000 K3K_VERSION=1.0.2
	run -0 obj cluster Cluster rancher '.spec.serverArgs | tojson'
	assert_output '["--disable-network-policy","--system-default-registry=h:5000/docker.io","--disable-default-registry-endpoint"]'
	conf PRIVATE_REGISTRY=h:5000 K3K_VERSION=1.1.0
	run -0 obj cluster Cluster rancher '.spec.serverArgs | tojson'
	assert_output "[\"'--disable-network-policy --system-default-registry=h:5000/docker.io --disable-default-registry-endpoint'\"]"
	conf PRIVATE_REGISTRY=h:5000 K3K_VERSION=1.2.0-rc4 REGISTRY_FALLBACK=yes
	run -0 obj cluster Cluster rancher '.spec.serverArgs | tojson'
	assert_output '["--disable-network-policy","--system-default-registry=h:5000/docker.io"]'
	conf K3K_VERSION=1.1.0
	run -0 obj cluster Cluster rancher '.spec.serverArgs | tojson'
	assert_output '["--disable-network-policy"]'
}

@test "render: cluster: servers are spread where k3k can" {
	conf SERVER_COUNT=3 K3K_VERSION=1.1.0
	run -0 obj cluster Cluster rancher '.spec.serverAffinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchLabels | tojson'
	assert_output '{"cluster":"rancher","role":"server"}'
	conf SERVER_COUNT=3
	run -0 obj cluster Cluster rancher '.spec | has("serverAffinity")'
	assert_output false
}

@test "render: pdb only with three servers" {
	conf SERVER_COUNT=3
	run -0 obj pdb PodDisruptionBudget k3k-rancher-server '[.spec.minAvailable, .spec.selector.matchLabels] | tojson'
	assert_output '[2,{"cluster":"rancher","role":"server"}]'
	run -0 obj rancher-ha PodDisruptionBudget rancher-pdb '[.spec.minAvailable, .spec.selector.matchLabels] | tojson'
	assert_output '[2,{"app":"rancher"}]'
	conf
	run -3 "$bin/rk3k-render" pdb -c doc.json
	run -3 "$bin/rk3k-render" rancher-ha -c doc.json
}

# --- charts, cases of private repositories ---

@test "render: charts: public HTTP has a repo and nothing else (cases A, C)" {
	conf
	run -0 obj cert-manager HelmChart cert-manager '.spec | del(.set) | tojson'
	assert_output '{"chart":"cert-manager","helmVersion":"v3","repo":"https://charts.jetstack.io","targetNamespace":"cert-manager","version":"v1.18.5"}'
	run -0 obj rancher HelmChart rancher '.spec.set | tojson'
	assert_output '{"features":"fleet=false","global.cattle.psp.enabled":"false","hostname":"rancher.example.com","ingress.ingressClassName":"traefik","ingress.tls.source":"rancher","replicas":1}'
	run -3 "$bin/rk3k-render" chart-auth -c doc.json
}

@test "render: charts: private HTTP gets credentials and CA (cases B, D)" {
	conf "${harbor[@]}" "PRIVATE_CA_PATH=$PKI/ca.pem" \
		CERTMANAGER_REPO=https://harbor.example.com/chartrepo/library \
		RANCHER_REPO=https://harbor.example.com/chartrepo/library
	for chart in cert-manager rancher; do
		run -0 obj $chart HelmChart $chart '[.spec.repo, .spec.authSecret.name, .spec.repoCAConfigMap.name, .spec.dockerRegistrySecret] | tojson'
		assert_output '["https://harbor.example.com/chartrepo/library","helm-repo-auth","helm-repo-ca",null]'
	done
	run -0 obj chart-auth Secret helm-repo-auth '[.type, .metadata.namespace, (.data | map_values(@base64d))] | tojson'
	assert_output '["kubernetes.io/basic-auth","kube-system",{"password":"testpass","username":"testuser"}]'
	run -0 obj chart-auth ConfigMap helm-repo-ca '.data["ca-bundle.crt"]'
	assert_output "$(<"$PKI/ca.pem")"
	run -0 obj rancher HelmChart rancher '.spec.set.systemDefaultRegistry'
	assert_output harbor.example.com/docker.io
}

@test "render: charts: OCI carries the whole address and no repo (cases G, H)" {
	conf HELM_REPO_USER=testuser HELM_REPO_PASS=testpass "PRIVATE_CA_PATH=$PKI/ca.pem" \
		CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager \
		RANCHER_REPO=oci://harbor.example.com/helm/rancher
	for chart in cert-manager rancher; do
		run -0 obj $chart HelmChart $chart '[.spec.chart, .spec.repo, .spec.authSecret, .spec.dockerRegistrySecret.name, .spec.repoCAConfigMap.name] | tojson'
		assert_output "[\"oci://harbor.example.com/helm/$chart\",null,null,\"helm-oci-auth\",\"helm-repo-ca\"]"
	done
	run -0 obj chart-auth Secret helm-oci-auth '.data[".dockerconfigjson"] | @base64d | fromjson | tojson'
	assert_output "{\"auths\":{\"harbor.example.com\":{\"username\":\"testuser\",\"password\":\"testpass\",\"auth\":\"$(printf testuser:testpass | base64)\"}}}"
}

@test "render: charts: public OCI gets nothing (case I)" {
	conf CERTMANAGER_REPO=oci://ghcr.io/jetstack/cert-manager HELM_REPO_USER=u HELM_REPO_PASS=p \
		"PRIVATE_CA_PATH=$PKI/ca.pem"
	run -0 obj cert-manager HelmChart cert-manager '.spec | has("dockerRegistrySecret") or has("repoCAConfigMap")'
	assert_output false
	run -3 "$bin/rk3k-render" chart-auth -c doc.json
}

@test "render: charts: mixed, the public one gets neither credentials nor CA (case J)" {
	conf HELM_REPO_USER=testuser HELM_REPO_PASS=testpass "PRIVATE_CA_PATH=$PKI/ca.pem" \
		CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager
	run -0 obj cert-manager HelmChart cert-manager '[.spec.dockerRegistrySecret.name, .spec.authSecret] | tojson'
	assert_output '["helm-oci-auth",null]'
	run -0 obj rancher HelmChart rancher '.spec | has("authSecret") or has("dockerRegistrySecret") or has("repoCAConfigMap")'
	assert_output false
}

@test "render: charts: two OCI hosts, each with a separate entry" {
	conf HELM_REPO_USER=u HELM_REPO_PASS=p HELM_REPO_HOSTS=two.example.com:5000 \
		PRIVATE_REGISTRY=one.example.com CERTMANAGER_REPO=oci://one.example.com/cert-manager \
		RANCHER_REPO=oci://two.example.com:5000/charts/rancher
	run -0 obj chart-auth Secret helm-oci-auth '.data[".dockerconfigjson"] | @base64d | fromjson | .auths | keys | tojson'
	assert_output '["one.example.com","two.example.com:5000"]'
}

# bats test_tags=slow
@test "render: charts: credentials with every special character arrive unharmed" {
	n=0
	while IFS= read -r -d '' pw; do
		n=$((n + 1))
		printf 'HOSTNAME=r.example.com\nPRIVATE_REGISTRY=h.example.com\nRANCHER_REPO=oci://h.example.com/r\nCERTMANAGER_REPO=https://h.example.com/c\n' >deploy.conf
		printf "HELM_REPO_USER='%s'\nHELM_REPO_PASS='%s'\n" "${pw//\'/\'\\\'\'}" "${pw//\'/\'\\\'\'}" >>deploy.conf
		chmod 600 deploy.conf
		"$bin/rk3k-config" -c deploy.conf >doc.json
		assert_equal "$(
			obj chart-auth Secret helm-repo-auth '.data.password | @base64d'
			echo .
		)" "$pw"$'\n.'
		assert_equal "$(
			obj chart-auth Secret helm-oci-auth '.data[".dockerconfigjson"] | @base64d | fromjson | .auths[].auth | @base64d'
			echo .
		)" "$pw:$pw"$'\n.'
		yaml=$(obj registry Secret k3s-registry-config '.data["registries.yaml"] | @base64d')
		assert_equal "$(
			python3 -c 'import sys,yaml; print(yaml.safe_load(sys.stdin)["configs"]["h.example.com"]["auth"]["password"])' <<<"$yaml"
			echo .
		)" "$pw"$'\n.'
		# The YAML form of the objects says the same as the JSON form.
		"$bin/rk3k-render" registry -c doc.json |
			python3 -c 'import sys,yaml,json; print(json.dumps(list(yaml.safe_load_all(sys.stdin)), sort_keys=True))' >yaml.json
		diff <(jq -S . yaml.json) <(render registry | jq -S .)
	done < <(printf '%s\0' 'p"w' 'back\slash\' 'a&b' 'pipe|d' '#hash' 'a #b' ' blank ' $'line\nbreak' \
		0123 true null yes '~' "it's" '{{x}}' '${name}' '$(id)' '`id`' ': colon: ' '- dash' '*star' \
		'!bang' '%percent' '@at' 'ünïcödé' $'tab\there' '1e3' '0x1F' '2001-01-01' '[a]' '{a: b}' '>' "''")
	assert_equal "$n" 33
}

@test "render: charts: three servers give every part three replicas as numbers" {
	conf SERVER_COUNT=3
	run -0 obj cert-manager HelmChart cert-manager '.spec.set | tojson'
	assert_output '{"cainjector.replicaCount":3,"crds.enabled":"true","replicaCount":3,"webhook.replicaCount":3}'
	run -0 obj rancher HelmChart rancher '.spec.set.replicas | type'
	assert_output number
}

@test "render: charts: set holds strings and whole numbers only" {
	conf SERVER_COUNT=3 "${harbor[@]}" "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key" RANCHER_VERSION=2.14
	run -0 jq -r '[.[] | select(.kind == "HelmChart") | .spec.set[] | type] | unique | tojson' <(render all)
	assert_output '["number","string"]'
	run -0 obj rancher HelmChart rancher '.spec.version | type'
	assert_output string
}

# --- registry ---

registries() { # FILTER over registries.yaml
	obj registry Secret k3s-registry-config '.data["registries.yaml"] | @base64d' |
		python3 -c 'import sys,yaml,json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' | jq -r "$1"
}

@test "render: registry: mirrors, rewrites, CA and credentials (case O)" {
	printf 'docker.io\nquay.io\nghcr.io\n' >mirrors
	conf "${harbor[@]}" "PRIVATE_CA_PATH=$PKI/ca.pem" MIRROR_REGISTRIES_FILE=mirrors
	run -0 registries '.mirrors | keys | tojson'
	assert_output '["docker.io","ghcr.io","quay.io"]'
	run -0 registries '[.mirrors[] | [.endpoint[0], .rewrite["^(.*)$"]]] | tojson'
	assert_output '[["https://harbor.example.com","docker.io/$1"],["https://harbor.example.com","quay.io/$1"],["https://harbor.example.com","ghcr.io/$1"]]'
	run -0 registries '.configs | tojson'
	assert_output '{"harbor.example.com":{"tls":{"ca_file":"/etc/rancher/k3s/tls/ca.crt"},"auth":{"username":"testuser","password":"testpass"}}}'
	run -0 obj registry Secret k3s-registry-ca '.data["ca.crt"] | @base64d'
	assert_output "$(<"$PKI/ca.pem")"
	run -0 obj cluster Cluster rancher '.spec.secretMounts | tojson'
	assert_output '[{"mountPath":"/etc/rancher/k3s/registries.yaml","role":"all","secretName":"k3s-registry-config","subPath":"registries.yaml"},{"mountPath":"/etc/rancher/k3s/tls/ca.crt","role":"all","secretName":"k3s-registry-ca","subPath":"ca.crt"}]'
}

@test "render: registry: keeps a port, no configs without CA and user (case P)" {
	conf PRIVATE_REGISTRY=registry.example.com:5000
	run -0 registries '.mirrors["docker.io"].endpoint[0], has("configs")'
	assert_output $'https://registry.example.com:5000\nfalse'
	run -0 obj cluster Cluster rancher '[.spec.secretMounts[].secretName] | tojson'
	assert_output '["k3s-registry-config"]'
}

@test "render: registry: none means no mount and no argument (case R)" {
	conf
	run -0 obj cluster Cluster rancher '[.spec.secretMounts, .spec.serverArgs] | tojson'
	assert_output '[null,["--disable-network-policy"]]'
}

@test "render: registry: without a list the usual three; a list decides otherwise" {
	conf PRIVATE_REGISTRY=h
	run -0 registries '.mirrors | keys | tojson'
	assert_output '["docker.io","ghcr.io","quay.io"]'
	printf '# ours\r\nregistry.k8s.io # k8s\r\n\tgcr.io \r\n\r\nregistry.k8s.io\r\ndocker.elastic.co' >mirrors
	conf PRIVATE_REGISTRY=h MIRROR_REGISTRIES_FILE=mirrors
	run -0 registries '.mirrors | keys_unsorted | tojson'
	assert_output '["registry.k8s.io","gcr.io","docker.elastic.co"]'
}

@test "render: registry: an empty list makes no Secret and no mount" {
	printf '# nothing\n' >mirrors
	conf PRIVATE_REGISTRY=h MIRROR_REGISTRIES_FILE=mirrors
	run -3 "$bin/rk3k-render" registry -c doc.json
	run -0 obj cluster Cluster rancher '.spec | has("secretMounts")'
	assert_output false
	# With credentials containerd must still hear of the host.
	conf "${harbor[@]}" MIRROR_REGISTRIES_FILE=mirrors
	run -0 registries 'tojson'
	assert_output '{"configs":{"harbor.example.com":{"auth":{"username":"testuser","password":"testpass"}}}}'
	run -0 obj cluster Cluster rancher '.spec.secretMounts | length'
	assert_output 1
}

@test "render: registry: a bad mirror list names file and line" {
	for bad in '*' 'https://quay.io' 'quay.io/jetstack' '-x'; do
		printf 'docker.io\n%s\n' "$bad" >mirrors
		conf PRIVATE_REGISTRY=h MIRROR_REGISTRIES_FILE=mirrors
		run -1 --separate-stderr "$bin/rk3k-render" registry -c doc.json
		assert_regex "$stderr" 'mirrors:2: '
	done
}

@test "render: registry: IPv6 with a port" {
	conf 'PRIVATE_REGISTRY=[fd00::5]:5000' HELM_REPO_USER=u HELM_REPO_PASS=p
	run -0 registries '.mirrors["quay.io"].endpoint[0], (.configs | keys[0])'
	assert_output $'https://[fd00::5]:5000\n[fd00::5]:5000'
}

# --- certificates ---

@test "render: tls: rancher's own CA is left alone, whatever the private CA" {
	conf "${harbor[@]}" "PRIVATE_CA_PATH=$PKI/ca.pem"
	run -0 obj rancher HelmChart rancher '.spec.set | has("privateCA")'
	assert_output false
	run -3 "$bin/rk3k-render" issuer -c doc.json
}

@test "render: tls: the registry's CA never becomes Rancher's with letsEncrypt" {
	conf TLS_SOURCE=letsEncrypt ACME_EMAIL=a+b@example.com "${harbor[@]}" "PRIVATE_CA_PATH=$PKI/ca.pem"
	run -0 obj rancher HelmChart rancher '.spec.set | with_entries(select(.key | test("privateCA|letsEncrypt|source"))) | tojson'
	assert_output '{"ingress.tls.source":"letsEncrypt","letsEncrypt.email":"a+b@example.com","letsEncrypt.environment":"production","letsEncrypt.ingress.class":"traefik"}'
}

@test "render: tls: a CA pair signs for all names, agents see the root, privateCA once" {
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key" "CA_ROOT_PATH=$PKI/root.pem" \
		"PRIVATE_CA_PATH=$PKI/leaf.pem" PRIVATE_REGISTRY=h HOSTNAMES=rancher.example.com,b.example.com
	run -0 obj issuer Certificate tls-rancher-ingress '.spec | tojson'
	assert_output '{"dnsNames":["rancher.example.com","b.example.com"],"duration":"2160h","issuerRef":{"group":"cert-manager.io","kind":"Issuer","name":"ca-issuer"},"renewBefore":"360h","secretName":"tls-rancher-ingress"}'
	run -0 obj issuer Issuer ca-issuer .spec.ca.secretName
	assert_output ca-signing-keypair
	run -0 obj issuer Secret ca-signing-keypair '.type, (.data["tls.crt"] | @base64d)'
	assert_output "kubernetes.io/tls
$(<"$PKI/ca.pem")"
	run -0 obj issuer Secret tls-ca '.data["cacerts.pem"] | @base64d'
	assert_output "$(<"$PKI/root.pem")"
	run -0 obj rancher HelmChart rancher '[.spec.set["ingress.tls.source"], .spec.set.privateCA] | tojson'
	assert_output '["secret","true"]'
	# One certificate for all names already: the further name needs no other.
	run -0 obj fqdn Ingress rancher-b-example-com '.spec.tls | tojson'
	assert_output '[{"hosts":["b.example.com"],"secretName":"tls-rancher-ingress"}]'
	run -0 jq -r '[.[].kind] | tojson' <(render fqdn)
	assert_output '["Ingress"]'
}

@test "render: tls: a CA pair without a root shows the CA itself" {
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/ca.key"
	run -0 obj issuer Secret tls-ca '.data["cacerts.pem"] | @base64d'
	assert_output "$(<"$PKI/ca.pem")"
}

@test "render: tls: a certificate of one's own, with and without a private signer" {
	conf "TLS_CERT_PATH=$PKI/leaf.pem" "TLS_KEY_PATH=$PKI/leaf.key"
	run -0 obj issuer Secret tls-rancher-ingress '.type, (.data | keys | tojson)'
	assert_output $'kubernetes.io/tls\n["tls.crt","tls.key"]'
	run -0 obj rancher HelmChart rancher '[.spec.set["ingress.tls.source"], .spec.set.privateCA] | tojson'
	assert_output '["secret",null]'
	# The registry's CA signed it: then it is the anchor.
	conf "TLS_CERT_PATH=$PKI/leaf.pem" "TLS_KEY_PATH=$PKI/leaf.key" PRIVATE_REGISTRY=h "PRIVATE_CA_PATH=$PKI/ca.pem"
	run -0 obj rancher HelmChart rancher .spec.set.privateCA
	assert_output true
	# It did not: then it is not.
	conf "TLS_CERT_PATH=$PKI/other.pem" "TLS_KEY_PATH=$PKI/other.key" PRIVATE_REGISTRY=h "PRIVATE_CA_PATH=$PKI/ca.pem"
	run -0 obj rancher HelmChart rancher '.spec.set | has("privateCA")'
	assert_output false
	conf "TLS_CERT_PATH=$PKI/other.pem" "TLS_KEY_PATH=$PKI/other.key" "CA_ROOT_PATH=$PKI/root.pem"
	run -0 obj issuer Secret tls-ca '.data["cacerts.pem"] | @base64d'
	assert_output "$(<"$PKI/root.pem")"
}

@test "render: tls: a key that does not fit is refused" {
	conf "TLS_CERT_PATH=$PKI/leaf.pem" "TLS_KEY_PATH=$PKI/other.key"
	run -1 --separate-stderr "$bin/rk3k-render" issuer -c doc.json
	assert_regex "$stderr" 'TLS_KEY_PATH: .*does not belong'
	conf "CA_CERT_PATH=$PKI/ca.pem" "CA_KEY_PATH=$PKI/leaf.pem"
	run -1 --separate-stderr "$bin/rk3k-render" issuer -c doc.json
	assert_regex "$stderr" 'CA_KEY_PATH: .*not a private key'
}

@test "render: fqdn: one certificate by the chart's issuer covers every name" {
	conf HOSTNAMES=rancher.example.com,b.example.com,c.example.com
	run -0 obj fqdn Certificate tls-rancher-ingress-all '[.spec.issuerRef.name, .spec.secretName, .spec.dnsNames] | tojson'
	assert_output '["rancher","tls-rancher-ingress-all",["rancher.example.com","b.example.com","c.example.com"]]'
	run -0 jq -r '[.[] | select(.kind == "Ingress") | [.metadata.name, .spec.rules[0].host, .spec.tls[0].secretName, .metadata.annotations]] | tojson' <(render fqdn)
	assert_output '[["rancher-b-example-com","b.example.com","tls-rancher-ingress-all",null],["rancher-c-example-com","c.example.com","tls-rancher-ingress-all",null]]'
	run -0 "$bin/rk3k-config" get TLS_SOURCE_SECRET -d doc.json
	assert_output tls-rancher-ingress-all
}

@test "render: fqdn: names that would be one get different Ingresses" {
	conf HOSTNAMES=rancher.example.com,a-b.example.com,a.b.example.com
	run -0 jq -r '[.[] | select(.kind == "Ingress") | .metadata.name] | unique | length' <(render fqdn)
	assert_output 2
	long=$(printf 'x%.0s' {1..60}).example.com
	conf "HOSTNAMES=rancher.example.com,$long"
	run -0 jq -r '[.[] | select(.kind == "Ingress") | .metadata.name | length] | max <= 63' <(render fqdn)
	assert_output true
}

@test "render: ingress: one rule and one tls entry for each name" {
	conf HOSTNAMES=rancher.example.com,b.example.com CLUSTER=blue NAMESPACE=ns INGRESS_CLASS=edge
	run -0 obj ingress Ingress blue-k3k-ingress '[.metadata.namespace, .spec.ingressClassName, [.spec.rules[].host], [.spec.tls[].secretName], [.spec.rules[].http.paths[].backend.service.name]] | tojson'
	assert_output '["ns","edge",["rancher.example.com","b.example.com"],["tls-blue-ingress","tls-blue-ingress"],["blue-k3k-traefik","blue-k3k-traefik"]]'
	run -0 obj ingress Service blue-k3k-traefik '.spec.selector | tojson'
	assert_output '{"cluster":"blue","role":"server"}'
}

@test "render: values that look like other YAML stay strings" {
	conf CLUSTER=null NAMESPACE=1234 STORAGE_CLASS=0.5 CERTMANAGER_VERSION=1.18
	run -0 python3 - <<-PY
		import subprocess, yaml
		out = subprocess.run(["$bin/rk3k-render", "all", "-c", "doc.json"], stdout=subprocess.PIPE, check=True).stdout
		docs = list(yaml.safe_load_all(out))
		c = [d for d in docs if d["kind"] == "Cluster"][0]
		assert c["metadata"] == {"name": "null", "namespace": "1234", "labels": {"app.kubernetes.io/managed-by": "rk3k", "rk3k.io/cluster": "null"}}, c
		assert c["spec"]["persistence"]["storageClassName"] == "0.5"
		assert [d for d in docs if d["kind"] == "HelmChart"][0]["spec"]["version"] == "1.18"
	PY
}
