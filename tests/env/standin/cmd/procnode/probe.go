// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe runs a process's probes until the context ends.
func (c *container) probe(ctx context.Context, proc *process) {
	spec := c.spec()
	if p := spec.StartupProbe; p != nil {
		if !c.startup(ctx, proc, p) {
			return
		}
		c.change(func(s *v1.ContainerStatus) { s.Started, s.Ready = ptr(true), spec.ReadinessProbe == nil })
	}
	if p := spec.ReadinessProbe; p != nil {
		go c.repeat(ctx, proc, p, "Readiness", func(ok bool) bool {
			c.change(func(s *v1.ContainerStatus) { s.Ready = ok && s.State.Running != nil })
			return true
		})
	}
	if p := spec.LivenessProbe; p != nil {
		go c.repeat(ctx, proc, p, "Liveness", func(ok bool) bool {
			if !ok {
				c.unhealthy(proc, p, "liveness")
			}
			return ok
		})
	}
}

func (c *container) startup(ctx context.Context, proc *process, p *v1.Probe) (up bool) {
	c.repeat(ctx, proc, p, "Startup", func(ok bool) bool {
		if up = ok; !ok {
			c.unhealthy(proc, p, "startup")
		}
		return false
	})
	return up
}

func (c *container) unhealthy(proc *process, p *v1.Probe, kind string) {
	c.p.event(v1.EventTypeNormal, "Killing", "Container %s failed %s probe, will be restarted", c.name, kind)
	grace := c.p.object().Spec.TerminationGracePeriodSeconds
	if p.TerminationGracePeriodSeconds != nil {
		grace = p.TerminationGracePeriodSeconds
	}
	d := 30 * time.Second
	if grace != nil {
		d = time.Duration(*grace) * time.Second
	}
	proc.stop(d, c.p.killNow)
}

func seconds(n, or int32) time.Duration {
	if n <= 0 {
		n = or
	}
	return time.Duration(n) * time.Second
}

// repeat tries a probe and reports each passing of a threshold, until told to
// stop. Before the first success it tries more often than the period.
func (c *container) repeat(ctx context.Context, proc *process, p *v1.Probe, kind string, report func(bool) bool) {
	if !sleep(ctx, time.Duration(p.InitialDelaySeconds)*time.Second) {
		return
	}
	good, bad := int32(0), int32(0)
	for {
		try, cancel := context.WithTimeout(ctx, seconds(p.TimeoutSeconds, 1))
		err := c.check(try, proc, p)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
			c.p.event(v1.EventTypeWarning, "Unhealthy", "%s probe failed: %v", kind, err)
		}
		if good >= max(p.SuccessThreshold, 1) && !report(true) {
			return
		}
		if bad >= max(p.FailureThreshold, 1) && !report(false) {
			return
		}
		if !sleep(ctx, seconds(p.PeriodSeconds, 10)) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *container) check(ctx context.Context, proc *process, p *v1.Probe) error {
	ip, _ := c.p.field(c.p.object(), "status.podIP")
	switch {
	case p.HTTPGet != nil:
		return c.checkHTTP(ctx, ip, p.HTTPGet)
	case p.TCPSocket != nil:
		host := ip
		if p.TCPSocket.Host != "" {
			host = p.TCPSocket.Host
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, c.portOf(p.TCPSocket.Port)))
		if err == nil {
			conn.Close()
		}
		return err
	case p.Exec != nil:
		out, err := proc.inside(ctx, p.Exec.Command).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out[:min(len(out), 1024)])))
		}
	}
	return nil
}

func (c *container) checkHTTP(ctx context.Context, ip string, h *v1.HTTPGetAction) error {
	host, scheme := ip, "http"
	if h.Host != "" {
		host = h.Host
	}
	if h.Scheme != "" {
		scheme = strings.ToLower(string(h.Scheme))
	}
	url := scheme + "://" + net.JoinHostPort(host, c.portOf(h.Port)) + "/" + strings.TrimPrefix(h.Path, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "kube-probe/1.34")
	for _, x := range h.HTTPHeaders {
		if strings.EqualFold(x.Name, "host") {
			req.Host = x.Value
		} else {
			req.Header.Add(x.Name, x.Value)
		}
	}
	// A kubelet does not verify what it probes either.
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 10<<10))
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", res.StatusCode)
	}
	return nil
}

func (c *container) portOf(p intstr.IntOrString) string {
	if p.Type == intstr.Int {
		return strconv.Itoa(p.IntValue())
	}
	spec := c.spec()
	for _, port := range spec.Ports {
		if port.Name == p.StrVal {
			return strconv.Itoa(int(port.ContainerPort))
		}
	}
	return p.StrVal
}

// inside is a command in the namespaces of the container.
func (proc *process) inside(ctx context.Context, argv []string) *exec.Cmd {
	pid := strconv.Itoa(proc.cmd.Process.Pid)
	args := append([]string{"-t", pid, "-m", "-p", "-u", "-r", "-w", "--"}, argv...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = proc.env
	cmd.WaitDelay = time.Second
	return cmd
}
