#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# registries, bundle: private registries and chart hosts as parsed objects; no cluster. The numbers
# in the names are the cases of the original scripts' own test, by scenario A to S.
# shellcheck disable=SC1003,SC2016,SC2030,SC2031,SC2154 # jq filters, odd passwords, bats' subshells

load common

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	for name in ca second; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-keyout $name.key -out $name.pem -subj "/CN=$name" 2>/dev/null
	done
	cat ca.pem second.pem >bundle.pem
	export CA=$BATS_FILE_TMPDIR/ca.pem BUNDLE=$BATS_FILE_TMPDIR/bundle.pem
	export PAIR=$BATS_FILE_TMPDIR
}

setup() {
	clean_environment
	unset DOCKER_CONFIG
	bin=$RK3K_BIN
	three=$'docker.io\nquay.io\nghcr.io\n'
	printf '%s' "$three" >mirrors
}

conf() { # KEY=VALUE...: writes doc.json
	printf '%s\n' HOSTNAME=rancher.test.local "$@" >deploy.conf
	chmod 600 deploy.conf
	"$bin/rk3k-config" -c deploy.conf --no-prompt >doc.json 2>config.err
}

parsed() { python3 -c 'import sys, yaml, json; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)'; }

# The objects of a step, from its YAML, as a JSON array.
step() { "$bin/rk3k-render" "$1" -c doc.json | parsed; }

chart() { # NAME FILTER
	step "$1" | jq -r --arg n "$1" ".[] | select(.kind == \"HelmChart\" and .metadata.name == \$n) | $2"
}

reg() { "$bin/rk3k-registries" "$@" </dev/null; }

yaml() { # FILTER: over registries.yaml of doc.json
	reg render file -c doc.json | parsed | jq -r ".[0] | $1"
}

cluster() { step cluster | jq -r ".[] | select(.kind == \"Cluster\") | $1"; }

http=https://harbor.example.com/chartrepo/library
private() { conf PRIVATE_REGISTRY=harbor.example.com HELM_REPO_USER=testuser HELM_REPO_PASS=testpass "PRIVATE_CA_PATH=$CA" "$@"; }

# --- charts ---

@test "registries: 1 2 public cert-manager: complete YAML, no credentials (A)" {
	conf
	run -0 chart cert-manager '[.spec.repo, .spec.chart, .spec.version, .spec.authSecret, .spec.repoCAConfigMap] | tojson'
	assert_output '["https://charts.jetstack.io","cert-manager","v1.18.5",null,null]'
	run -0 --separate-stderr "$bin/rk3k-render" cert-manager -c doc.json
	refute_output --regexp '[$][{]|__'
}

@test "registries: 3 4 5 6 private cert-manager over HTTP: credentials and CA (B)" {
	private "CERTMANAGER_REPO=$http"
	run -0 chart cert-manager '[.spec.authSecret.name, .spec.repoCAConfigMap.name, .spec.dockerRegistrySecret] | tojson'
	assert_output '["helm-repo-auth","helm-repo-ca",null]'
}

@test "registries: 7 8 Rancher, public and private: no placeholder is left (C D)" {
	conf RANCHER_VERSION=v2.13.2 BOOTSTRAP_PW=admin1234567890
	run -0 chart rancher '[.. | strings | select(test("\\$\\{|__[A-Z]"))] | length'
	assert_output 0
	run -0 chart rancher '[.spec.set.hostname, .spec.set["ingress.tls.source"], .spec.authSecret] | tojson'
	assert_output '["rancher.test.local","rancher",null]'
	private "RANCHER_REPO=$http" RANCHER_VERSION=v2.13.2
	run -0 chart rancher '[.spec.repo, .spec.authSecret.name, .spec.repoCAConfigMap.name] | tojson'
	assert_output "[\"$http\",\"helm-repo-auth\",\"helm-repo-ca\"]"
}

@test "registries: 9 10 an address is OCI by its scheme, however it is written (E)" {
	for oci in oci://harbor.example.com/helm/cert-manager OCI://harbor.example.com/helm/cert-manager; do
		private "CERTMANAGER_REPO=$oci"
		run -0 chart cert-manager '.spec | has("repo")'
		assert_output false
	done
	conf CERTMANAGER_REPO=https://charts.jetstack.io
	run -0 chart cert-manager '.spec | has("repo")'
	assert_output true
}

@test "registries: 11 12 the host of an OCI address keeps its port (F)" {
	for host in harbor.example.com registry.example.com:5000 '[fd00::1]:5000'; do
		conf "HELM_REPO_HOSTS=$host" HELM_REPO_USER=u HELM_REPO_PASS=p "RANCHER_REPO=oci://$host/charts/rancher"
		run -0 jq -r '.auths | keys | tojson' <(reg render docker -c doc.json)
		assert_output "[\"$host\"]"
	done
}

@test "registries: an OCI address of a host alone, or with a slash at its end" {
	run -1 conf RANCHER_REPO=oci://harbor.example.com
	grep -q RANCHER_REPO config.err
	private RANCHER_REPO=oci://harbor.example.com/helm/rancher/
	run -0 chart rancher .spec.chart
	assert_output oci://harbor.example.com/helm/rancher
}

@test "registries: 13 14 15 16 OCI cert-manager: address, no repo or authSecret, CA (G)" {
	private CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager
	run -0 chart cert-manager '[.spec.chart, .spec.repo, .spec.authSecret, .spec.repoCAConfigMap.name] | tojson'
	assert_output '["oci://harbor.example.com/helm/cert-manager",null,null,"helm-repo-ca"]'
}

@test "registries: 17 OCI Rancher (H)" {
	private RANCHER_REPO=oci://harbor.example.com/helm/rancher
	run -0 chart rancher '[.spec.chart, .spec.repo, .spec.dockerRegistrySecret.name] | tojson'
	assert_output '["oci://harbor.example.com/helm/rancher",null,"helm-oci-auth"]'
}

@test "registries: 18 public OCI cert-manager gets no credentials at all (I)" {
	private CERTMANAGER_REPO=oci://ghcr.io/jetstack/cert-manager
	run -0 chart cert-manager '.spec | [has("dockerRegistrySecret"), has("authSecret"), has("repoCAConfigMap")] | tojson'
	assert_output '[false,false,false]'
}

@test "registries: 19 20 mixed: each chart has what belongs to its host (J)" {
	private CERTMANAGER_REPO=oci://harbor.example.com/helm/cert-manager
	run -0 chart cert-manager '[.spec.dockerRegistrySecret.name, .spec.authSecret] | tojson'
	assert_output '["helm-oci-auth",null]'
	run -0 chart rancher '.spec | [has("authSecret"), has("dockerRegistrySecret"), has("repoCAConfigMap")] | tojson'
	assert_output '[false,false,false]'
	run -0 jq -r '[.items[] | .kind + "/" + .metadata.name] | tojson' <(reg render virtual -c doc.json -o json)
	assert_output '["Secret/helm-oci-auth","ConfigMap/helm-repo-ca"]'
}

@test "registries: 21 helm gets password and CA in a file, only for private hosts (K)" {
	private "CERTMANAGER_REPO=$http"
	run -0 jq -c '.repositories[] | select(.name == "cert-manager") | del(.caFile)' <(reg render helm -c doc.json)
	assert_output "{\"name\":\"cert-manager\",\"password\":\"testpass\",\"url\":\"$http\",\"username\":\"testuser\"}"
	run -0 jq -r '.repositories[] | select(.name == "cert-manager") | .caFile' <(reg render helm -c doc.json)
	assert_output "$CA"
	run -0 jq -c '[.repositories[] | select(.name != "cert-manager") | keys] | unique' <(reg render helm -c doc.json)
	assert_output '[["name","url"]]'
}

# A helm that writes down its arguments and hands out a chart.
fake_helm() {
	program bin/helm <<-'END'
		printf '%s\n' "$*" >>helm.log
		stat -L -c '%a %h' "$HELM_REGISTRY_CONFIG" "$HELM_REPOSITORY_CONFIG" >>modes
		cp "$HELM_REGISTRY_CONFIG" seen.json
		while [ $# -gt 0 ]; do
			case $1 in
			pull) name=${2##*/} ;;
			--version) version=$2 ;;
			--ca-file) cp "$2" seen.pem ;;
			--destination) : >"$2/$name-$version.tgz" ;;
			template)
				case $3 in
				*k3k-[0-9v]*) printf '%s\n' --- 'image: "rancher/k3k:v1.0.2"' 'args:' '- --k3s-server-image=rancher/k3s' ;;
				*cert-manager-*) printf '%s\n' --- 'image: quay.io/jetstack/cert-manager-controller:v1.18.5' --- \
					'args: [--acme-http01-solver-image=quay.io/jetstack/cert-manager-acmesolver:v1.18.5]' 'image: # none' ;;
				*) printf '%s\n' '- image: rancher/rancher:v2.14.1' '- name: CATTLE_SHELL_IMAGE' '  value: "rancher/shell:v0.4.1"' \
					'- image: busybox' '- image: "[fd00::1]:5000/x:1"' '- image: h:5000/y@sha256:'"$(printf 'a%.0s' {1..64})" \
					'- image: {}' '- image: "{{ later }}"' --- '# nothing' ;;
				esac
				;;
			esac
			shift
		done
	END
	export HELM_BIN=$PWD/bin/helm
}

@test "bundle: 22 helm gets the CA for private OCI hosts, its arguments no password (L)" {
	fake_helm
	{ printf '\xEF\xBB\xBF# ours\r\n' && sed 's/$/\r/' "$CA"; } >odd.pem
	private RANCHER_REPO=oci://harbor.example.com/helm/rancher PRIVATE_CA_PATH=odd.pem
	run -0 --separate-stderr "$bin/rk3k-bundle" --list -c doc.json
	run -0 grep '^pull oci://harbor.example.com/helm/rancher' helm.log
	assert_output --regexp "--ca-file /.*/certs/ca.crt\$"
	assert_equal "$(<seen.pem)" "$(<"$CA")" # plain, as helm reads it
	run -0 grep -c -e --ca-file helm.log
	assert_output 1
	run -1 grep -e testpass -e testuser helm.log
	run -0 sort -u modes
	assert_output '600 0' # without a name
	run -0 jq -r '.auths["harbor.example.com"].password' seen.json
	assert_output testpass
}

@test "bundle: no login is left behind by SIGKILL" {
	fake_helm
	printf '%s\n' 'kill -9 $PPID' 'sleep 0.1' >>bin/helm
	private RANCHER_REPO=oci://harbor.example.com/helm/rancher
	mkdir tmp
	run -137 env TMPDIR="$PWD/tmp" "$bin/rk3k-bundle" --list -c doc.json
	run -0 jq -r '.auths["harbor.example.com"].password' seen.json
	assert_output testpass
	[[ $(ls tmp) ]]
	run -1 grep -rlE 'testpass|dGVzdHVzZXI6dGVzdHBhc3M=' tmp /dev/shm
	assert_output ''
}

@test "bundle: output of helm is quoted, without secrets and control characters" {
	conf
	program bin/helm <<-'END'
		printf 'bad \033[31mred\033]0;x\007 https://u:topsecret@h/x\r\nAuthorization: Basic topsecret\n' >&2
		exit 1
	END
	export HELM_BIN=$PWD/bin/helm
	run -1 "$bin/rk3k-bundle" --list -c doc.json
	assert_line '  helm: bad ^[[31mred^[]0;x^G https://u:***@h/x'
	assert_line '  helm: Authorization: ***'
	refute_output --partial topsecret
}

@test "bundle: --list names every image that the charts use, once and in full" {
	fake_helm
	conf
	printf 'rancher/mirrored-pause:3.6\r\n# comment\n\nrancher/rancher:v2.14.1' >also
	run -0 --separate-stderr "$bin/rk3k-bundle" --list --also also <doc.json
	assert_output "chart https://rancher.github.io/k3k k3k 1.0.2
chart https://charts.jetstack.io cert-manager v1.18.5
chart https://releases.rancher.com/server-charts/latest rancher v2.14.1
image [fd00::1]:5000/x:1
image docker.io/library/busybox:latest
image docker.io/rancher/k3k:v1.0.2
image docker.io/rancher/k3s:v1.34.7-k3s1
image docker.io/rancher/mirrored-pause:3.6
image docker.io/rancher/rancher:v2.14.1
image docker.io/rancher/shell:v0.4.1
image h:5000/y@sha256:$(printf 'a%.0s' {1..64})
image quay.io/jetstack/cert-manager-acmesolver:v1.18.5
image quay.io/jetstack/cert-manager-controller:v1.18.5"
}

@test "bundle: --also is read as registries check reads its list" {
	fake_helm
	conf
	for list in 'rancher/a:1\nquay.io/b:1' '\0357\0273\0277rancher/a:1\r\nquay.io/b:1 linux/amd64\r\n' \
		'image index.docker.io/rancher/a:1\nchart https://c.example.com c 1\nimage quay.io/b:1 # ours'; do
		printf '%b' "$list" >also
		run -0 --separate-stderr "$bin/rk3k-bundle" --list --also also <doc.json
		assert_line 'image docker.io/rancher/a:1'
		assert_line 'image quay.io/b:1'
		assert_equal "$(grep -c ^image <<<"$output")" 11
	done
	while IFS='|' read -r list want; do
		printf '%b' "$list" >also
		run -1 --separate-stderr "$bin/rk3k-bundle" --list --also also <doc.json
		assert_equal "$output" ''
		assert_regex "$stderr" "$want"
		run -1 --separate-stderr reg check --registry h --images also
		assert_regex "$stderr" "$want"
	done <<-'END'
		rancher/a:1\nhttps://quay.io/b:1\n|also:2: invalid image name
		rancher/a:1 rancher/b:1|also:1: two images on one line
		\0377\0376r\0000|also:1: not text in UTF-8
	END
	run -2 "$bin/rk3k-bundle" --list --also - <doc.json
}

@test "bundle: --push stops before the first image that no mirror serves" {
	fake_helm
	program bin/skopeo <<<'echo "$*" >>skopeo.log'
	PATH=$PWD/bin:$PATH
	private
	mkdir here
	: >here/index.json
	printf 'docker.io/rancher/a:1\ngcr.io/b:1\nharbor.example.com/c:1' >here/images.txt
	run -1 "$bin/rk3k-bundle" -q --push here -c doc.json
	assert_output --partial 'no mirror for gcr.io: servers would not pull gcr.io/b:1 from harbor.example.com'
	[[ ! -e skopeo.log ]]
	private REGISTRY_FALLBACK=yes
	run -0 "$bin/rk3k-bundle" -q --push here -c doc.json
	assert_output --partial 'not pushed: no mirror for gcr.io'
	assert_output --partial 'pushed 2 images to harbor.example.com'
	run -0 grep -o 'docker://.*' skopeo.log
	assert_output $'docker://harbor.example.com/docker.io/rancher/a:1\ndocker://harbor.example.com/c:1'
}

@test "bundle: --save again into the same directory, of other versions" {
	fake_helm
	program bin/skopeo <<<':'
	PATH=$PWD/bin:$PATH
	conf
	run -0 "$bin/rk3k-bundle" -q --save here -c doc.json
	conf RANCHER_VERSION=v2.14.2 K3K_VERSION=1.1.0
	run -0 "$bin/rk3k-bundle" -q --save here -c doc.json
	run -0 ls here/charts
	assert_output $'cert-manager-v1.18.5.tgz\nk3k-1.1.0.tgz\nrancher-v2.14.2.tgz'
	run -1 grep '^template x.*\.tgz .*\.tgz' helm.log
}

@test "bundle: a missing file is exit 3, and a flag without effect is refused" {
	fake_helm
	conf
	run -3 "$bin/rk3k-bundle" --list -c nowhere.json
	assert_output --partial 'cannot open nowhere.json'
	run -3 "$bin/rk3k-bundle" --list -c doc.json --also nowhere
	assert_output 'rk3k-bundle: cannot read nowhere'
	run -2 "$bin/rk3k-bundle" --push here --dry-run=server -c doc.json
	assert_output --partial 'unknown flag --dry-run'
	[[ ! -e helm.log ]]
}

@test "bundle: says what is wrong" {
	conf
	run -2 "$bin/rk3k-bundle" -c doc.json
	assert_output --partial '--list, --save or --push'
	HELM_BIN=/nowhere/helm run -3 "$bin/rk3k-bundle" --list -c doc.json
	assert_output --partial 'helm is not on PATH'
	program bin/helm <<<'echo "no such host" >&2; exit 1'
	export HELM_BIN=$PWD/bin/helm
	run -1 "$bin/rk3k-bundle" --list -c doc.json
	assert_output --partial 'cannot fetch chart k3k 1.0.2 from https://rancher.github.io/k3k'
	assert_output --partial 'helm: no such host'
	run -2 "$bin/rk3k-bundle" -c doc.json --push here
	assert_output --partial PRIVATE_REGISTRY
	private
	run -3 "$bin/rk3k-bundle" -c doc.json --push here
	mkdir here
	run -1 "$bin/rk3k-bundle" -c doc.json --push here
	assert_output --partial 'not a bundle of --save'
}

# --- registries.yaml ---

@test "registries: 26 27 28 29 30 mirrors, rewrites, CA and login (O)" {
	private MIRROR_REGISTRIES_FILE=mirrors
	run -0 yaml '[.mirrors | to_entries[] | [.key, .value.endpoint, .value.rewrite["^(.*)$"]]] | tojson'
	assert_output '[["docker.io",["https://harbor.example.com"],"docker.io/$1"],["quay.io",["https://harbor.example.com"],"quay.io/$1"],["ghcr.io",["https://harbor.example.com"],"ghcr.io/$1"]]'
	run -0 yaml '.configs | tojson'
	assert_output '{"harbor.example.com":{"tls":{"ca_file":"/etc/rancher/k3s/tls/ca.crt"},"auth":{"username":"testuser","password":"testpass"}}}'
	run -0 yaml 'keys_unsorted | tojson'
	assert_output '["mirrors","configs"]'
}

@test "registries: 31 32 33 keeps a port; without CA and login no configs (P)" {
	conf PRIVATE_REGISTRY=registry.example.com:5000 MIRROR_REGISTRIES_FILE=mirrors
	run -0 yaml '[.mirrors["docker.io"].endpoint[0], has("configs")] | tojson'
	assert_output '["https://registry.example.com:5000",false]'
}

@test "registries: the rewrite maps each path" {
	conf PRIVATE_REGISTRY=h MIRROR_REGISTRIES_FILE=mirrors
	reg render file -c doc.json >r.yaml
	run -0 python3 -c 'import re, yaml
for upstream, m in yaml.safe_load(open("r.yaml"))["mirrors"].items():
    (regex, to), = m["rewrite"].items()
    print(re.sub(regex, to.replace("$1", r"\1"), "a/b", count=1))'
	assert_output $'docker.io/a/b\nquay.io/a/b\nghcr.io/a/b'
}

@test "registries: mirror files as people write them" {
	while IFS='|' read -r text want; do
		printf '%b' "$text" >list
		run -0 --separate-stderr reg render file --registry h --mirrors-file list
		assert_equal "$(parsed <<<"$output" | jq -c '.[0].mirrors | keys_unsorted')" "$want"
	done <<-'END'
		quay.io|["quay.io"]
		quay.io\r\nghcr.io\r\n|["quay.io","ghcr.io"]
		\tquay.io \n|["quay.io"]
		quay.io # ours\n#ghcr.io\n|["quay.io"]
		quay.io\nquay.io\nQUAY.io\n|["quay.io"]
		\0357\0273\0277quay.io\n|["quay.io"]
		registry.example.com:5000\n[fd00::1]:5000\n|["registry.example.com:5000","[fd00::1]:5000"]
	END
	for bad in '*' 'https://quay.io' 'quay.io/x' 'a b/c' '-x' '.x' 'x:' 'quay.io ghcr.io' 'quay.io, ghcr.io' H.example.com \
		h.example.com:443 docker; do
		printf 'docker.io\n%s\n' "$bad" >list
		run -1 --separate-stderr reg render file --registry h.example.com --mirrors-file list
		assert_regex "$stderr" 'list:2: '
		run -1 --separate-stderr reg images --registry h.example.com --mirrors-file list
		assert_regex "$stderr" 'list:2: '
		run -1 --separate-stderr reg check --registry h.example.com --mirrors-file list
		assert_regex "$stderr" 'list:2: '
	done
}

@test "registries: images shows where each image is pulled from" {
	printf 'index.docker.io/busybox\nquay.io/b:1\nh.example.com/c\ngcr.io/d\nrancher/e\n' >list
	printf 'quay.io\nindex.docker.io' >mirrors
	run -0 reg images --registry h.example.com --mirrors-file mirrors --no-headers list
	assert_line --index 0 --regexp '^docker.io/library/busybox:latest +h.example.com/docker.io/library/busybox:latest$'
	assert_line --index 1 --regexp '^docker.io/rancher/e:latest +h.example.com/docker.io/rancher/e:latest$'
	assert_line --index 2 --regexp '^gcr.io/d:latest +<none>$'
	assert_line --index 3 --regexp '^h.example.com/c:latest +h.example.com/c:latest$'
	assert_line --index 4 --regexp '^quay.io/b:1 +h.example.com/quay.io/b:1$'
	run -0 jq -c '.mirrors | keys' <(reg render file --registry h.example.com --mirrors-file mirrors -o json)
	assert_output '["docker.io","quay.io"]'
	run -0 jq -c '.mirrors | keys_unsorted' <(reg render file --registry quay.io -o json)
	assert_output '["docker.io","ghcr.io"]'
	run -0 jq -c 'map(select(.image | startswith("gcr")))' <(reg images --registry h.example.com --fallback list -o json)
	assert_output '[{"from":"gcr.io/d:latest","image":"gcr.io/d:latest"}]'
}

@test "registries: images of manifests are found in fields, flags and environment" {
	cat >manifest <<-'END'
		spec:
		  containers:
		  - {image: quay.io/a:1, args: [--x-image=b:1, "run --y=2 --k3s-server-image=rancher/k3s -v"]}
		  - command: |
		      start --z-image="c:1" \
		        --image=d
		    env: [{name: SHELL_IMAGE, value: e:1}, {name: image, value: no}, {name: OTHER_IMAGE}]
		  image: &x quay.io/a:1
		---
		# nothing
		---
		image: {tag: "1"}
		image: '{{ .later }}'
	END
	run -0 "$bin/rk3k-registries" images --registry h.example.com --set K3S_VERSION=v1.2.3-k3s1 --manifests - -o name <manifest
	assert_output 'docker.io/library/b:1
docker.io/library/c:1
docker.io/library/d:latest
docker.io/library/e:1
docker.io/rancher/k3s:v1.2.3-k3s1
quay.io/a:1'
	printf 'image: UPPER/case:1\n' >manifest
	run -1 reg images --registry h.example.com --manifests manifest
	assert_output --partial 'images of manifest: invalid image name "UPPER/case:1"'
}

@test "registries: a list that names nothing and no login: no file, no Secret, no mount" {
	printf '# nothing\n\n' >list
	run -3 --separate-stderr reg render file --registry h --mirrors-file list
	: >list
	run -3 --separate-stderr reg render file --registry h --mirrors-file list
	run -3 reg render host --registry h --mirrors-file list
	run -0 jq -c '.spec | keys' <(reg render cluster --registry h --mirrors-file list -o json)
	assert_output '["serverArgs"]'
}

@test "registries: IPv6 and ports as keys" {
	run -0 --separate-stderr reg render file --registry '[fd00::5]:5000' --credentials <(printf '{"auths":{"[fd00::5]:5000":{"auth":"dTpw"}}}') -o json
	assert_equal "$(jq -c '[.mirrors["quay.io"].endpoint[0], .configs]' <<<"$output")" \
		'["https://[fd00::5]:5000",{"[fd00::5]:5000":{"auth":{"password":"p","username":"u"}}}]'
}

# bats test_tags=slow
@test "registries: credentials with special characters from every source are unchanged" {
	local n=0
	while IFS= read -r -d '' pw; do
		n=$((n + 1))
		printf '%s' "$pw" >pw
		chmod 600 pw
		jq -n --arg p "$pw" '{auths: {h: {auth: ("me:" + $p | @base64)}}}' >config.json
		jq -n --arg p "$pw" '{apiVersion: "", repositories: [{name: "x", url: "https://h/c", username: "me", password: $p}]}' >repositories.yaml
		for from in config.json repositories.yaml; do
			reg render file --registry h --credentials "$from" | parsed | jq -j '.[0].configs.h.auth.password' >got
			cmp got pw
		done
		# A line break at the end of a file of its own is the editor's.
		reg render file --registry h --user me --password-file pw >one.yaml
		"$bin/rk3k-registries" render file --registry h --user me --password-stdin <pw >two.yaml
		cmp one.yaml two.yaml
		parsed <one.yaml | jq -j '.[0].configs.h.auth.password' >got
		cmp got pw
		# What is written can be read back as a source.
		reg render file --registry h --credentials one.yaml >three.yaml
		cmp one.yaml three.yaml
	done < <(printf '%s\0' 'p"w' 'back\slash\' 'a&b' 'pipe|d' '#hash' 'a #b' ' blank ' $'line\nbreak' 0123 true null yes '~' "it's" \
		'{{x}}' '${name}' '$(id)' '`id`' ': colon: ' '- dash' '*star' '!bang' '%percent' '@at' 'ünïcödé' $'tab\there' '1e3' '0x1F' \
		'2001-01-01' '[a]' '{a: b}' '>' "''")
	assert_equal "$n" 33
}

# --- the Cluster ---

@test "registries: 34 35 36 37 38 the Cluster mounts Secret and CA for all, once (Q)" {
	private MIRROR_REGISTRIES_FILE=mirrors PVC_SIZE=10Gi STORAGE_CLASS=harvester-longhorn
	run -0 cluster '[.spec.secretMounts[] | [.secretName, .mountPath, .subPath, .role]] | tojson'
	assert_output '[["k3s-registry-config","/etc/rancher/k3s/registries.yaml","registries.yaml","all"],["k3s-registry-ca","/etc/rancher/k3s/tls/ca.crt","ca.crt","all"]]'
	run -0 cluster '[.spec.serverArgs[] | select(startswith("--system-default"))] | tojson'
	assert_output '["--system-default-registry=harbor.example.com/docker.io"]'
	run -0 cluster '[paths | select(.[-1] == "secretMounts")] | tojson'
	assert_output '[["spec","secretMounts"]]'
}

@test "registries: 39 40 without a registry neither mounts nor argument (R)" {
	conf PVC_SIZE=10Gi STORAGE_CLASS=harvester-longhorn
	run -0 cluster '[(.spec | has("secretMounts")), ([.spec.serverArgs[] | select(test("registry"))] | length)] | tojson'
	assert_output '[false,0]'
	run -3 reg render -c doc.json
}

@test "registries: 41 42 a registry without a CA mounts the Secret alone (S)" {
	conf PRIVATE_REGISTRY=registry.example.com MIRROR_REGISTRIES_FILE=mirrors
	run -0 cluster '[.spec.secretMounts[].secretName] | tojson'
	assert_output '["k3s-registry-config"]'
}

@test "registries: without a mirror file CA and login still reach containerd" {
	private
	run -0 yaml '[(.mirrors | keys_unsorted), (.configs["harbor.example.com"] | keys)] | tojson'
	assert_output '[["docker.io","quay.io","ghcr.io"],["auth","tls"]]'
}

@test "registries: no way to a public registry unless asked for" {
	run -0 jq -c .spec.serverArgs <(reg render cluster --registry h -o json)
	assert_output '["--system-default-registry=h/docker.io","--disable-default-registry-endpoint"]'
	run -0 jq -c .spec.serverArgs <(reg render cluster --registry h --fallback -o json)
	assert_output '["--system-default-registry=h/docker.io"]'
	run -0 jq -c .spec.serverArgs <(reg render cluster --registry h --set K3K_VERSION=1.1.0 -o json)
	assert_output "[\"'--system-default-registry=h/docker.io --disable-default-registry-endpoint'\"]"
	run -0 jq -c .spec <(reg render chart --registry h -o json)
	assert_output '{"set":{"systemDefaultRegistry":"h/docker.io"}}'
}

@test "registries: a bundle of several CAs is complete in every file" {
	private "PRIVATE_CA_PATH=$BUNDLE" "CERTMANAGER_REPO=$http"
	run -0 jq -r '.items[] | select(.metadata.name == "k3s-registry-ca") | .data["ca.crt"] | @base64d' <(reg render host -c doc.json -o json)
	assert_output "$(<"$BUNDLE")"
	run -0 jq -r '.items[] | select(.metadata.name == "helm-repo-ca") | .data["ca-bundle.crt"]' <(reg render virtual -c doc.json -o json)
	assert_output "$(<"$BUNDLE")"
	run -2 --separate-stderr reg render --registry h --ca mirrors
	assert_regex "$stderr" 'PRIVATE_CA_PATH .*no certificate'
}

@test "registries: private CA and CA pair together: tls-ca is the root's" {
	private "PRIVATE_CA_PATH=$PAIR/second.pem" TLS_SOURCE=secret "CA_CERT_PATH=$CA" "CA_KEY_PATH=$PAIR/ca.key"
	run -0 jq -r '.items[] | select(.metadata.name == "tls-ca") | .data["cacerts.pem"] | @base64d' <(reg render virtual -c doc.json -o json)
	assert_output "$(<"$CA")"
}

# --- render and its sources ---

@test "registries: all hides Secrets; host and virtual are whole and are the steps' own" {
	private "CERTMANAGER_REPO=$http" RANCHER_REPO=oci://harbor.example.com/helm/rancher
	run -0 reg render -c doc.json
	refute_output --partial "$(printf testpass | base64)"
	assert_output --partial '***'
	diff <(reg render host -c doc.json -o json | jq -S .items) <("$bin/rk3k-render" registry -c doc.json -o json | jq -S .items)
	diff <(reg render virtual -c doc.json -o json | jq -S .items) <("$bin/rk3k-render" chart-auth -c doc.json -o json | jq -S .items)
}

@test "registries: docker: a helper is asked on standard input, for its own host" {
	mkdir -p "$HOME/.docker"
	echo '{"credHelpers":{"h:5000":"test","other.example.com":"broken"},"auths":{"h:5000":{},"third":{"auth":"YTpi"}}}' >"$HOME/.docker/config.json"
	program bin/docker-credential-test <<-'END'
		printf '%s|' "$@" >args
		cat >stdin
		printf '{"ServerURL":"h:5000","Username":"me","Secret":"s3cret"}'
	END
	program bin/docker-credential-broken <<<'exit 1'
	export PATH=$PWD/bin:$PATH
	run -0 jq -c .configs <(reg render file --registry h:5000 --credentials docker -o json)
	assert_output '{"h:5000":{"auth":{"password":"s3cret","username":"me"}}}'
	assert_equal "$(<args) $(<stdin)" 'get| h:5000'
	run -1 --separate-stderr reg render file --registry other.example.com --credentials docker -o json
	assert_regex "$stderr" 'other.example.com .*docker-credential-broken failed with exit code 1'
	run -0 jq -c .configs <(reg render file --registry fourth --credentials docker -o json)
	assert_output null
}

@test "registries: docker: credsStore, tokens, docker.io under its old name" {
	program bin/docker-credential-store <<-'END'
		read -r s
		[ "$s" = h ] || { echo "credentials not found in native keychain" && exit 1; }
		printf '{"Username":"<token>","Secret":"tok"}'
	END
	export PATH=$PWD/bin:$PATH
	echo '{"credsStore":"store","auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}' >config.json
	run -0 jq -c .configs <(reg render file --registry h --credentials config.json -o json)
	assert_output '{"h":{"auth":{"identity_token":"tok"}}}'
	run -0 jq -c .auths <(reg render docker --credentials config.json --set RANCHER_REPO=oci://docker.io/me/rancher)
	assert_output '{"docker.io":{"auth":"dTpw","password":"p","username":"u"}}'
	echo '{"credsStore":"../evil"}' >config.json
	run -1 --separate-stderr reg render file --registry h --credentials config.json
	assert_regex "$stderr" 'not a valid name of a credential helper'
}

@test "registries: docker: a helper that is missing or fails is an error that names it" {
	export PATH=$PWD/bin:$PATH
	echo '{"credsStore":"gone"}' >config.json
	for part in file docker; do
		run -1 --separate-stderr reg render $part --registry h:5000 --credentials config.json
		assert_equal "$output" ''
		assert_regex "$stderr" 'credentials for h:5000 \(.*config.json\): docker-credential-gone cannot be run.*; install docker-credential-gone, or remove "gone" from '
	done
	echo '{"credSstore":"test"}' >config.json # as Docker Desktop wrote it
	while IFS='|' read -r script want; do
		printf 'echo x >>calls\ncat >/dev/null\n%s\n' "$script" | program bin/docker-credential-test
		: >calls
		run -1 --separate-stderr reg render docker --registry h --set K3K_REPO=oci://h/k3k --credentials config.json
		assert_regex "$stderr" "docker-credential-test.*$want"
		refute_regex "$stderr" topsecret
		assert_equal "$(<calls)" x
	done <<-'END'
		echo "error getting credentials: dbus is gone"; exit 1|exit code 1: error getting credentials: dbus is gone; to see its message, run
		echo "not logged in" >&2; exit 2|exit code 2;
		echo "{\"Secret\":\"topsecret\"}"; exit 1|exit code 1;
		echo "credentials not found in native keychain: locked"; exit 1|exit code 1
		echo "<html>topsecret"|did not answer with a JSON object
		echo "[\"topsecret\"]"|did not answer with a JSON object
		echo "{}"|without Username and Secret
		echo "{\"Username\":\"u\"}"|without Username and Secret
		echo "{\"Username\":1,\"Secret\":\"topsecret\"}"|without Username and Secret
		:|did not answer with a JSON object
		head -c 100000 /dev/zero|printed more than
		kill -9 $$|died of signal 9
	END
}

@test "registries: docker: only the answer of the protocol means that there is no login" {
	export PATH=$PWD/bin:$PATH
	echo '{"CredsStore":"test"}' >config.json
	for answer in 'echo "credentials not found in native keychain"; exit 1' 'echo "{\"ServerURL\":\"h\",\"username\":\"\",\"secret\":\"\"}"'; do
		printf 'echo x >>calls\ncat >/dev/null\n%s\n' "$answer" | program bin/docker-credential-test
		: >calls
		run -0 jq -c .auths <(reg render docker --registry h --set K3K_REPO=oci://h/k3k --credentials config.json)
		assert_output '{}'
		assert_equal "$(<calls)" x # once for a host
	done
}

@test "registries: docker: tokens, and the file itself" {
	echo '{"AUTHS":{"h":{"IdentityToken":"tok"},"r":{"registrytoken":"topsecret"}}}' >config.json
	run -0 jq -c .configs <(reg render file --registry h --credentials config.json -o json)
	assert_output '{"h":{"auth":{"identity_token":"tok"}}}'
	run -1 --separate-stderr reg render file --registry r --credentials config.json
	assert_regex "$stderr" 'credentials for r .*registrytoken alone is not supported'
	refute_regex "$stderr" topsecret
	export DOCKER_CONFIG=$PWD/docker HELM_CONFIG_HOME=$PWD/helm
	mkdir -p docker/config.json helm/registry
	run -1 --separate-stderr reg render file --registry h --credentials docker
	assert_regex "$stderr" 'docker/config.json is a directory'
	rmdir docker/config.json
	echo '{"auths":{"h":{"auth":"dTpw"}}}' >helm/registry/config.json
	run -0 jq -c .configs.h.auth.username <(reg render file --registry h --credentials docker,helm -o json)
	assert_output '"u"'
	echo 'no JSON' >helm/registry/config.json
	run -1 --separate-stderr reg render file --registry h --credentials helm
	assert_regex "$stderr" 'helm/registry/config.json'
}

@test "registries: a password file with a byte order mark and CRLF" {
	printf '\357\273\277s3cret\r\n' >pw
	chmod 600 pw
	run -0 jq -r '.configs.h.auth.password' <(reg render file --registry h --user u --password-file pw -o json)
	assert_output s3cret
}

@test "registries: helm: its own files, login in the address, longest path first" {
	export HELM_CONFIG_HOME=$PWD/helm
	mkdir -p helm/registry
	cat >helm/repositories.yaml <<-END
		apiVersion: ""
		repositories:
		- {name: a, url: "https://u:p%3A1@one.example.com/charts"}
		- {name: b, url: "https://two.example.com/a", username: short, password: x}
		- {name: c, url: "https://two.example.com/a/b", username: long, password: x}
		- {name: d, url: "https://public.example.com"}
	END
	echo '{"auths":{"reg.example.com":{"auth":"cjpz"}}}' >helm/registry/config.json
	run -0 jq -c '[.repositories[] | [.username, .password]]' <(reg render helm --credentials helm \
		--set K3K_REPO=https://one.example.com/charts --set CERTMANAGER_REPO=https://two.example.com/a/b --set RANCHER_REPO=https://public.example.com)
	assert_output '[["u","p:1"],["long","x"],[null,null]]'
	run -0 jq -c .configs <(reg render file --registry reg.example.com --credentials helm -o json)
	assert_output '{"reg.example.com":{"auth":{"password":"s","username":"r"}}}'
}

@test "registries: CREDENTIALS in the configuration reaches the charts of a deployment" {
	echo '{"auths":{"one.example.com":{"auth":"YTpi"},"two.example.com":{"auth":"Yzpk"}}}' >config.json
	conf CREDENTIALS=config.json HELM_AUTH_NEEDED=yes CERTMANAGER_REPO=oci://one.example.com/cert-manager \
		RANCHER_REPO=oci://two.example.com/rancher
	run -0 chart rancher .spec.dockerRegistrySecret.name
	assert_output helm-oci-auth
	run -0 jq -r '.[0].data[".dockerconfigjson"] | @base64d | fromjson | .auths | map_values(.username) | tojson' <(step chart-auth)
	assert_output '{"one.example.com":"a","two.example.com":"c"}'
	conf CREDENTIALS=config.json CERTMANAGER_REPO=https://one.example.com RANCHER_REPO=https://two.example.com
	run -5 --separate-stderr "$bin/rk3k-render" chart-auth -c doc.json
	assert_regex "$stderr" 'different credentials'
}

@test "registries: a login for every host is for none" {
	printf 'configs: {"*": {auth: {username: u, password: p}}}\nmirrors: {}\n' >r.yaml
	run -0 jq -c 'has("configs")' <(reg render file --registry h --credentials r.yaml -o json)
	assert_output false
}

@test "registries: damaged sources are named, never shown" {
	while IFS='|' read -r text want; do
		printf '%s\n' "$text" >src.json
		run --separate-stderr reg render file --registry h --credentials src.json
		assert [ "$status" -ne 0 ]
		assert_regex "$stderr" "$want"
		refute_regex "$stderr" topsecret
		assert_equal "$output" ''
	done <<-'END'
		{"auths":{"h":{"auth":"topsecret!"}}}|auths.*not base64
		{"auths":{"h":{"auth":"dG9wc2VjcmV0"}}}|auths.*user:password
		{"auths":{"h":"topsecret"}}|expected a map
		{"auths":{"h":{"username":"u","password":["topsecret"]}}}|password
		{"auths":{"h":{"password":"topsecret"|src.json
		[1]|unknown format of credentials
		topsecret|unknown format of credentials
		{"repositories":[{"password":"topsecret","username":"u"}]}|url
	END
	run -2 --separate-stderr reg render file --registry h --credentials nowhere.json
	assert_regex "$stderr" 'nowhere.json'
	run -1 --separate-stderr reg render file --registry h --credentials docker
	assert_regex "$stderr" '\.docker/config.json'
}

@test "registries: no password from the command line or from a readable file" {
	run -2 --separate-stderr reg render --registry h --set HELM_REPO_PASS=x
	run -2 --separate-stderr reg render --registry h --password x
	printf x >pw
	chmod 644 pw
	run -5 --separate-stderr reg render --registry h --user u --password-file pw
	assert_regex "$stderr" 'chmod'
	run -2 --separate-stderr setsid "$bin/rk3k-registries" render --registry h --user u </dev/null
	assert_regex "$stderr" '--password-stdin'
	run -2 --separate-stderr reg render --registry h --password-stdin
}

@test "registries: on a terminal the password is asked for, and not shown" {
	run script -qec "'$bin/rk3k-registries' render file --registry h --user u -o json >out.json" /dev/null \
		< <(sleep 1 && printf 's3cret\n')
	assert_output --partial 'Password for the private hosts: '
	refute_output --partial s3cret
	run -0 jq -r '.configs.h.auth | .username + " " + .password' out.json
	assert_output 'u s3cret'
}

@test "registries: check reads its list of images and refuses what is none" {
	run -2 --separate-stderr reg render nothing --registry h
	assert_regex "$stderr" 'parts are'
	run -3 --separate-stderr reg check --registry h --images nowhere
	assert_regex "$stderr" 'nowhere'
	run -2 --separate-stderr reg check --registry h:port:x
}

@test "registries: check: a redirect to an unnamed host is not reported as a CA fault" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout tls.key -out tls.pem \
		-subj /CN=x -addext subjectAltName=IP:127.0.0.1 2>/dev/null
	coproc servers { exec python3 - 3>&- <<-'END'; }
		import http.server, ssl, threading
		tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		tls.load_cert_chain("tls.pem", "tls.key")
		target = ""
		class There(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(302 if target and self.server is first else 401)
		        self.send_header("Location", target)
		        self.send_header("Content-Length", "0")
		        self.end_headers()
		    def log_message(self, *args): pass
		def serve():
		    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), There)
		    s.socket = tls.wrap_socket(s.socket, server_side=True)
		    threading.Thread(target=s.serve_forever, daemon=True).start()
		    return s
		first, second = serve(), serve()
		target = f"https://127.0.0.1:{second.server_port}/index.yaml"
		print(first.server_port, second.server_port, flush=True)
		threading.Event().wait()
	END
	read -r first second <&"${servers[0]}"
	check() {
		reg check -o json --ca tls.pem --user u --password-file pw --set "K3K_REPO=https://127.0.0.1:$first" \
			--set "CERTMANAGER_REPO=https://127.0.0.1:$first" --set "RANCHER_REPO=https://127.0.0.1:$first" \
			--set "HELM_REPO_HOSTS=$1"
	}
	printf p >pw && chmod 600 pw
	run -1 --separate-stderr check "127.0.0.1:$first"
	run -0 jq -r '.[0] | .detail + "; " + .remedy' <<<"$output"
	assert_output --regexp "^https://127.0.0.1:$first redirects to 127.0.0.1:$second: .*; PRIVATE_CA_PATH is not used for 127.0.0.1:$second: add that host to HELM_REPO_HOSTS"
	run -1 --separate-stderr check "127.0.0.1:$first,127.0.0.1:$second"
	run -0 jq -r '.[0] | .detail + "; " + .remedy' <<<"$output"
	assert_output --regexp "redirects to 127.0.0.1:$second: .*credentials required; the login of 127.0.0.1:$first is not sent to 127.0.0.1:$second"
	kill "$servers_PID"
}
