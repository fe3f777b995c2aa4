// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rk3k.test/standin/internal/pki"
	"rk3k.test/standin/internal/supervisor"
)

// authorities are what makes a virtual cluster itself: they live as long as its volume.
type authorities struct {
	serverCA, clientCA, etcdCA *pki.Pair
}

func (s *server) tlsDir() string { return s.data + "/server/tls" }

// authorities reads or makes them, and binds the volume to its token as k3s does.
func (s *server) authorities() (*authorities, error) {
	if err := os.MkdirAll(s.tlsDir()+"/etcd", 0o700); err != nil {
		return nil, err
	}
	if err := s.checkToken(); err != nil {
		return nil, err
	}
	a := &authorities{}
	now := time.Now().Unix()
	for file, pair := range map[string]**pki.Pair{
		"server-ca": &a.serverCA, "client-ca": &a.clientCA, "etcd/server-ca": &a.etcdCA,
	} {
		cn := fmt.Sprintf("k3s-%s@%d", strings.ReplaceAll(file, "/", "-"), now)
		var err error
		if *pair, err = loadOrMake(filepath.Join(s.tlsDir(), file), cn); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (s *server) checkToken() error {
	sum := sha256.Sum256([]byte(s.config.Token))
	file, want := s.data+"/server/token-hash", hex.EncodeToString(sum[:])
	have, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return os.WriteFile(file, []byte(want), 0o600)
	}
	if err == nil && string(have) != want {
		return errors.New("bootstrap data already found and encrypted with different token")
	}
	return err
}

func loadOrMake(path, cn string) (*pki.Pair, error) {
	cert, err := os.ReadFile(path + ".crt")
	if errors.Is(err, os.ErrNotExist) {
		pair, err := pki.NewCA(cn)
		if err != nil {
			return nil, err
		}
		return pair, save(path, pair)
	} else if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(path + ".key")
	if err != nil {
		return nil, err
	}
	return pki.Parse(cert, key)
}

func save(path string, p *pki.Pair) error {
	if err := os.WriteFile(path+".key", p.KeyPEM(), 0o600); err != nil {
		return err
	}
	return os.WriteFile(path+".crt", p.CertPEM(), 0o644)
}

// bootstrap is what k3s answers at /v1-k3s/server-bootstrap, already decoded.
func (a *authorities) bootstrap() ([]byte, error) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	file := func(pem []byte) supervisor.File { return supervisor.File{Timestamp: now, Content: string(pem)} }
	return json.Marshal(supervisor.Bootstrap{
		ServerCA: file(a.serverCA.CertPEM()), ServerCAKey: file(a.serverCA.KeyPEM()),
		ClientCA: file(a.clientCA.CertPEM()), ClientCAKey: file(a.clientCA.KeyPEM()),
		ETCDServerCA: file(a.etcdCA.CertPEM()), ETCDServerCAKey: file(a.etcdCA.KeyPEM()),
	})
}

// sans are the names of the API server's certificate.
func (s *server) sans() []string {
	out := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "127.0.0.1", s.address, s.pod}
	if p, err := netip.ParsePrefix(s.config.ServiceCIDR); err == nil {
		out = append(out, p.Masked().Addr().Next().String())
	}
	return append(append(out, s.config.TLSSANs...), s.extraSANs...)
}

// pki fills the plane's directory, so that the plane makes nothing of its own: ca is the server
// authority there. Leaves are new at every start; the key of service accounts stays.
func (s *server) pki(a *authorities) error {
	dir := s.planeDir() + "/pki"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := errors.Join(save(dir+"/ca", a.serverCA), save(dir+"/client-ca", a.clientCA)); err != nil {
		return err
	}
	var errs []error
	leaf := func(name string) func(*pki.Pair, error) {
		return func(p *pki.Pair, err error) {
			if err == nil {
				err = save(dir+"/"+name, p)
			}
			errs = append(errs, err)
		}
	}
	leaf("apiserver")(a.serverCA.Server("k3s", s.sans()...))
	leaf("apiserver-kubelet-client")(a.serverCA.Client("system:kube-apiserver", "system:masters"))
	leaf("front-proxy-client")(a.serverCA.Client("front-proxy-client"))
	leaf("admin")(a.clientCA.Client("system:admin", "system:masters"))
	leaf("node")(a.clientCA.Client("system:node:"+s.pod, "system:nodes"))
	for _, who := range []string{"kube-controller-manager", "kube-scheduler"} {
		leaf(who)(a.clientCA.Client("system:" + who))
	}
	if _, err := os.Stat(dir + "/sa.key"); err != nil {
		leaf("sa")(pki.NewCA("service-account"))
	}
	errs = append(errs, os.WriteFile(dir+"/done", nil, 0o600))
	return errors.Join(errs...)
}
