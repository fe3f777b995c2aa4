// SPDX-License-Identifier: Apache-2.0

// rancher-standin takes the place of Rancher (image rancher/rancher) in the test bed.
//
// Real: the order of a start (Secret tls-rancher with the CA first, then the ports), the Secrets
// tls-rancher, serving-cert and bootstrap-secret with their rules, HTTPS on 443 with Rancher's own
// certificate, HTTP on 80 with its redirect, /ping, /healthz, /cacerts (the CA, the mounted
// cacerts.pem, or nothing under --no-cacerts) and /rancherversion.
//
// Imitated: login, tokens, users, settings, clusters and their kubeconfigs, as far as a client
// that prepares terraform asks; api.go says how, and how a test makes them fail.
//
// Not imitated: everything else of Rancher. Further answers are added by a file that calls
// addRoutes in its init.
//
// With --alone DIR it runs without a cluster (see alone.go).
//
// START_DELAY (a Go duration) is how long the ports stay closed after the CA is there.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// A rancher is what the handlers may use.
type rancher struct {
	kube      kubernetes.Interface
	namespace string
	address   string
	version   string
	noCACerts bool
	caPEM     []byte
	password  string // the bootstrap password
	wrap      func(http.Handler) http.Handler
}

var routes []func(r *rancher, mux *http.ServeMux)

// addRoutes is called by the init functions of the files that answer a part of the API.
func addRoutes(f func(r *rancher, mux *http.ServeMux)) { routes = append(routes, f) }

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	r := &rancher{namespace: env("CATTLE_NAMESPACE", "cattle-system"), address: os.Getenv("POD_IP"),
		version: env("CATTLE_SERVER_VERSION", "dev")}
	httpPort := flag.String("http-listen-port", "80", "")
	httpsPort := flag.String("https-listen-port", "443", "")
	flag.BoolVar(&r.noCACerts, "no-cacerts", false, "")
	flag.Bool("add-local", true, "accepted, not used")
	flag.String("features", "", "accepted, not used")
	alone := flag.String("alone", "", "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if *alone != "" {
		if err := r.alone(ctx, *alone); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
		return
	}
	if err := r.run(ctx, *httpPort, *httpsPort); err != nil {
		log.Fatal(err)
	}
}

func env(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func (r *rancher) run(ctx context.Context, httpPort, httpsPort string) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	if r.kube, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if r.password, err = r.bootstrapPassword(ctx); err != nil {
		return err
	}
	cert, err := r.certificates(ctx)
	if err != nil {
		return err
	}
	delay, err := time.ParseDuration(env("START_DELAY", "0s"))
	if err != nil {
		return err
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil
	}
	return r.serve(ctx, cert, httpPort, httpsPort)
}

func (r *rancher) handler() http.Handler {
	mux := http.NewServeMux()
	for _, add := range routes {
		add(r, mux)
	}
	return r.wrap(mux)
}

func (r *rancher) serve(ctx context.Context, cert tls.Certificate, httpPort, httpsPort string) error {
	mux := r.handler()
	ends := make(chan error, 2)
	plain := &http.Server{Addr: net.JoinHostPort(r.address, httpPort), Handler: onPlainPort(mux)}
	secure := &http.Server{Addr: net.JoinHostPort(r.address, httpsPort), Handler: mux,
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{cert}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}} // HTTP/1.1 only
	go func() { ends <- plain.ListenAndServe() }()
	go func() { ends <- secure.ListenAndServeTLS("", "") }()
	log.Printf("serving on %s and %s", plain.Addr, secure.Addr)
	select {
	case <-ctx.Done():
		return errors.Join(plain.Close(), secure.Close())
	case err := <-ends:
		return err
	}
}

// onPlainPort lets through what a TLS-terminating proxy forwards, and the two health checks.
func onPlainPort(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Header.Get("X-Forwarded-Proto") == "https", req.URL.Path == "/ping", req.URL.Path == "/healthz":
			h.ServeHTTP(w, req)
		case req.Method == http.MethodGet, req.Method == http.MethodHead:
			http.Redirect(w, req, "https://"+req.Host+req.URL.RequestURI(), http.StatusFound)
		default:
			http.Error(w, "Use HTTPS", http.StatusBadRequest)
		}
	})
}
