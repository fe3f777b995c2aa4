// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	streams "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/rest"
	rc "k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	"k8s.io/kubelet/pkg/cri/streaming/remotecommand"
)

const (
	idle     = 4 * time.Hour
	creation = 30 * time.Second
)

// serve answers the part of the kubelet's API that the API server uses. Only
// clients of the cluster's CA in system:masters, as the API server, may speak.
func (n *node) serve(tlsc rest.TLSClientConfig) error {
	ca := tlsc.CAData
	if len(ca) == 0 {
		var err error
		if ca, err = os.ReadFile(tlsc.CAFile); err != nil {
			return err
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("the kubeconfig has no CA")
	}
	cert, err := selfSigned(n.name)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", net.JoinHostPort(n.address, strconv.Itoa(n.port)), &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/containerLogs/{ns}/{pod}/{container}", acceptable(n.logs))
	mux.HandleFunc("/exec/{ns}/{pod}/{container}", acceptable(n.exec))
	mux.HandleFunc("/portForward/{ns}/{pod}", acceptable(n.portForward))
	go http.Serve(l, mastersOnly(mux))
	return nil
}

// acceptable refuses what the kubelet refuses: its routes declare no media type, so go-restful takes
// no Accept header, or one that has */*, and nothing else.
func acceptable(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		accept := r.Header.Get("Accept")
		if accept == "" {
			accept = "*/*"
		}
		for _, t := range strings.Split(accept, ",") {
			if media, _, _ := strings.Cut(t, ";"); strings.TrimSpace(media) == "*/*" {
				h(w, r)
				return
			}
		}
		http.Error(w, "406: Not Acceptable", http.StatusNotAcceptable)
	}
}

func mastersOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, o := range r.TLS.PeerCertificates[0].Subject.Organization {
			if o == "system:masters" {
				h.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "forbidden", http.StatusForbidden)
	})
}

func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// target finds the container that a request is about.
func (n *node) target(w http.ResponseWriter, r *http.Request) *container {
	p := n.find(r.PathValue("ns"), r.PathValue("pod"))
	if p != nil {
		for _, c := range append(append([]*container{}, p.init...), p.main...) {
			if c.name == r.PathValue("container") {
				return c
			}
		}
	}
	http.Error(w, "no such container here", http.StatusNotFound)
	return nil
}

// --- logs -------------------------------------------------------------------

type logOptions struct {
	tail       int // -1: all
	since      time.Time
	timestamps bool
	limit      int64
}

func parseLogOptions(r *http.Request) logOptions {
	q := r.URL.Query()
	o := logOptions{tail: -1, timestamps: q.Get("timestamps") == "true"}
	if v, err := strconv.Atoi(q.Get("tailLines")); err == nil {
		o.tail = v
	}
	if v, err := strconv.Atoi(q.Get("sinceSeconds")); err == nil {
		o.since = time.Now().Add(-time.Duration(v) * time.Second)
	}
	if t, err := time.Parse(time.RFC3339, q.Get("sinceTime")); err == nil {
		o.since = t
	}
	o.limit, _ = strconv.ParseInt(q.Get("limitBytes"), 10, 64)
	return o
}

// render is a stored line as a reader wants it, "" when it is too old.
func (o logOptions) render(line string) string {
	f := strings.SplitN(line, " ", 4)
	if len(f) < 4 {
		return ""
	}
	if t, err := time.Parse(time.RFC3339Nano, f[0]); err == nil && t.Before(o.since) {
		return ""
	}
	if o.timestamps {
		return f[0] + " " + f[3]
	}
	return f[3]
}

func copyLog(w io.Writer, path string, o logOptions) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = copyFrom(w, bufio.NewReader(f), o)
	return err
}

// copyFrom copies whole lines; it returns the part of a line at the end.
func copyFrom(w io.Writer, r *bufio.Reader, o logOptions) (string, error) {
	var lines []string
	rest := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			rest = line
			break
		}
		if s := o.render(line); s != "" {
			lines = append(lines, s)
		}
	}
	if o.tail >= 0 && len(lines) > o.tail {
		lines = lines[len(lines)-o.tail:]
	}
	for _, s := range lines {
		if _, err := io.WriteString(w, s); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if int64(len(b)) > l.left {
		n, _ := l.w.Write(b[:l.left])
		l.left = 0
		return n, io.ErrShortWrite
	}
	l.left -= int64(len(b))
	return l.w.Write(b)
}

func (n *node) logs(w http.ResponseWriter, r *http.Request) {
	c := n.target(w, r)
	if c == nil {
		return
	}
	path := c.logFile()
	c.p.mu.Lock()
	count, last := c.status.RestartCount, c.status.LastTerminationState.Terminated
	c.p.mu.Unlock()
	if r.URL.Query().Get("previous") == "true" {
		if last == nil {
			http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", c.name, r.PathValue("pod")), http.StatusBadRequest)
			return
		}
		path = strings.TrimSuffix(path, fmt.Sprintf("-%d.log", count)) + fmt.Sprintf("-%d.log", count-1)
	}
	o := parseLogOptions(r)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := io.Writer(w)
	if o.limit > 0 {
		out = &limited{w, o.limit}
	}
	if r.URL.Query().Get("follow") == "true" {
		c.follow(r.Context(), w, out, path, o)
		return
	}
	if err := copyLog(out, path, o); os.IsNotExist(err) && last != nil {
		// Between two runs a kubelet shows the one that ended.
		_ = copyLog(out, strings.TrimSuffix(path, fmt.Sprintf("-%d.log", count))+fmt.Sprintf("-%d.log", count-1), o)
	}
}

func (c *container) follow(ctx context.Context, w http.ResponseWriter, out io.Writer, path string, o logOptions) {
	var f *os.File
	for ctx.Err() == nil {
		var err error
		if f, err = os.Open(path); err == nil {
			break
		}
		if !c.waitMore(ctx) {
			return
		}
	}
	if f == nil {
		return
	}
	defer f.Close()
	rest := ""
	for {
		over := !c.hasProcess() // before reading: what it wrote last is read
		var err error
		r := bufio.NewReader(io.MultiReader(strings.NewReader(rest), f))
		if rest, err = copyFrom(out, r, o); err != nil {
			return
		}
		o.tail = -1
		if fl, ok := w.(http.Flusher); ok {
			fl.Flush()
		}
		if over || !c.waitMore(ctx) {
			return
		}
	}
}

func (c *container) hasProcess() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.status.State.Running != nil
}

func (c *container) waitMore(ctx context.Context) bool { return sleep(ctx, 100*time.Millisecond) }

// --- exec and port-forward --------------------------------------------------

func (n *node) exec(w http.ResponseWriter, r *http.Request) {
	c := n.target(w, r)
	if c == nil {
		return
	}
	opts, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, c, r.PathValue("pod"), "", c.name, r.URL.Query()["command"], opts,
		idle, creation, streams.SupportedStreamingProtocols)
}

// ExecInContainer implements remotecommand.Executor; a TTY is not given one.
func (c *container) ExecInContainer(ctx context.Context, _ string, _ types.UID, _ string, argv []string,
	in io.Reader, out, errs io.WriteCloser, _ bool, _ <-chan rc.TerminalSize, _ time.Duration) error {
	c.mu.Lock()
	proc := c.proc
	c.mu.Unlock()
	if proc == nil || proc.cmd == nil || !c.hasProcess() {
		return fmt.Errorf("container %s is not running", c.name)
	}
	cmd := proc.inside(ctx, argv)
	if in != nil {
		pipe, err := cmd.StdinPipe() // not cmd.Stdin: Wait must not wait for the client
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(pipe, in)
			pipe.Close()
		}()
	}
	if out != nil {
		cmd.Stdout = out
	}
	if errs != nil {
		cmd.Stderr = errs
	} else {
		cmd.Stderr = cmd.Stdout
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}

func (n *node) portForward(w http.ResponseWriter, r *http.Request) {
	p := n.find(r.PathValue("ns"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, "no such pod here", http.StatusNotFound)
		return
	}
	opts, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, p, r.PathValue("pod"), p.uid, opts, idle, creation, portforward.SupportedProtocols)
}

// PortForward implements portforward.PortForwarder.
func (p *pod) PortForward(ctx context.Context, _ string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	ip, _ := p.field(p.object(), "status.podIP")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn, stream)
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, conn)
	return err
}
