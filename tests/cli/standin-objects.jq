# SPDX-License-Identifier: Apache-2.0
# What the stand-in API serves: a virtual cluster rancher-k3k/rancher whose inside is the same server,
# in a state in which most of what a tool can say of it has a reason. Arguments: crt, key (base64 of
# PEM), ca and cakey (PEM).
def meta($n; $ns): {name: $n, namespace: $ns, uid: "u-\($n)", resourceVersion: "7",
	creationTimestamp: "2026-01-01T00:00:00Z", labels: {"app.kubernetes.io/managed-by": "rk3k"}};
def applied: .metadata += {generation: 2, managedFields: [{manager: "helm", operation: "Update", apiVersion: "v1",
	fieldsType: "FieldsV1", fieldsV1: {"f:spec": {"f:replicas": {}}}}]};
def obj($av; $k; $n; $ns): {apiVersion: $av, kind: $k, metadata: meta($n; $ns)};
def list($k; $items): {apiVersion: "v1", kind: $k, metadata: {resourceVersion: "1", continue: ""}, items: $items};
def resources($av; $all): {kind: "APIResourceList", apiVersion: "v1", groupVersion: $av, resources: [$all[] |
	{name: .[0], singularName: .[1], kind: .[2], namespaced: .[3], verbs: ["get", "list", "watch"], shortNames: [.[4]]}]};
def group($n; $v): {kind: "APIGroup", apiVersion: "v1", name: $n, versions: [{groupVersion: "\($n)/\($v)", version: $v}],
	preferredVersion: {groupVersion: "\($n)/\($v)", version: $v}};
def chart: {"helmcharts.helm.cattle.io/chart": "rancher"};
def secret($n; $ns): obj("v1"; "Secret"; $n; $ns) + {type: "kubernetes.io/tls", data: {"tls.crt": $crt, "tls.key": $key}};
def conditions: [{type: "Ready", status: "False", reason: "NotYet", message: "not yet", lastTransitionTime: "2026-01-01T00:00:00Z"}];
def cluster: obj("k3k.io/v1beta1"; "Cluster"; "rancher"; "rancher-k3k") + {
	spec: {mode: "virtual", servers: 1, version: "v1.34.7-k3s1", clusterCIDR: "10.42.0.0/16", serviceCIDR: "10.43.0.0/16",
		persistence: {type: "dynamic", storageClassName: "local", storageRequestSize: "1Gi"},
		serverArgs: ["--disable-network-policy"], expose: {nodePort: {}}},
	status: {phase: "Failed", hostVersion: "v1.34.1", conditions: conditions}};
def pod($n; $ns): {metadata: (meta($n; $ns) | .labels += chart + {cluster: "rancher"}), spec: {nodeName: "up"},
	status: {phase: "Pending", conditions: [{type: "PodScheduled", status: "False", reason: "Unschedulable", message: "no room"}],
		initContainerStatuses: [{name: "i", restartCount: 0, state: {terminated: {exitCode: 1, reason: "Error"}}}],
		containerStatuses: [{name: "c", ready: false, restartCount: 2, image: "x",
			state: {waiting: {reason: "CrashLoopBackOff", message: "back-off"}},
			lastState: {terminated: {exitCode: 1, reason: "Error", message: "oh"}}}]}};
def deployment($n; $ns): obj("apps/v1"; "Deployment"; $n; $ns) * {metadata: {generation: 2}} + {
	spec: {replicas: 2, selector: {matchLabels: {app: $n}}, template: {spec: {containers: [{image: "rancher/rancher:v2.14.1"}]}}},
	status: {observedGeneration: 1, replicas: 2, updatedReplicas: 1, availableReplicas: 1, readyReplicas: 1,
		conditions: [{type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "too slow"}]}};
def claim: obj("v1"; "PersistentVolumeClaim"; "varlibrancherk3s-k3k-rancher-server-0"; "rancher-k3k") +
	{spec: {storageClassName: "gone"}, status: {phase: "Pending"}};
def job: obj("batch/v1"; "Job"; "helm-install-rancher"; "kube-system") * {metadata: {labels: chart},
	spec: {backoffLimit: 1000, template: {spec: {containers: [{args: ["install", "a=b"], env: [{name: "VERSION", value: "2.14.1"}]}]}}},
	status: {succeeded: 0, failed: 1, active: 1, conditions: [{type: "Failed", status: "False", reason: "r", message: "m"}]}};
def helmchart($n): obj("helm.cattle.io/v1"; "HelmChart"; $n; "kube-system") + {
	spec: {version: "2.14.1", chart: $n, set: {a: "b"}}, status: {jobName: "helm-install-rancher"}};
def event: {metadata: {name: "e", namespace: "rancher-k3k", resourceVersion: "7"}, type: "Warning", reason: "FailedCreate", message: "no quota", count: 3,
	lastTimestamp: (now | todate), eventTime: null, involvedObject: {kind: "StatefulSet", name: "k3k-rancher-server"}};
def issuer($k; $n): obj("cert-manager.io/v1"; $k; $n; "cattle-system") + {spec: {secretName: $n}, status: {conditions: conditions}};
def request($n; $time): obj("cert-manager.io/v1"; "CertificateRequest"; $n; "cattle-system") * {metadata: {creationTimestamp: $time,
	ownerReferences: [{kind: "Certificate", name: "tls-rancher-ingress"}]}, status: {conditions: [conditions[] | .reason = "Failed"]}};
def challenge: obj("acme.cert-manager.io/v1"; "Challenge"; "c"; "cattle-system") +
	{spec: {dnsName: "rancher.example.com"}, status: {reason: "no answer"}};
def ingress($n; $ns): obj("networking.k8s.io/v1"; "Ingress"; $n; $ns) + {spec: {ingressClassName: "nginx",
	tls: [{hosts: ["rancher.example.com"], secretName: "tls-rancher-ingress"}],
	rules: [{host: "rancher.example.com", http: {paths: [{path: "/", pathType: "Prefix",
		backend: {service: {name: "rancher-k3k-traefik", port: {number: 443}}}}]}}]},
	status: {loadBalancer: {ingress: [{ip: "127.0.0.1"}]}}};
def service($n): obj("v1"; "Service"; $n; "rancher-k3k") + {spec: {clusterIP: "None", selector: {cluster: "rancher"},
	ports: [{name: "k3s-server-port", port: 443, nodePort: "PORT"}]}, status: {loadBalancer: {ingress: [{hostname: "localhost"}]}}};
def node($n; $ready; $addresses): {metadata: {name: $n, labels: {}}, spec: {podCIDR: "10.42.9.0/24", podCIDRs: ["10.42.9.0/24"]},
	status: {conditions: [{type: "Ready", status: $ready}], addresses: [$addresses[] | {type: "InternalIP", address: .}],
		nodeInfo: {kubeletVersion: "v1.34.1"}}};
# Kind, apiVersion and namespace as a server gives them at that path.
def kinds: {pods: "Pod", events: "Event", nodes: "Node", services: "Service", secrets: "Secret", namespaces: "Namespace",
	persistentvolumeclaims: "PersistentVolumeClaim", clusters: "Cluster", statefulsets: "StatefulSet", deployments: "Deployment",
	jobs: "Job", ingresses: "Ingress", ingressclasses: "IngressClass", storageclasses: "StorageClass", issuers: "Issuer",
	certificates: "Certificate", certificaterequests: "CertificateRequest", challenges: "Challenge", things: "Thing",
	helmcharts: "HelmChart", endpointslices: "EndpointSlice", helmchartconfigs: "HelmChartConfig", customresourcedefinitions: "CustomResourceDefinition",
	selfsubjectaccessreviews: "SelfSubjectAccessReview", selfsubjectrulesreviews: "SelfSubjectRulesReview"};
def served($at): ($at | ltrimstr("POST ") | split("/")[1:] | if .[0] == "api" then [.[1], .[2:]] else ["\(.[1])/\(.[2])", .[3:]] end) as [$av, $rest] |
	($rest | if .[0] == "namespaces" and length > 2 then [.[1], .[2:]] else [null, .] end) as [$ns, [$plural, $name]] |
	if $plural == null then . elif $name == null and has("items") then
		{apiVersion: $av, kind: "\(kinds[$plural])List"} + (. | del(.apiVersion, .kind)) |
		.items |= map(if $ns then .metadata.namespace = $ns else . end)
	else {apiVersion: $av, kind: kinds[$plural]} + . end;
def named($all): [$all[] | {key: "\(.[0])\(.[1].metadata.name)", value: .[1]}, {key: .[0][:-1], value: list("List"; [.[1]])}] | from_entries;

"/api/v1/namespaces/rancher-k3k" as $core | "/api/v1/namespaces/cattle-system" as $cattle |
"/api/v1/namespaces/kube-system" as $system | "/apis/apps/v1/namespaces" as $apps |
named([
	["/apis/k3k.io/v1beta1/namespaces/rancher-k3k/clusters/", cluster],
	["\($apps)/rancher-k3k/statefulsets/", obj("apps/v1"; "StatefulSet"; "k3k-rancher-server"; "rancher-k3k") +
		{spec: {replicas: 1}, status: {replicas: 1, readyReplicas: 1, updatedReplicas: 0, observedGeneration: 1}}],
	["\($apps)/k3k-system/deployments/", deployment("k3k"; "k3k-system") * {metadata: {labels: {"app.kubernetes.io/version": "1.0.1"}}}],
	["\($apps)/cattle-system/deployments/", deployment("rancher"; "cattle-system")],
	["\($apps)/cert-manager/deployments/", deployment("cert-manager"; "cert-manager")],
	["\($core)/persistentvolumeclaims/", claim],
	["\($core)/pods/", pod("k3k-rancher-server-0"; "rancher-k3k")],
	["\($system)/pods/", pod("helm-install-rancher-x"; "kube-system")],
	["/apis/batch/v1/namespaces/kube-system/jobs/", job],
	["/apis/networking.k8s.io/v1/namespaces/rancher-k3k/ingresses/", ingress("rancher-k3k-ingress"; "rancher-k3k")],
	["/apis/networking.k8s.io/v1/namespaces/cattle-system/ingresses/", ingress("rancher"; "cattle-system")],
	["/apis/cert-manager.io/v1/namespaces/cattle-system/issuers/", issuer("Issuer"; "ca-issuer")],
	["/apis/cert-manager.io/v1/namespaces/cattle-system/certificates/", issuer("Certificate"; "tls-rancher-ingress")],
	["\($core)/secrets/", secret("tls-rancher-ingress"; "rancher-k3k")],
	["\($cattle)/secrets/", secret("tls-rancher-ingress"; "cattle-system")],
	["/apis/example.com/v1/namespaces/default/things/", (obj("example.com/v1"; "Thing"; "one"; "default") + {status: {conditions: conditions}} | applied)],
	["/apis/helm.cattle.io/v1/namespaces/kube-system/helmchartconfigs/",
		obj("helm.cattle.io/v1"; "HelmChartConfig"; "rke2-ingress-nginx"; "kube-system") +
			{spec: {valuesContent: "controller:\n  extraArgs: {a: b}\n"}}]
]) + {
	status: {kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", message: "not found", code: 404,
		metadata: {}, details: {name: "x", kind: "y", causes: [{reason: "FieldValueInvalid", message: "m", field: "f"}], retryAfterSeconds: 0}},
	kubeconfig: {apiVersion: "v1", kind: "Config", "current-context": "default",
		contexts: [{name: "default", context: {cluster: "default", user: "default"}}],
		clusters: [{name: "default", cluster: {server: "https://k3k-rancher-service", "certificate-authority-data": $crt}}],
		users: [{name: "default", user: {token: "TOKEN", "client-certificate-data": $crt, "client-key-data": $key}}]},
	"/version": {major: "1", minor: "34", gitVersion: "v1.34.1"},
	"/api": {kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", items: []},
	"/apis": {kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", items: [{metadata: {name: "example.com"},
		versions: [{version: "v1", resources: [{resource: "things", responseKind: {group: "", version: "", kind: "Thing"},
			scope: "Namespaced", singularResource: "thing", shortNames: ["th"], verbs: ["get"]}]}]}]},
	"/apis/k3k.io": group("k3k.io"; "v1beta1"),
	"/apis/example.com": group("example.com"; "v1"),
	"/apis/example.com/v1": resources("example.com/v1"; [["things", "thing", "Thing", true, "th"]]),
	"/apis/k3k.io/v1beta1/clusters": list("ClusterList"; [cluster]),
	"\($apps[:-11])/statefulsets": list("StatefulSetList"; [obj("apps/v1"; "StatefulSet"; "k3k-rancher-server"; "rancher-k3k") +
		{status: {readyReplicas: 0}}]),
	"/apis/discovery.k8s.io/v1/namespaces/rancher-k3k/endpointslices": list("EndpointSliceList";
		[{metadata: {name: "rancher-k3k-traefik-x"}, endpoints: [{addresses: ["10.1.1.1"], conditions: {ready: true}}]}]),
	"\($core)/services/rancher-k3k-traefik": service("rancher-k3k-traefik"),
	"\($core)/services/k3k-rancher-service": service("k3k-rancher-service"),
	"\($core)/secrets/k3k-rancher-kubeconfig": (obj("v1"; "Secret"; "k3k-rancher-kubeconfig"; "rancher-k3k") + {data: {"kubeconfig.yaml": "KUBECONFIG"}}),
	"\($core)/secrets/k3k-rancher-bootstrap": (obj("v1"; "Secret"; "k3k-rancher-bootstrap"; "rancher-k3k") + {data: {bootstrap: "BOOTSTRAP"}}),
	bootstrap: ({serverCA: $ca, clientCA: $ca, clientCAKey: $cakey} | map_values({Timestamp: "2026-01-01T00:00:00Z", Content: .})),
	"/api/v1/namespaces/rancher-k3k": obj("v1"; "Namespace"; "rancher-k3k"; null),
	"/api/v1/namespaces/kube-system/secrets": list("SecretList"; []),
	"/api/v1/namespaces": list("NamespaceList"; [obj("v1"; "Namespace"; "rancher-k3k"; null)]),
	"/api/v1/nodes": list("NodeList"; [node("down"; "False"; ["127.0.0.9"]), node("up"; "True"; ["fd00::1", "127.0.0.1"])]),
	"/api/v1/services": list("ServiceList"; [service("x")]),
	"/apis/networking.k8s.io/v1/ingresses": list("IngressList"; [ingress("other"; "elsewhere")]),
	"/apis/networking.k8s.io/v1/ingressclasses": list("IngressClassList";
		[{metadata: {name: "nginx", annotations: {"ingressclass.kubernetes.io/is-default-class": "true"}}, spec: {controller: "k8s.io/ingress-nginx"}}]),
	"/apis/networking.k8s.io/v1/ingressclasses/nginx": {metadata: {name: "nginx"}, spec: {controller: "k8s.io/ingress-nginx"}},
	"/apis/storage.k8s.io/v1/storageclasses": list("StorageClassList";
		[{metadata: {name: "local", resourceVersion: "7", annotations: {"storageclass.kubernetes.io/is-default-class": "true"}}, provisioner: "p", volumeBindingMode: "Immediate"}]),
	"/apis/storage.k8s.io/v1/storageclasses/local": {metadata: {name: "local"}, provisioner: "p", volumeBindingMode: "Immediate"},
	"/apis/cert-manager.io/v1/namespaces/cattle-system/certificaterequests": list("List"; [request("a"; "2026-01-01T00:00:00Z"), request("b"; "2026-01-02T00:00:00Z")]),
	"/apis/acme.cert-manager.io/v1/namespaces/cattle-system/challenges": list("List"; [challenge]),
	"/v2/": {},
	"/token": {token: "TOKEN", access_token: "TOKEN", expires_in: 60},
	"/charts/index.yaml": {apiVersion: "v1", entries: ({k3k: "1.0.2", "cert-manager": "v1.18.5", rancher: "2.14.1"} |
		map_values([{version: ., urls: ["x.tgz"]}]))},
	"\($core)/events": list("EventList"; [event]),
	"\($cattle)/events": list("EventList"; []),
	"\($system)/events": list("EventList"; []),
	"/api/v1/namespaces/cert-manager/events": list("EventList"; []),
	"/api/v1/namespaces/k3k-system/events": list("EventList"; [event]),
	"/api/v1/namespaces/k3k-system/pods": list("PodList"; [pod("k3k-0"; "k3k-system")]),
	"\($cattle)/pods": list("PodList"; [pod("rancher-0"; "cattle-system")]),
	"/api/v1/namespaces/cert-manager/pods": list("PodList"; [pod("cert-manager-0"; "cert-manager")]),
	"/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts": list("HelmChartList"; [helmchart("rancher"), helmchart("cert-manager")]),
	"/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/rancher": (helmchart("rancher") | applied),
	"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {status: {allowed: true, reason: "r"}},
	"POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews": {status: {incomplete: false,
		resourceRules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}], nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]}},
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusters.k3k.io":
		{metadata: {name: "clusters.k3k.io"}, spec: {versions: [{name: "v1beta1"}]},
		status: {conditions: [{type: "Established", status: "True"}]}}
} | with_entries(if .key | test("^(POST )?/apis?/") then .key as $at | .value |= served($at) else . end)
