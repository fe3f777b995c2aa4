// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	memory  = 400000 // KiB of address space
	longest = 60 * time.Second
)

type outcome struct {
	Code     int
	Late     bool
	Out, Err string
	took     time.Duration
}

// A run of the tool at one of our addresses, in a home of its own.
type run struct {
	c       *config
	address string
	tool    []string
	home    string
	outcome outcome
}

func (r *run) start() {
	var err error
	var out, errs bytes.Buffer
	r.home, err = os.MkdirTemp("", "liar.")
	must(err)
	must(os.CopyFS(r.home, os.DirFS(filepath.Join(r.c.dir, "files"))))
	config, err := os.ReadFile(filepath.Join(r.c.dir, "config"))
	must(err)
	must(os.WriteFile(r.home+"/config", bytes.ReplaceAll(config, []byte(r.c.address), []byte(r.address)), 0o600))
	ctx, stop := context.WithTimeout(context.Background(), longest)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", fmt.Sprintf(`umask 077; ulimit -v %d; exec "$@"`, memory), "sh",
		filepath.Join(r.c.bin, "rk3k-"+r.tool[0])}, r.tool[1:]...)...)
	cmd.Dir = r.home
	cmd.Env = append(os.Environ(), "HOME="+r.home, "KUBECONFIG="+r.home+"/config", "XDG_RUNTIME_DIR="+r.home, "TMPDIR="+r.home, "RES_OPTIONS=attempts:1 timeout:1")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if r.tool[0] == "lease" {
		cmd.Stdout = &held{&out, cmd}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if doc, err := os.Open(r.home + "/doc.json"); err == nil {
		cmd.Stdin = doc
		defer doc.Close()
	}
	began := time.Now()
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		must(err)
	}
	r.outcome = outcome{cmd.ProcessState.ExitCode(), ctx.Err() != nil, r.plain(out.String()), r.plain(errs.String()), time.Since(began)}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		r.outcome.Code = 128 + int(status.Signal())
	}
}

// held ends a tool that says that it holds a Lease, and would for as long as we run.
type held struct {
	out *bytes.Buffer
	cmd *exec.Cmd
}

func (h *held) Write(p []byte) (int, error) {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	return h.out.Write(p)
}

var (
	durations = regexp.MustCompile(`\b\d+(ms|[dhms])(\d+[hms])?\b`)
	spaces    = regexp.MustCompile(` +`)
)

// plain: without what differs from run to run.
func (r *run) plain(s string) string {
	s = strings.ReplaceAll(s, r.home, "HOME")
	return spaces.ReplaceAllString(durations.ReplaceAllString(strings.ReplaceAll(s, r.address, r.c.address), "TIME"), " ")
}

// An exemption is a request whose answer a command may do without. Unless it is silent, a warning says
// what could not be determined; one that is late may go on waiting.
type exemption struct {
	command, request, variation *regexp.Regexp
	silent, late                bool
}

type trial struct {
	talk   conversation
	target string
	nth    int
	v      *variation
}

func (t *trial) String() string {
	return fmt.Sprintf("%s | %s #%d | %s", strings.Join(t.talk.Tool, " "), t.target, t.nth, t.v.name)
}

func (c *config) hash(s string) int {
	h := fnv.New32a()
	fmt.Fprint(h, c.seed, s)
	return int(h.Sum32() >> 8)
}

func (c *config) trials(files []string) []*trial {
	var all []*trial
	for _, file := range files {
		var talk conversation
		text, err := os.ReadFile(file)
		must(err)
		must(json.Unmarshal(text, &talk))
		seen := map[string]int{}
		for _, e := range talk.Exchanges {
			var of []*trial
			for _, v := range variations {
				if (e.Watch || !strings.HasPrefix(v.name, "watch")) && v.fits(e) {
					of = append(of, &trial{talk, e.Key, seen[e.Key], v})
				}
			}
			seen[e.Key]++
			if len(of) > 0 && c.one.MatchString(strings.Join(talk.Tool, " ")) {
				of = of[c.hash(of[0].String())%len(of):][:1]
			}
			for _, t := range of {
				if c.hash(t.String())%c.share == 0 && c.only.MatchString(t.String()) {
					all = append(all, t)
				}
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return c.hash(all[i].String()) < c.hash(all[j].String()) })
	return all
}

func (c *config) sweep(files []string) int {
	upstream, err := url.Parse(c.upstream)
	must(err)
	trials := c.trials(files)
	work := make(chan *trial)
	var wg sync.WaitGroup
	var lock sync.Mutex
	var findings []string
	began := time.Now()
	for i := range c.workers {
		l := &liar{c: c, upstream: upstream}
		address := c.listen(i, l)
		l.from, l.to = []byte(hostOf(c.address)), []byte(hostOf(address))
		wg.Add(1)
		go func() {
			defer wg.Done()
			for t := range work {
				if why := c.try(l, address, t); why != "" {
					lock.Lock()
					findings = append(findings, why)
					lock.Unlock()
				}
			}
		}()
	}
	for _, t := range trials {
		work <- t
	}
	close(work)
	wg.Wait()
	sort.Strings(findings)
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Printf("%d runs in %.1f s, %d findings\n", len(trials), time.Since(began).Seconds(), len(findings))
	if len(findings) > 0 || len(trials) == 0 {
		return 1
	}
	return 0
}

func hostOf(address string) string { return address[:strings.LastIndex(address, ":")] }

func (c *config) try(l *liar, address string, t *trial) string {
	l.begin(t.talk, t.target, t.nth, t.v)
	r := &run{c: c, address: address, tool: t.talk.Tool}
	r.start()
	defer os.RemoveAll(r.home)
	l.Lock()
	defer l.Unlock()
	why := c.judge(l, t, &r.outcome)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s: %s (%.1f s)\n%s", t, why, r.outcome.took.Seconds(), indent(r.outcome.Out+r.outcome.Err))
}

func indent(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > 12 && os.Getenv("LIAR_LONG") == "" {
		lines = append(lines[:6], lines[len(lines)-6:]...)
	}
	for i, line := range lines {
		lines[i] = "    " + line[:min(len(line), 400)]
	}
	return strings.Join(lines, "\n")
}

var (
	// what a line says that does not take the lie for an answer
	doubt = regexp.MustCompile(`unexpected answer|HTTP status|not that of a Kubernetes API|not a Kubernetes API|no JSON|truncated|cut off|is not a|` +
		`redirect|could not be determined|cannot tell|incomplete|HTTP 206|in the middle of the answer|does not end|answered HTTP`)
	// these have 1 for "differs"
	differs = regexp.MustCompile(`--diff|registries diff`)
	failure = regexp.MustCompile(`^rk3k-[a-z-]+: .+: .+|^rk3k-preflight: .* failed`)
	// status notes each problem, and the scripts say in which step the tool failed
	many    = regexp.MustCompile(`^(status|deploy|destroy)$`)
	renewal = regexp.MustCompile(`^PATCH /apis/coordination`)
)

// judge says what is wrong with how the tool ended, or "".
func (c *config) judge(l *liar, t *trial, o *outcome) string {
	same := o.Code == t.talk.Outcome.Code && o.Out == t.talk.Outcome.Out
	var errors []string
	for _, line := range strings.Split(o.Err, "\n") {
		if failure.MatchString(line) && !strings.Contains(line, ": warning: ") {
			errors = append(errors, line)
		}
	}
	switch {
	case o.Late && !c.excused(t, o):
		return "no end"
	case o.Late:
		return ""
	case o.Code > 5 && o.Code != t.talk.Outcome.Code:
		return fmt.Sprintf("exit %d", o.Code)
	case strings.Contains(o.Err, "Sanitizer") || strings.Contains(o.Err, "runtime error"):
		return "a sanitizer's report"
	case slices.ContainsFunc(l.stray, func(key string) bool { return !renewal.MatchString(key) }):
		return "another write: " + strings.Join(l.stray, ", ")
	case l.lies == 0:
		return "" // it went another way, or the request is one of several in parallel
	case l.good > 0 && same:
		return "" // asked again
	case c.excused(t, o):
		return ""
	case o.Code != 1 && (o.Code != 2 || !differs.MatchString(strings.Join(t.talk.Tool, " "))):
		return fmt.Sprintf("exit %d after a lie", o.Code)
	case !doubt.MatchString(o.Out + o.Err):
		return "the lie is not reported"
	case len(errors) != 1 && !many.MatchString(t.talk.Tool[0]):
		return fmt.Sprintf("%d error lines", len(errors))
	}
	return ""
}

func (c *config) excused(t *trial, o *outcome) bool {
	for _, x := range c.exempt {
		if x.command.MatchString(strings.Join(t.talk.Tool, " ")) && x.request.MatchString(t.target) &&
			x.variation.MatchString(t.v.name) && (o.Code == 1 || x.silent || o.Late || doubt.MatchString(o.Err)) &&
			(!o.Late || x.late) {
			return true
		}
	}
	return false
}
