// SPDX-License-Identifier: Apache-2.0

// Package supervisor is the little that the stand-ins of k3k and k3s say to each other: the
// configuration and bootstrap data of a server, and the address of server 0 for the servers that relay to it.
package supervisor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Port is where a server's supervisor listens, on the pod's address.
const Port = "9345"

// ErrUnauthorized is the answer to another token than the server's.
var ErrUnauthorized = errors.New("401 Unauthorized")

// A File of the bootstrap data: PEM text and when it was read.
type File struct {
	Timestamp string
	Content   string
}

// Bootstrap is the JSON in the Secret k3k-NAME-bootstrap.
type Bootstrap struct {
	ServerCA        File `json:"serverCA"`
	ServerCAKey     File `json:"serverCAKey"`
	ClientCA        File `json:"clientCA"`
	ClientCAKey     File `json:"clientCAKey"`
	ETCDServerCA    File `json:"etcdServerCA"`
	ETCDServerCAKey File `json:"etcdServerCAKey"`
}

// k3k does not verify k3s here either: it has no authority yet, the token has to do.
var client = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}

func call(ctx context.Context, method, host, path, user, token string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+host+":"+Port+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(user, token)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, ErrUnauthorized
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return data, nil
}

// Fetch reads the bootstrap data of the server at host.
func Fetch(ctx context.Context, host, token string) ([]byte, error) {
	return call(ctx, http.MethodGet, host, "/v1-k3s/server-bootstrap", "server", token, nil)
}

// ClusterInit asks whether the server at host has etcd of its own; controllers from 1.2 ask it first.
// Of others they read the authorities from files of the pod, which the stand-in does not imitate.
func ClusterInit(ctx context.Context, host, token string) error {
	data, err := call(ctx, http.MethodGet, host, "/v1-k3s/config", "node", token, nil)
	if err != nil {
		return err
	}
	var config struct{ ClusterInit bool }
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	if !config.ClusterInit {
		return errors.New("/v1-k3s/config: ClusterInit is false")
	}
	return nil
}

// Lead tells the server at host to relay to first.
func Lead(ctx context.Context, host, token, first string) error {
	_, err := call(ctx, http.MethodPut, host, "/v1-k3s/standin-first", "server", token, []byte(first))
	return err
}

// Handler serves all three; a server that relays has no bootstrap data, one that does not takes no lead.
func Handler(token string, bootstrap func() ([]byte, error), lead func(first string)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1-k3s/server-bootstrap", func(w http.ResponseWriter, r *http.Request) {
		data, err := bootstrap()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(data)
	})
	mux.HandleFunc("GET /v1-k3s/config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ClusterInit":true}`)
	})
	mux.HandleFunc("PUT /v1-k3s/standin-first", func(w http.ResponseWriter, r *http.Request) {
		first, err := io.ReadAll(io.LimitReader(r.Body, 64))
		if err == nil {
			lead(string(first))
		}
	})
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got := sha256.Sum256([]byte(password))
		agent := user == "node" && r.URL.Path == "/v1-k3s/config"
		if (user != "server" && !agent) || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
