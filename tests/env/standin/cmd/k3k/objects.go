// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

type m = map[string]any
type l = []any

// The image that the server pods run; procnode knows it by its repository.
func (c *cluster) image(repository string) string {
	tag := c.Spec.Version
	if tag == "" {
		tag = c.Status.HostVersion + "-k3s1"
	}
	return repository + ":" + tag
}

func (c *cluster) serverLabels() m { return m{"cluster": c.Name, "role": "server"} }

// exposedPorts are the two ports of the Service; a port may be left out by its number.
func (c *cluster) exposedPorts() (kind string, out l) {
	server := m{"name": "k3s-server-port", "protocol": "TCP", "port": int64(443), "targetPort": int64(6443)}
	etcd := m{"name": "k3s-etcd-port", "protocol": "TCP", "port": int64(2379), "targetPort": int64(2379)}
	add := func(p m, want *int64, key string, low, high int64) {
		switch {
		case want == nil:
			out = append(out, p)
		case *want >= low && *want <= high:
			p[key] = *want
			out = append(out, p)
		}
	}
	switch e := c.Spec.Expose; {
	case e.LoadBalancer != nil:
		add(server, e.LoadBalancer.ServerPort, "port", 1, 65535)
		add(etcd, e.LoadBalancer.EtcdPort, "port", 1, 65535)
		return "LoadBalancer", out
	case e.NodePort != nil:
		add(server, e.NodePort.ServerPort, "nodePort", 30000, 32767)
		add(etcd, e.NodePort.EtcdPort, "nodePort", 30000, 32767)
		return "NodePort", out
	default:
		return "ClusterIP", l{server, etcd}
	}
}

func (c *cluster) service() m {
	kind, ports := c.exposedPorts()
	return m{"spec": m{"type": kind, "selector": c.serverLabels(), "ports": ports}}
}

func (c *cluster) headlessService() m {
	return m{"spec": m{"clusterIP": "None", "selector": c.serverLabels(), "ports": l{
		m{"name": "k3s-server-port", "protocol": "TCP", "port": int64(443), "targetPort": int64(6443)},
		m{"name": "k3s-etcd-port", "protocol": "TCP", "port": int64(2379), "targetPort": int64(2379)},
	}}}
}

func (c *cluster) ingress() m {
	var rules l
	for _, host := range c.Spec.TLSSANs {
		rules = append(rules, m{"host": host, "http": m{"paths": l{m{
			"path": "/", "pathType": "Prefix",
			"backend": m{"service": m{"name": c.name("service"), "port": m{"number": int64(443)}}},
		}}}})
	}
	in := c.Spec.Expose.Ingress
	spec := m{"rules": rules}
	if in.IngressClassName != nil {
		spec["ingressClassName"] = *in.IngressClassName
	}
	return m{"metadata": m{"annotations": in.Annotations}, "spec": spec}
}

// config is the config.yaml of k3s; server is empty in the one that starts a cluster.
func (c *cluster) config(token, server string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster-cidr: %s\n", c.Status.ClusterCIDR)
	if c.Spec.ClusterDNS != "" {
		fmt.Fprintf(&b, "cluster-dns: %s\n", c.Spec.ClusterDNS)
	}
	b.WriteString("cluster-init: true\n")
	if server != "" {
		fmt.Fprintf(&b, "server: %s\n", server)
	}
	fmt.Fprintf(&b, "service-cidr: %s\ntls-san:\n", c.Status.ServiceCIDR)
	for _, san := range c.Status.TLSSANs {
		fmt.Fprintf(&b, "- %s\n", san)
	}
	fmt.Fprintf(&b, "token: %s\n", token)
	return b.String()
}

func secretVolume(name string, secret m) m { return m{"name": name, "secret": secret} }

func mount(name, path string) m { return m{"name": name, "mountPath": path} }

// mounts are the user's secretMounts for one role: each a volume named after its Secret.
func (c *cluster) mounts(role string) (volumes, mounts l) {
	for _, s := range c.Spec.SecretMounts {
		if s.SecretName == "" || s.MountPath == "" || (s.Role != "" && s.Role != "all" && s.Role != role) {
			continue
		}
		source := m{"name": s.SecretName, "optional": s.Optional}
		if s.Items != nil {
			source["items"] = s.Items
		}
		volumes = append(volumes, m{"name": s.SecretName, "projected": m{"sources": l{m{"secret": source}}}})
		one := mount(s.SecretName, s.MountPath)
		if s.SubPath != "" {
			one["subPath"] = s.SubPath
		}
		mounts = append(mounts, one)
	}
	return volumes, mounts
}

func fieldEnv(name, path string) m {
	return m{"name": name, "valueFrom": m{"fieldRef": m{"fieldPath": path}}}
}

func (c *cluster) podSpec(container m, volumes l, pullSecrets []string) m {
	spec := m{"containers": l{container}, "volumes": volumes}
	if c.Spec.NodeSelector != nil {
		spec["nodeSelector"] = c.Spec.NodeSelector
	}
	if len(pullSecrets) > 0 {
		var refs l
		for _, s := range pullSecrets {
			refs = append(refs, m{"name": s})
		}
		spec["imagePullSecrets"] = refs
	}
	return spec
}

// statefulSet holds the servers. The real one runs a shell script that starts k3s; ours runs the
// stand-in with the same arguments, and is ready as soon as 6443 answers instead of after 60 s.
func (c *cluster) statefulSet(image string, pullSecrets []string, v version) m {
	volumes, mounts := c.mounts("server")
	volumes = append(volumes,
		secretVolume(v.initVolume(), m{"secretName": c.name("init-server-config")}),
		secretVolume("config", m{"secretName": c.name("server-config")}))
	mounts = append(mounts, mount("varlibrancherk3s", "/var/lib/rancher/k3s"),
		mount(v.initVolume(), "/opt/rancher/k3s/init"), mount("config", "/opt/rancher/k3s/server"))
	container := m{
		"name": c.name("server"), "image": image, "args": v.serverArgs(c.Spec.ServerArgs), "volumeMounts": mounts,
		"env":             append(l{fieldEnv("POD_NAME", "metadata.name"), fieldEnv("POD_IP", "status.podIP")}, c.Spec.ServerEnvs...),
		"securityContext": m{"privileged": c.Spec.Mode == "virtual"},
		"readinessProbe":  m{"tcpSocket": m{"port": int64(6443)}, "periodSeconds": int64(1), "failureThreshold": int64(5)},
	}
	spec := m{
		"replicas": c.Spec.Servers, "serviceName": c.name("service", "headless"),
		"selector": m{"matchLabels": c.serverLabels()},
	}
	if c.dynamicStorage() {
		spec["volumeClaimTemplates"] = l{c.claimTemplate()}
	} else {
		volumes = append(volumes, m{"name": "varlibrancherk3s", "emptyDir": m{}})
	}
	pod := c.podSpec(container, volumes, pullSecrets)
	if c.Spec.PriorityClass != "" {
		pod["priorityClassName"] = c.Spec.PriorityClass
	}
	spec["template"] = m{"metadata": m{"labels": c.serverLabels(), "finalizers": l{podFinalizer}}, "spec": pod}
	return m{"metadata": m{"labels": c.serverLabels(), "finalizers": l{podFinalizer}}, "spec": spec}
}

// claimTemplate carries the Cluster as owner, so that deleting the Cluster deletes the data.
func (c *cluster) claimTemplate() m {
	size := any("2G")
	spec := m{"accessModes": l{"ReadWriteOnce"}}
	if p := c.Spec.Persistence; p != nil {
		if p.StorageRequestSize != nil {
			size = p.StorageRequestSize
		}
		if p.StorageClassName != nil {
			spec["storageClassName"] = *p.StorageClassName
		}
	}
	spec["resources"] = m{"requests": m{"storage": fmt.Sprint(size)}}
	return m{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": m{
		"name": "varlibrancherk3s", "labels": c.serverLabels(), "ownerReferences": l{c.owner()},
	}, "spec": spec}
}

func (c *cluster) agents(image string) m {
	labels := m{"cluster": c.Name, "mode": "virtual", "type": "agent"}
	volumes, mounts := c.mounts("agent")
	volumes = append(volumes, secretVolume("config", m{"secretName": c.name("agent-config")}))
	args := l{"agent"}
	for _, a := range c.Spec.AgentArgs {
		args = append(args, a)
	}
	container := m{
		"name": "k3k-agent", "image": image, "args": args,
		"env":          append(l{fieldEnv("POD_IP", "status.podIP")}, c.Spec.AgentEnvs...),
		"volumeMounts": append(mounts, mount("config", "/opt/rancher/k3s")),
	}
	return m{"metadata": m{"labels": labels}, "spec": m{
		"replicas": c.Spec.Agents, "selector": m{"matchLabels": labels},
		"template": m{"metadata": m{"labels": labels}, "spec": c.podSpec(container, volumes, nil)},
	}}
}

func (c *cluster) owner() m {
	return m{
		"apiVersion": "k3k.io/v1beta1", "kind": "Cluster", "name": c.Name, "uid": string(c.UID),
		"controller": true, "blockOwnerDeletion": true,
	}
}
