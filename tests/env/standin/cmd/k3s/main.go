// SPDX-License-Identifier: Apache-2.0

// k3s-standin is what a server pod of the k3k stand-in runs (image rancher/k3s): a virtual cluster
// in one process tree, which ends with it.
//
// Real: etcd, kube-apiserver, kube-controller-manager, kube-scheduler (tests/env/plane),
// helm-controller with its CRDs, Traefik as ingress controller of class `traefik` on the pod's
// ports 80 and 443, separate server and client authorities that live in the data volume with etcd,
// so that a restarted pod goes on with both; a lost control plane ends the pod, the rest is started
// again; another token than the volume's is refused.
// The certificate of the API holds the names of config.yaml and the pod's address, never the
// address of a host node.
//
// Real in the node tier (-node): containerd, kubelet, kube-proxy and the pods of the virtual cluster,
// inside the server pod; registries.yaml with mirrors, CA and credentials.
//
// Not imitated: in the control-plane tier containerd (a nested procnode runs programs instead of
// images, so registries.yaml has no effect) and kube-proxy (the virtual cluster's Service addresses
// are dead; pods reach the API at the pod's address, Traefik the endpoints). In both: flannel,
// CoreDNS, the chart of Traefik and the service balancer (Traefik is a process on the pod's own
// ports), agents (they only wait), servers 1..n (they relay 6443, 80 and 443 to server 0 and are no
// members of etcd), and of k3s' arguments all but --tls-san, --disable=traefik,
// --disable-default-registry-endpoint and --system-default-registry, which names the image of chart
// jobs. SIGTERM ends it at once; the real one takes its whole grace.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"sigs.k8s.io/yaml"

	"rk3k.test/standin/internal/pki"
	"rk3k.test/standin/internal/supervisor"
)

// A server is the settings of one pod.
type server struct {
	plane, images string // tests/env/plane, and procnode's table
	node, public  string // tests/env/node: a real node instead of procnode
	data          string
	pod, address  string
	extraSANs     []string
	disabled      map[string]bool
	registry      string

	noDefaultRegistry bool

	config struct {
		Token       string   `json:"token"`
		ClusterCIDR string   `json:"cluster-cidr"`
		ServiceCIDR string   `json:"service-cidr"`
		TLSSANs     []string `json:"tls-san"`
	}
	children *children
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	s := &server{pod: os.Getenv("POD_NAME"), address: os.Getenv("POD_IP"), disabled: map[string]bool{}}
	root := flag.String("config", "/opt/rancher/k3s", "where init/ and server/ are mounted")
	flag.StringVar(&s.plane, "plane", "plane", "the program that starts a control plane")
	flag.StringVar(&s.images, "images", "", "procnode's table of images")
	flag.StringVar(&s.node, "node", "", "the program that starts a real node, instead of procnode")
	flag.StringVar(&s.public, "public", "", "what stands for the public registries")
	flag.StringVar(&s.data, "data", "/var/lib/rancher/k3s", "data directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	switch flag.Arg(0) {
	case "registries":
		err = registriesCommand(flag.Args()[1:], os.Stdout)
	case "agent":
		<-ctx.Done()
	case "server":
		if err = s.arguments(flag.Args()[1:]); err == nil {
			err = s.run(ctx, *root)
		}
	default:
		err = fmt.Errorf("usage: k3s-standin [OPTIONS] server|agent [ARGS]")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// arguments takes --name=value and --name value. The real start script pastes all into one line, so
// one element may hold several words.
func (s *server) arguments(args []string) error {
	words := strings.Fields(strings.Join(args, " "))
	for i := 0; i < len(words); i++ {
		name, value, ok := strings.Cut(words[i], "=")
		if !strings.HasPrefix(name, "--") {
			return fmt.Errorf("k3s: unexpected argument %q", words[i])
		}
		if !ok && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			i++
			value = words[i]
		}
		switch name {
		case "--tls-san":
			s.extraSANs = append(s.extraSANs, strings.Split(value, ",")...)
		case "--disable":
			for _, d := range strings.Split(value, ",") {
				s.disabled[d] = true
			}
		case "--disable-default-registry-endpoint":
			s.noDefaultRegistry = true
		case "--system-default-registry":
			s.registry = value
		}
	}
	return nil
}

func (s *server) run(ctx context.Context, root string) error {
	first := strings.HasSuffix(s.pod, "-0")
	file := root + "/server/config.yaml"
	if first {
		file = root + "/init/config.yaml"
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, &s.config); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if s.address == "" || s.config.Token == "" {
		return errors.New("no POD_IP or no token")
	}
	if !first {
		return s.relay(ctx)
	}
	s.children = newChildren(s.data + "/log")
	return s.lead(ctx)
}

// lead is server 0: the whole virtual cluster.
func (s *server) lead(ctx context.Context) error {
	auth, err := s.authorities()
	if err != nil {
		return err
	}
	ends := make(chan error, 1)
	defer s.stop()
	if err := s.startPlane(auth); err != nil {
		return err
	}
	if err := s.startRest(ctx); err != nil {
		return err
	}
	go func() { ends <- s.serve(ctx, auth.serverCA, auth.bootstrap, func(string) {}) }()
	log.Printf("%s serves https://%s:6443", s.pod, s.address)
	select {
	case <-ctx.Done():
		return nil
	case err := <-ends:
		return err
	case err := <-s.children.lost:
		return err
	}
}

// serve answers the controller.
func (s *server) serve(ctx context.Context, ca *pki.Pair, bootstrap func() ([]byte, error), lead func(string)) error {
	cert, err := ca.Server("k3s", s.address, s.pod)
	if err != nil {
		return err
	}
	web := &http.Server{
		Addr:    s.address + ":" + supervisor.Port,
		Handler: supervisor.Handler(s.config.Token, bootstrap, lead),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{
			{Certificate: [][]byte{cert.Cert.Raw}, PrivateKey: cert.Key}}},
		ErrorLog: log.New(os.Stderr, "supervisor: ", 0),
	}
	go func() { <-ctx.Done(); _ = web.Close() }()
	if err := web.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
