// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	networking "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// planeDir is in the volume: etcd's data is what a restarted pod goes on with.
func (s *server) planeDir() string { return s.data + "/server/plane" }

// startPlane starts the control plane on the pod's address, which may be another one than last time.
func (s *server) startPlane(a *authorities) error {
	dir := s.planeDir()
	stale := []string{dir + "/pid"}
	for _, who := range []string{"admin", "kube-controller-manager", "kube-scheduler"} {
		stale = append(stale, dir+"/"+who+".kubeconfig")
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := s.pki(a); err != nil {
		return err
	}
	args := []string{s.plane, "start", dir, "--name", "k3s", "--address", s.address,
		"--service-cidr", s.config.ServiceCIDR, "--pod-cidr", s.config.ClusterCIDR,
		"--apiserver-arg", "--client-ca-file=" + dir + "/pki/client-ca.crt"}
	if s.node != "" {
		// As k3s does: a port-forward comes to the pod's loopback address. In the control-plane
		// tier all pods share it.
		args = append(args, "--apiserver-arg", "--bind-address=0.0.0.0")
	}
	err := s.children.run("plane", args...)
	return errors.Join(err, s.children.keepFiles(dir+"/pid"))
}

// startRest starts what k3s carries besides the control plane.
func (s *server) startRest(ctx context.Context) error {
	dir := s.planeDir()
	admin, node := dir+"/admin.kubeconfig", dir+"/node.kubeconfig"
	if err := s.nodeKubeconfig(admin, node); err != nil {
		return err
	}
	if err := s.startPods(admin, node); err != nil {
		return err
	}
	job := "rancher/klipper-helm:v0.9.10-build20251111"
	if s.registry != "" {
		job = s.registry + "/" + job
	}
	err := s.children.keep("helm-controller", []string{"DEFAULT_JOB_IMAGE=" + job, "NODE_NAME=" + s.pod},
		"helm-controller", "--kubeconfig", admin)
	if err != nil || s.disabled["traefik"] {
		return err
	}
	if err := ingressClass(ctx, admin); err != nil {
		return err
	}
	return s.children.keep("traefik", []string{"KUBECONFIG=" + admin}, "traefik",
		"--entrypoints.web.address="+s.address+":80",
		"--entrypoints.websecure.address="+s.address+":443", "--entrypoints.websecure.http.tls=true",
		"--providers.kubernetesingress.ingressclass=traefik",
		"--providers.kubernetesingress.ingressendpoint.ip="+s.address,
		"--providers.providersthrottleduration=200ms", "--log.level=INFO",
		"--global.checknewversion=false", "--global.sendanonymoususage=false")
}

// startPods starts what runs the virtual cluster's pods.
func (s *server) startPods(admin, node string) error {
	if s.node != "" {
		return s.startNode(admin, node)
	}
	pods, err := s.podCIDR()
	if err != nil {
		return err
	}
	return s.children.keep("procnode", nil, "procnode", "-name", s.pod, "-address", s.address, "-kubeconfig", node,
		"-images", s.images, "-dir", s.data+"/agent", "-pod-cidr", pods,
		"-service-host", s.address, "-service-port", "6443")
}

// nodeKubeconfig is the plane's admin.kubeconfig with the node's identity.
func (s *server) nodeKubeconfig(admin, out string) error {
	config, err := clientcmd.LoadFromFile(admin)
	if err != nil {
		return err
	}
	user := config.AuthInfos["default"]
	user.ClientCertificateData, user.ClientKeyData = nil, nil
	user.ClientCertificate, user.ClientKey = s.planeDir()+"/pki/node.crt", s.planeDir()+"/pki/node.key"
	return clientcmd.WriteToFile(*config, out)
}

// podCIDR is this node's part of the cluster's range. All virtual clusters of a bed share one network
// namespace and often one range, so the part is chosen by the last number of the pod's address.
func (s *server) podCIDR() (string, error) {
	p, err := netip.ParsePrefix(s.config.ClusterCIDR)
	if err != nil || !p.Addr().Is4() {
		return "", fmt.Errorf("cluster-cidr %q is no IPv4 range", s.config.ClusterCIDR)
	}
	if p.Bits() > 16 {
		return p.String(), nil
	}
	b := p.Masked().Addr().As4()
	b[2] = netip.MustParseAddr(s.address).As4()[3]
	return netip.PrefixFrom(netip.AddrFrom4(b), 24).String(), nil
}

// ingressClass makes the class `traefik`, the default one as in k3s.
func ingressClass(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	class := &networking.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: "traefik",
			Annotations: map[string]string{networking.AnnotationIsDefaultIngressClass: "true"}},
		Spec: networking.IngressClassSpec{Controller: "traefik.io/ingress-controller"},
	}
	for ctx.Err() == nil {
		_, err = kube.NetworkingV1().IngressClasses().Create(ctx, class, metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			return nil
		}
		if !strings.Contains(err.Error(), "refused") && !apierrors.IsForbidden(err) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return ctx.Err()
}

// stop ends all at once: the control plane needs no order, its data is etcd's.
func (s *server) stop() { s.children.stop() }
