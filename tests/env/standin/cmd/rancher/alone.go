// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// alone serves without a cluster: DIR holds tls.crt, tls.key, ca.crt (what /cacerts gives) and
// password, and gets `address` once the port is open, which LISTEN names.
func (r *rancher) alone(ctx context.Context, dir string) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return err
	}
	if r.caPEM, err = os.ReadFile(filepath.Join(dir, "ca.crt")); err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		return err
	}
	r.password = strings.TrimSpace(string(password))
	listener, err := net.Listen("tcp", env("LISTEN", "127.0.0.1:0"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r.handler(),
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{cert}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}} // HTTP/1.1 only
	go func() { <-ctx.Done(); _ = server.Close() }()
	file := filepath.Join(dir, "address")
	if err := os.WriteFile(file+".new", []byte(listener.Addr().String()+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	return server.ServeTLS(listener, "", "")
}
