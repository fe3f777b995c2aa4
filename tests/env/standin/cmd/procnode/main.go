// SPDX-License-Identifier: Apache-2.0

// procnode is a Kubernetes node that runs containers as local processes
// instead of from images, so that real control planes can run real workloads
// on a machine that has no container images.
//
// Real: the node object and its lease, scheduling, pod life cycle (init
// containers, probes, restarts with back-off, grace, exit codes, conditions,
// events), environment and volumes with what the API holds for them
// (projected Secrets are refreshed), service account tokens, logs, exec and
// port-forward over the kubelet's API, identity and RBAC of a node, host path
// volumes. Each container has mount, PID and UTS namespaces of its own; its
// root is an overlay over the machine's root, so that nothing it writes
// outside its volumes lasts or is seen by others.
//
// Not real: images. A table maps the name of an image (without registry,
// mirror path and tag) to a program of this machine; a name that is not in it
// gives ErrImagePull. All pods share the network namespace of the node: a pod
// has an address of its own on lo, in POD_IP, and must listen there. Not
// there at all: users, capabilities, resource limits, host ports, preStop
// hooks, image pull secrets, network policies. Back-off starts at a second
// (-backoff), not at ten.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

type config struct {
	name        string
	address     string
	port        int
	dir         string
	podCIDR     string
	images      string
	serviceHost string
	servicePort string
	backoff     time.Duration
	refresh     time.Duration
}

func main() {
	if len(os.Args) > 0 && os.Args[0] == initName {
		containerInit()
	}
	var c config
	var kubeconfig, storage string
	var storageOnly bool
	flag.StringVar(&kubeconfig, "kubeconfig", "", "identity of the node (O=system:nodes, CN=system:node:NAME)")
	flag.StringVar(&storage, "storage-kubeconfig", "", "identity of the volume provisioner; none: no provisioner")
	flag.StringVar(&c.name, "name", "", "name of the node")
	flag.StringVar(&c.address, "address", "", "address of the node; must exist")
	flag.IntVar(&c.port, "port", 10250, "port of the kubelet's API on that address")
	flag.StringVar(&c.dir, "dir", "", "directory for volumes and logs")
	flag.StringVar(&c.podCIDR, "pod-cidr", "10.91.0.0/16", "range of the pods' addresses")
	flag.StringVar(&c.images, "images", "", "table of images; read again for every start")
	flag.StringVar(&c.serviceHost, "service-host", "", "KUBERNETES_SERVICE_HOST of pods (default: the Service's cluster IP)")
	flag.StringVar(&c.servicePort, "service-port", "", "KUBERNETES_SERVICE_PORT of pods")
	flag.DurationVar(&c.backoff, "backoff", time.Second, "first delay before a restart")
	flag.DurationVar(&c.refresh, "refresh", 5*time.Second, "how often mounted Secrets and ConfigMaps are read again")
	flag.BoolVar(&storageOnly, "storage-only", false, "no node: only the volume provisioner, for a real one")
	flag.Parse()
	if storageOnly {
		if err := runStorage(c.dir, storage); err != nil {
			log.Fatalf("procnode: %v", err)
		}
		return
	}
	if c.name == "" || c.address == "" || c.dir == "" || c.images == "" || kubeconfig == "" {
		log.Fatal("procnode: -kubeconfig, -name, -address, -dir and -images are needed")
	}
	if err := run(c, kubeconfig, storage); err != nil {
		log.Fatalf("procnode: %v", err)
	}
}

func connect(kubeconfig, agent string) (*rest.Config, kubernetes.Interface, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	cfg.UserAgent = agent
	cfg.QPS, cfg.Burst = 200, 400
	client, err := kubernetes.NewForConfig(cfg)
	return cfg, client, err
}

// runStorage is the provisioner alone, for a bed whose node is a real one.
func runStorage(dir, kubeconfig string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	_, client, err := connect(kubeconfig, "procnode-storage")
	if err != nil {
		return fmt.Errorf("%s: %w", kubeconfig, err)
	}
	provision(ctx, client, dir)
	return nil
}

func run(c config, kubeconfig, storage string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	c.dir = dir
	cfg, client, err := connect(kubeconfig, "procnode")
	if err != nil {
		return fmt.Errorf("%s: %w", kubeconfig, err)
	}
	n, err := newNode(c, client)
	if err != nil {
		return err
	}
	if storage != "" {
		_, sc, err := connect(storage, "procnode-storage")
		if err != nil {
			return fmt.Errorf("%s: %w", storage, err)
		}
		go provision(ctx, sc, filepath.Join(c.dir, "pv"))
	}
	if err := n.serve(cfg.TLSClientConfig); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return err
	}
	go n.heartbeat(ctx)
	n.watchPods(ctx)
	n.stopAll(5 * time.Second)
	return nil
}
