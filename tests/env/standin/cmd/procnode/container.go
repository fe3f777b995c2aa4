// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
)

const maxBackoff = 5 * time.Minute

type container struct {
	p      *pod
	name   string
	isInit bool
	status v1.ContainerStatus // guarded by p.mu

	mu   sync.Mutex
	proc *process
	once chan struct{} // closed when it has started for the first time
}

// process is one run of a container.
type process struct {
	cmd    *exec.Cmd
	env    []string
	log    string
	exited chan struct{}
	code   int
	begun  time.Time
	reason string // why we ended it, when we did
}

func newContainer(p *pod, spec *v1.Container, old []v1.ContainerStatus, isInit bool) *container {
	c := &container{p: p, name: spec.Name, isInit: isInit, once: make(chan struct{})}
	c.status = v1.ContainerStatus{Name: spec.Name, Image: spec.Image, Started: ptr(false)}
	for _, s := range old {
		if s.Name == spec.Name && s.ContainerID != "" {
			c.status.RestartCount = s.RestartCount + 1
		}
	}
	reason := "ContainerCreating"
	if isInit || len(p.obj.Spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	c.status.State.Waiting = &v1.ContainerStateWaiting{Reason: reason}
	return c
}

func ptr[T any](v T) *T { return &v }

// spec is the container as the object has it now: its image may have changed.
func (c *container) spec() v1.Container {
	o := c.p.object()
	list := o.Spec.Containers
	if c.isInit {
		list = o.Spec.InitContainers
	}
	for _, s := range list {
		if s.Name == c.name {
			return s
		}
	}
	return v1.Container{Name: c.name}
}

func (c *container) sidecar() bool {
	s := c.spec()
	return c.isInit && s.RestartPolicy != nil && *s.RestartPolicy == v1.ContainerRestartPolicyAlways
}

func (c *container) change(f func(s *v1.ContainerStatus)) {
	c.p.mu.Lock()
	f(&c.status)
	c.p.mu.Unlock()
	poke(c.p.dirty)
}

func (c *container) waiting(reason, msg string) {
	c.change(func(s *v1.ContainerStatus) {
		s.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: msg}}
		s.Ready, s.Started = false, ptr(false)
	})
}

// loop runs the container until it is over for good; true when it succeeded.
func (c *container) loop() bool {
	delay := time.Duration(0)
	for {
		proc := c.startWhenPossible()
		if proc == nil {
			return false
		}
		c.watch(proc)
		c.terminated(proc)
		if c.p.isEnding() || !c.restarts(proc.code) {
			return proc.code == 0 && !c.p.isEnding()
		}
		if time.Since(proc.begun) > 2*maxBackoff {
			delay = 0
		}
		if !c.backOff(delay) {
			return false
		}
		delay = min(max(2*delay, c.p.n.backoff), maxBackoff)
	}
}

func (c *container) restarts(code int) bool {
	policy := c.p.object().Spec.RestartPolicy
	c.p.mu.Lock()
	over := c.p.mainDone
	c.p.mu.Unlock()
	switch {
	case c.sidecar():
		return !over
	case c.isInit && code == 0:
		return false
	}
	return again(policy, int32(code))
}

// again: does the policy start a container that ended so once more?
func again(policy v1.RestartPolicy, code int32) bool {
	return policy == v1.RestartPolicyAlways || (policy == v1.RestartPolicyOnFailure && code != 0)
}

func (c *container) backOff(delay time.Duration) bool {
	c.p.mu.Lock()
	last := c.status.State.Terminated
	c.p.mu.Unlock()
	if delay > 0 {
		msg := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", delay, c.name, c.p.object().Name)
		c.waiting("CrashLoopBackOff", msg)
		c.p.event(v1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s", c.name)
	}
	c.change(func(s *v1.ContainerStatus) {
		s.LastTerminationState = v1.ContainerState{Terminated: last}
		s.RestartCount++
	})
	select {
	case <-c.p.ending:
		c.change(func(s *v1.ContainerStatus) { s.State = v1.ContainerState{Terminated: last} })
		return false
	case <-time.After(delay):
		return true
	}
}

// startWhenPossible tries until there is a process or the pod has to end.
func (c *container) startWhenPossible() *process {
	for try := 0; !c.p.isEnding(); try++ {
		reason, err := "", error(nil)
		var proc *process
		if proc, reason, err = c.start(); err == nil {
			return proc
		}
		c.complain(try, reason, err)
		if reason == "RunContainerError" {
			return c.stillborn(err)
		}
		if !c.p.pause(min(time.Duration(try+1)*c.p.n.backoff/2, 10*time.Second)) {
			return nil
		}
	}
	return nil
}

func (c *container) complain(try int, reason string, err error) {
	msg := err.Error()
	if reason == "ErrImagePull" {
		image := c.spec().Image
		if try == 0 {
			c.p.event(v1.EventTypeNormal, "Pulling", "Pulling image %q", image)
			c.p.event(v1.EventTypeWarning, "Failed", "Failed to pull image %q: %v", image, err)
		} else {
			reason, msg = "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: %v", image, err)
			c.p.event(v1.EventTypeNormal, "BackOff", "Back-off pulling image %q", image)
		}
	}
	if try < 2 {
		c.p.event(v1.EventTypeWarning, "Failed", "Error: %s", reason)
	}
	c.waiting(reason, msg)
}

// stillborn is a process that could not be executed: it counts as a failed run.
func (c *container) stillborn(err error) *process {
	proc := &process{code: 128, begun: time.Now(), exited: make(chan struct{}), reason: "StartError"}
	proc.log = c.logFile()
	close(proc.exited)
	writeLog(proc.log, "stderr", err.Error())
	return proc
}

func (c *container) logFile() string {
	c.p.mu.Lock()
	n := c.status.RestartCount
	c.p.mu.Unlock()
	return filepath.Join(c.p.log, fmt.Sprintf("%s-%d.log", c.name, n))
}

// start makes one process; reason is the container's state when it cannot.
func (c *container) start() (proc *process, reason string, err error) {
	spec := c.spec()
	words, err := lookup(c.p.n.images, spec.Image)
	if err != nil {
		return nil, "ErrImagePull", err
	}
	env, err := c.environment(&spec)
	if err != nil {
		return nil, "CreateContainerConfigError", err
	}
	argv := commandLine(words, spec.Command, spec.Args, env)
	prog, err := program(c.p.n.images, argv)
	if err != nil {
		return nil, "RunContainerError", err
	}
	argv[0] = prog
	binds, err := c.binds(&spec, env)
	if err != nil {
		return nil, "CreateContainerConfigError", err
	}
	proc, err = c.execute(&spec, argv, env, binds)
	if err != nil {
		return nil, "RunContainerError", err
	}
	c.isRunning(&spec, proc)
	return proc, "", nil
}

func (c *container) isRunning(spec *v1.Container, proc *process) {
	c.mu.Lock()
	c.proc = proc
	c.mu.Unlock()
	started := spec.StartupProbe == nil
	ready := started && spec.ReadinessProbe == nil && (!c.isInit || c.sidecar())
	c.change(func(s *v1.ContainerStatus) {
		s.Image, s.ImageID = spec.Image, "procnode://"+repository(spec.Image)
		s.ContainerID = "procnode://" + string(uuid.NewUUID())
		s.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.NewTime(proc.begun)}}
		s.Started = &started
		s.Ready = ready
	})
	c.p.event(v1.EventTypeNormal, "Started", "Started container %s", c.name)
	select {
	case <-c.once:
	default:
		close(c.once)
	}
}

func (c *container) waitStarted() {
	select {
	case <-c.once:
	case <-c.p.ending:
	}
}

// watch returns when the process has ended, by itself, by a failing probe, or
// because the pod ends.
func (c *container) watch(proc *process) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.probe(ctx, proc)
	select {
	case <-proc.exited:
	case <-c.p.ending:
		c.p.event(v1.EventTypeNormal, "Killing", "Stopping container %s", c.name)
		c.p.mu.Lock()
		grace := c.p.grace
		c.p.mu.Unlock()
		proc.stop(grace, c.p.killNow)
	}
}

func (c *container) kill() {
	c.mu.Lock()
	proc := c.proc
	c.mu.Unlock()
	if proc != nil && proc.cmd != nil {
		proc.stop(time.Second, c.p.killNow)
	}
}

func (proc *process) stop(grace time.Duration, now <-chan struct{}) {
	_ = proc.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-proc.exited:
		return
	case <-now:
	case <-time.After(grace):
	}
	_ = proc.cmd.Process.Kill()
	<-proc.exited
}

func (c *container) terminated(proc *process) {
	t := &v1.ContainerStateTerminated{ExitCode: int32(proc.code), Reason: "Completed",
		StartedAt: metav1.NewTime(proc.begun), FinishedAt: metav1.Now()}
	if proc.code != 0 {
		t.Reason = "Error"
	}
	if proc.reason != "" {
		t.Reason = proc.reason
	}
	t.Message = c.lastWords(proc)
	c.change(func(s *v1.ContainerStatus) {
		t.ContainerID = s.ContainerID
		s.State = v1.ContainerState{Terminated: t}
		s.Ready, s.Started = c.isInit && proc.code == 0, ptr(false)
	})
}

// lastWords is the termination message: its file, or the end of the log.
func (c *container) lastWords(proc *process) string {
	b, _ := os.ReadFile(c.messageFile())
	spec := c.spec()
	if len(b) == 0 && proc.code != 0 && spec.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		var sb strings.Builder
		_ = copyLog(&sb, proc.log, logOptions{tail: 80})
		b = []byte(sb.String())
		b = b[max(0, len(b)-2048):]
	}
	return strings.ToValidUTF8(string(b[:min(len(b), 4096)]), "?")
}

func (c *container) messageFile() string { return filepath.Join(c.p.dir, "messages", c.name) }

// --- environment and mounts -------------------------------------------------

func (c *container) environment(spec *v1.Container) (map[string]string, error) {
	o := c.p.object()
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": "/root", "HOSTNAME": hostname(o)}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		if (strings.HasPrefix(k, "RK3K_") && k != "RK3K_SPAWNED") || k == "SSL_CERT_DIR" {
			env[k] = v
		}
	}
	env["POD_IP"], _ = c.p.field(o, "status.podIP")
	env["NODE_IP"] = c.p.n.address
	if err := c.p.n.serviceEnv(env); err != nil {
		return nil, err
	}
	for i := range spec.EnvFrom {
		if err := c.envFrom(o, &spec.EnvFrom[i], env); err != nil {
			return nil, err
		}
	}
	for i := range spec.Env {
		e := &spec.Env[i]
		v, ok, err := c.value(o, e, env)
		if err != nil {
			return nil, err
		}
		if ok {
			env[e.Name] = v
		}
	}
	return env, nil
}

func hostname(o *v1.Pod) string {
	h := o.Name
	if o.Spec.Hostname != "" {
		h = o.Spec.Hostname
	}
	return h[:min(len(h), 63)]
}

func (n *node) serviceEnv(env map[string]string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.serviceHost == "" {
		// A node may read Services; the address of this one never changes.
		s, err := n.client.CoreV1().Services("default").Get(context.Background(), "kubernetes", metav1.GetOptions{})
		if err != nil {
			return err
		}
		n.serviceHost, n.servicePort = s.Spec.ClusterIP, fmt.Sprint(s.Spec.Ports[0].Port)
	}
	env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"] = n.serviceHost, n.servicePort
	env["KUBERNETES_SERVICE_PORT_HTTPS"] = n.servicePort
	env["KUBERNETES_PORT"] = "tcp://" + n.serviceHost + ":" + n.servicePort
	return nil
}

func (c *container) envFrom(o *v1.Pod, s *v1.EnvFromSource, env map[string]string) error {
	fs := files{}
	var err error
	switch ctx := context.Background(); {
	case s.SecretRef != nil:
		err = c.p.addSecret(ctx, o, &v1.SecretProjection{LocalObjectReference: s.SecretRef.LocalObjectReference,
			Optional: s.SecretRef.Optional}, 0, fs)
	case s.ConfigMapRef != nil:
		err = c.p.addConfigMap(ctx, o, &v1.ConfigMapProjection{LocalObjectReference: s.ConfigMapRef.LocalObjectReference,
			Optional: s.ConfigMapRef.Optional}, 0, fs)
	}
	for k, f := range fs {
		env[s.Prefix+k] = string(f.data)
	}
	return err
}

// value is what a variable stands for; not ok when it is optional and absent.
func (c *container) value(o *v1.Pod, e *v1.EnvVar, env map[string]string) (string, bool, error) {
	from := e.ValueFrom
	if from == nil {
		return expand(e.Value, env), true, nil
	}
	fs, key, ctx := files{}, "", context.Background()
	var err error
	switch {
	case from.FieldRef != nil:
		v, err := c.p.field(o, from.FieldRef.FieldPath)
		return v, true, err
	case from.ResourceFieldRef != nil:
		return "0", true, nil
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		key = r.Key
		err = c.p.addSecret(ctx, o, &v1.SecretProjection{LocalObjectReference: r.LocalObjectReference,
			Items: []v1.KeyToPath{{Key: key, Path: key}}, Optional: r.Optional}, 0, fs)
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		key = r.Key
		err = c.p.addConfigMap(ctx, o, &v1.ConfigMapProjection{LocalObjectReference: r.LocalObjectReference,
			Items: []v1.KeyToPath{{Key: key, Path: key}}, Optional: r.Optional}, 0, fs)
	}
	f, ok := fs[key]
	return string(f.data), ok, err
}

func (c *container) binds(spec *v1.Container, env map[string]string) ([]bind, error) {
	var out []bind
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for _, m := range spec.VolumeMounts {
		source, ok := c.p.paths[m.Name]
		if !ok {
			return nil, fmt.Errorf("no volume %q", m.Name)
		}
		sub := m.SubPath
		if m.SubPathExpr != "" {
			sub = expand(m.SubPathExpr, env)
		}
		if sub != "" {
			source = filepath.Join(source, sub)
			if _, err := os.Stat(source); os.IsNotExist(err) {
				if err := os.MkdirAll(source, 0o755); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, bind{source, m.MountPath, m.ReadOnly})
	}
	return c.ownFiles(spec, out)
}

// ownFiles adds the termination message's file and /etc/hosts.
func (c *container) ownFiles(spec *v1.Container, out []bind) ([]bind, error) {
	msg, hosts := c.messageFile(), filepath.Join(c.p.dir, "hosts")
	if err := os.MkdirAll(filepath.Dir(msg), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(msg, nil, 0o666); err != nil {
		return nil, err
	}
	text := "127.0.0.1 localhost\n" + c.p.ip + " " + hostname(c.p.obj) + "\n"
	for _, a := range c.p.obj.Spec.HostAliases {
		text += a.IP + " " + strings.Join(a.Hostnames, " ") + "\n"
	}
	if err := os.WriteFile(hosts, []byte(text), 0o644); err != nil {
		return nil, err
	}
	path := spec.TerminationMessagePath
	if path == "" {
		path = v1.TerminationMessagePathDefault
	}
	return append([]bind{{hosts, "/etc/hosts", false}, {msg, path, false}}, out...), nil
}

// --- the process ------------------------------------------------------------

func flat(env map[string]string) []string {
	var out []string
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

// needed are directories of the machine that programs need and a container would
// lack: on file systems of their own, which the root's overlay does not show, or
// below a volume's place.
func needed(table string, binds []bind) []string {
	var root, st syscall.Stat_t
	if syscall.Stat("/", &root) != nil {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for _, d := range append(filepath.SplitList(os.Getenv("PATH")), filepath.Dir(table),
		os.Getenv("RK3K_CACHE_DIR"), os.Getenv("SSL_CERT_DIR")) {
		if d != "" && !seen[d] && syscall.Stat(d, &st) == nil && (st.Dev != root.Dev || hidden(d, binds)) {
			out = append(out, d)
		}
		seen[d] = true
	}
	return out
}

func hidden(dir string, binds []bind) bool {
	for _, b := range binds {
		if strings.HasPrefix(dir, strings.TrimSuffix(b.Target, "/")+"/") {
			return true
		}
	}
	return false
}

// Processes die with us; the kernel binds that to the thread that started them.
var starter = func() chan func() {
	ch := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range ch {
			f()
		}
	}()
	return ch
}()

func startOnThread(cmd *exec.Cmd) error {
	done := make(chan error)
	starter <- func() { done <- cmd.Start() }
	return <-done
}

func (c *container) execute(spec *v1.Container, argv []string, env map[string]string, binds []bind) (*process, error) {
	root := filepath.Join(c.p.dir, "roots", c.name)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	l := launch{Root: root, Keep: needed(c.p.n.images, binds), Binds: binds, Hostname: hostname(c.p.object()),
		Dir: spec.WorkingDir, Argv: argv, Env: flat(env)}
	proc := &process{env: l.Env, log: c.logFile(), begun: time.Now(), exited: make(chan struct{})}
	proc.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{initName}, SysProcAttr: &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS,
		Setsid:     true, Pdeathsig: syscall.SIGKILL}}
	return proc, proc.begin(l)
}

// begin starts the process, hands it its launch, and reads whether that failed.
func (proc *process) begin(l launch) error {
	var pipes [4][2]*os.File // out, err, launch, report
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		pipes[i] = [2]*os.File{r, w}
	}
	out, errs, in, report := pipes[0], pipes[1], pipes[2], pipes[3]
	proc.cmd.Stdout, proc.cmd.Stderr = out[1], errs[1]
	proc.cmd.ExtraFiles = []*os.File{in[0], report[1]}
	err := startOnThread(proc.cmd)
	for _, f := range []*os.File{out[1], errs[1], in[0], report[1]} {
		f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{out[0], errs[0], in[1], report[0]} {
			f.Close()
		}
		return err
	}
	err = json.NewEncoder(in[1]).Encode(l)
	in[1].Close()
	failure, _ := io.ReadAll(report[0])
	report[0].Close()
	go proc.wait(out[0], errs[0])
	if len(failure) > 0 {
		<-proc.exited
		return errors.New(string(failure))
	}
	return err
}

func (proc *process) wait(out, errs *os.File) {
	var wg sync.WaitGroup
	for name, f := range map[string]*os.File{"stdout": out, "stderr": errs} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			keepLog(proc.log, name, f)
		}()
	}
	_ = proc.cmd.Wait()
	st := proc.cmd.ProcessState.Sys().(syscall.WaitStatus)
	proc.code = st.ExitStatus()
	if st.Signaled() {
		proc.code = 128 + int(st.Signal())
	}
	wg.Wait() // the PID namespace has gone with its first process: nobody holds them
	close(proc.exited)
}

var logMu sync.Mutex

// writeLog adds a line as a container runtime does: time, stream, F, text.
func writeLog(path, stream, line string) {
	logMu.Lock()
	defer logMu.Unlock()
	_ = os.MkdirAll(filepath.Dir(path), 0o755)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %s F %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, line)
}

func keepLog(path, stream string, f *os.File) {
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			writeLog(path, stream, strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}
