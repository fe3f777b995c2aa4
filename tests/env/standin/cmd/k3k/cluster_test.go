// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, spec string) *cluster {
	t.Helper()
	c := &cluster{}
	if err := yaml.Unmarshal([]byte("metadata: {name: r, namespace: n}\nspec: "+spec), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// What the kubeconfig Secret says by kind of exposure, as observed on k3k 1.1.0.
func TestServerURL(t *testing.T) {
	for _, c := range []struct{ spec, balancer, want string }{
		{`{}`, "", "https://10.96.0.9"},
		{`{expose: {nodePort: {}}, tlsSANs: [a.test]}`, "", "https://10.96.0.9"},
		{`{expose: {ingress: {}}, tlsSANs: [a.test, b.test]}`, "", "https://a.test"},
		{`{expose: {loadBalancer: {}}, tlsSANs: [192.0.2.1]}`, "192.0.2.1", "https://192.0.2.1"},
		{`{expose: {loadBalancer: {}}, tlsSANs: [a.test]}`, "192.0.2.1", "https://a.test"},
		{`{expose: {loadBalancer: {}}}`, "192.0.2.1", "https://10.96.0.9"},
	} {
		cl := parse(t, c.spec)
		svc := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.9"}}
		if c.balancer != "" {
			svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: c.balancer}}
		}
		cl.Status.TLSSANs = cl.sans(svc.Spec.ClusterIP)
		if got := cl.serverURL(svc); got != c.want {
			t.Errorf("%s: %s, want %s", c.spec, got, c.want)
		}
	}
}

func TestExposedPorts(t *testing.T) {
	for _, c := range []struct {
		spec, kind string
		ports      []string
	}{
		{`{}`, "ClusterIP", []string{"443", "2379"}},
		{`{expose: {ingress: {}}}`, "ClusterIP", []string{"443", "2379"}},
		{`{expose: {loadBalancer: {serverPort: 6443, etcdPort: 0}}}`, "LoadBalancer", []string{"6443"}},
		{`{expose: {nodePort: {serverPort: 30001, etcdPort: 0}}}`, "NodePort", []string{"443:30001"}},
		{`{expose: {nodePort: {serverPort: 443}}}`, "NodePort", []string{"2379"}},
	} {
		kind, ports := parse(t, c.spec).exposedPorts()
		var got []string
		for _, p := range ports {
			s := fmt.Sprint(p.(m)["port"])
			if n := p.(m)["nodePort"]; n != nil {
				s += fmt.Sprintf(":%v", n)
			}
			got = append(got, s)
		}
		if kind != c.kind || !slices.Equal(got, c.ports) {
			t.Errorf("%s: %s %v, want %s %v", c.spec, kind, got, c.kind, c.ports)
		}
	}
}

func TestMounts(t *testing.T) {
	cl := parse(t, `{secretMounts: [
		{secretName: a, mountPath: /a, subPath: x, role: all},
		{secretName: b, mountPath: /b, role: agent},
		{secretName: c, role: server},
		{secretName: d, mountPath: /d}]}`)
	_, mounts := cl.mounts("server")
	var got []string
	for _, x := range mounts {
		got = append(got, fmt.Sprintf("%v:%v:%v", x.(m)["name"], x.(m)["mountPath"], x.(m)["subPath"]))
	}
	if want := []string{"a:/a:x", "d:/d:<nil>"}; !slices.Equal(got, want) {
		t.Errorf("mounts %v, want %v", got, want)
	}
}

// Another minor version writes another template: that is what restarts the servers at an upgrade.
func TestTemplateOfVersions(t *testing.T) {
	cl := parse(t, `{mode: virtual, serverArgs: [--a, --b], persistence: {type: ephemeral}}`)
	seen := map[string]string{}
	for _, v := range []string{"v1.0.2", "v1.1.0", "v1.2.0-rc4"} {
		parsed, err := parseVersion(v)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(cl.statefulSet("i", nil, parsed))
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[string(text)]; other != "" {
			t.Errorf("%s and %s write the same template", v, other)
		}
		seen[string(text)] = v
	}
}
