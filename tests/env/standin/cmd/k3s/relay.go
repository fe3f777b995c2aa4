// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"rk3k.test/standin/internal/pki"
)

// A target is where server 0 is; the controller says so, and says it again when that changes.
type target struct {
	mu    sync.Mutex
	host  string
	known chan struct{}
}

func (t *target) set(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.host == "" {
		close(t.known)
	}
	if t.host != host {
		log.Printf("relaying to %s", host)
	}
	t.host = host
}

func (t *target) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.host
}

// relay is servers 1..n: they listen once they know where to.
func (s *server) relay(ctx context.Context) error {
	ca, err := pki.NewCA("relay")
	if err != nil {
		return err
	}
	t := &target{known: make(chan struct{})}
	ends := make(chan error, 4)
	go func() {
		ends <- s.serve(ctx, ca, func() ([]byte, error) { return nil, errors.New("no bootstrap data here") }, t.set)
	}()
	for known := t.known; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ends:
			return err
		case <-known:
			known = nil
			for _, port := range []string{"80", "443", "6443"} {
				go func() { ends <- forward(ctx, t, s.address, port) }()
			}
		}
	}
}

func forward(ctx context.Context, t *target, address, port string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		return err
	}
	go func() { <-ctx.Done(); l.Close() }()
	for {
		in, err := l.Accept()
		if err != nil {
			return err
		}
		go pipe(in, net.JoinHostPort(t.get(), port))
	}
}

func pipe(in net.Conn, to string) {
	defer in.Close()
	out, err := net.DialTimeout("tcp", to, 3*time.Second)
	if err != nil {
		log.Print(err)
		return
	}
	defer out.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(in, out)
	_ = in.(*net.TCPConn).CloseWrite()
	<-done
}
