// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sort"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	clusterFinalizer = "cluster.k3k.io/finalizer"
	podFinalizer     = "etcdpod.k3k.io/finalizer"
	policyLabel      = "policy.k3k.io/policy-name"
)

var clustersResource = schema.GroupVersionResource{Group: "k3k.io", Version: "v1beta1", Resource: "clusters"}

// A cluster is the part of clusters.k3k.io that the stand-in reads.
type cluster struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Version        string         `json:"version"`
		Mode           string         `json:"mode"`
		Servers        int64          `json:"servers"`
		Agents         int64          `json:"agents"`
		ClusterCIDR    string         `json:"clusterCIDR"`
		ServiceCIDR    string         `json:"serviceCIDR"`
		ClusterDNS     string         `json:"clusterDNS"`
		Persistence    *persistence   `json:"persistence"`
		Expose         expose         `json:"expose"`
		NodeSelector   map[string]any `json:"nodeSelector"`
		PriorityClass  string         `json:"priorityClass"`
		TokenSecretRef *secretRef     `json:"tokenSecretRef"`
		TLSSANs        []string       `json:"tlsSANs"`
		ServerArgs     []string       `json:"serverArgs"`
		AgentArgs      []string       `json:"agentArgs"`
		ServerEnvs     []any          `json:"serverEnvs"`
		AgentEnvs      []any          `json:"agentEnvs"`
		SecretMounts   []secretMount  `json:"secretMounts"`
	} `json:"spec"`

	Status status `json:"status"`
}

type persistence struct {
	Type               string  `json:"type"`
	StorageClassName   *string `json:"storageClassName"`
	StorageRequestSize any     `json:"storageRequestSize"`
}

type secretRef struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type ports struct {
	ServerPort *int64 `json:"serverPort"`
	EtcdPort   *int64 `json:"etcdPort"`
}

type expose struct {
	Ingress *struct {
		Annotations      map[string]any `json:"annotations"`
		IngressClassName *string        `json:"ingressClassName"`
	} `json:"ingress"`
	LoadBalancer *ports `json:"loadBalancer"`
	NodePort     *ports `json:"nodePort"`
}

type secretMount struct {
	SecretName string `json:"secretName"`
	MountPath  string `json:"mountPath"`
	SubPath    string `json:"subPath"`
	Role       string `json:"role"`
	Optional   bool   `json:"optional"`
	Items      []any  `json:"items"`
}

type status struct {
	Phase       string             `json:"phase,omitempty"`
	HostVersion string             `json:"hostVersion,omitempty"`
	ClusterCIDR string             `json:"clusterCIDR,omitempty"`
	ServiceCIDR string             `json:"serviceCIDR,omitempty"`
	PolicyName  string             `json:"policyName,omitempty"`
	TLSSANs     []string           `json:"tlsSANs,omitempty"`
	Conditions  []metav1.Condition `json:"conditions,omitempty"`
}

// name is the name of an object of this cluster.
func (c *cluster) name(suffix ...string) string { return objectName(c.Name, suffix...) }

func (c *cluster) dynamicStorage() bool {
	return c.Spec.Persistence == nil || c.Spec.Persistence.Type == "dynamic" || c.Spec.Persistence.Type == ""
}

// defaultCIDRs fills what the user left out; the shared mode differs.
func (c *cluster) defaultCIDRs() {
	c.Status.ClusterCIDR, c.Status.ServiceCIDR = "10.52.0.0/16", "10.53.0.0/16"
	if c.Spec.Mode == "shared" {
		c.Status.ClusterCIDR, c.Status.ServiceCIDR = "10.42.0.0/16", "10.43.0.0/16"
	}
	if c.Spec.ClusterCIDR != "" {
		c.Status.ClusterCIDR = c.Spec.ClusterCIDR
	}
	if c.Spec.ServiceCIDR != "" {
		c.Status.ServiceCIDR = c.Spec.ServiceCIDR
	}
}

// sans are the names of the API server's certificate: sorted, each once.
func (c *cluster) sans(clusterIP string) []string {
	service := c.name("service")
	seen := map[string]bool{clusterIP: true, service: true, service + "." + c.Namespace: true}
	for _, s := range c.Spec.TLSSANs {
		seen[s] = true
	}
	var out []string
	for s := range seen {
		if s != "" {
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return out
}

// serverURL is what the kubeconfig Secret says: the ClusterIP, never a node port; the balancer's
// address if the certificate has it, else the first name asked for; the first host of an Ingress.
func (c *cluster) serverURL(svc *corev1.Service) string {
	host := svc.Spec.ClusterIP
	if c.Spec.Expose.LoadBalancer != nil {
		host = ""
		if in := svc.Status.LoadBalancer.Ingress; len(in) > 0 {
			host = in[0].IP
		}
	}
	known := false
	for _, s := range c.Status.TLSSANs {
		known = known || s == host
	}
	if !known && len(c.Spec.TLSSANs) > 0 {
		host = c.Spec.TLSSANs[0]
	} else if !known {
		host = svc.Spec.ClusterIP
	}
	if c.Spec.Expose.Ingress != nil && len(c.Spec.TLSSANs) > 0 {
		host = c.Spec.TLSSANs[0]
	}
	return "https://" + host
}
