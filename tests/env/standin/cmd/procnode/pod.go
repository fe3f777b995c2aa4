// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// pod is one pod on this node, from binding to deletion. Its goroutine is run;
// each container has one of its own; one more writes the status.
type pod struct {
	n   *node
	uid types.UID
	dir string
	log string

	ending chan struct{} // closed when it has to end
	dirty  chan struct{} // the status may have changed
	fresh  chan struct{} // the object has changed

	mu        sync.Mutex
	obj       *v1.Pod
	ip        string
	started   metav1.Time
	paths     map[string]string // volume -> directory on the node
	tokens    map[string]token
	init      []*container
	main      []*container
	initDone  bool
	stopped   bool // all processes have ended for good
	abandoned bool
	mainDone  bool
	grace     time.Duration
	killNow   chan struct{}
}

func newPod(n *node, o *v1.Pod) *pod {
	id := fmt.Sprintf("%s_%s_%s", o.Namespace, o.Name, o.UID)
	p := &pod{n: n, uid: o.UID, obj: o, dir: filepath.Join(n.dir, "pods", id),
		log:    filepath.Join(n.dir, "log", id),
		ending: make(chan struct{}), killNow: make(chan struct{}),
		dirty: make(chan struct{}, 1), fresh: make(chan struct{}, 1),
		started: metav1.Now(), tokens: map[string]token{}, paths: map[string]string{}}
	for i := range o.Spec.InitContainers {
		p.init = append(p.init, newContainer(p, &o.Spec.InitContainers[i], o.Status.InitContainerStatuses, true))
	}
	for i := range o.Spec.Containers {
		p.main = append(p.main, newContainer(p, &o.Spec.Containers[i], o.Status.ContainerStatuses, false))
	}
	if o.DeletionTimestamp != nil {
		p.end(graceOf(o))
	}
	return p
}

func graceOf(o *v1.Pod) time.Duration {
	if o.DeletionGracePeriodSeconds == nil {
		return 30 * time.Second
	}
	return time.Duration(*o.DeletionGracePeriodSeconds) * time.Second
}

func (p *pod) object() *v1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.obj
}

func (p *pod) update(o *v1.Pod) {
	p.mu.Lock()
	p.obj = o
	p.mu.Unlock()
	poke(p.fresh)
	if len(o.Spec.ReadinessGates) > 0 {
		poke(p.dirty)
	}
	if o.DeletionTimestamp != nil {
		p.end(graceOf(o))
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// end asks all containers to stop; a later call may only shorten the grace.
func (p *pod) end(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ending:
	default:
		p.grace = grace
		close(p.ending)
	}
	if grace == 0 {
		select {
		case <-p.killNow:
		default:
			close(p.killNow)
		}
	}
}

func (p *pod) abandon(grace time.Duration) {
	p.mu.Lock()
	p.abandoned = true
	p.mu.Unlock()
	p.end(grace)
}

func (p *pod) isEnding() bool {
	select {
	case <-p.ending:
		return true
	default:
		return false
	}
}

// pause waits, and says whether the pod goes on.
func (p *pod) pause(d time.Duration) bool {
	select {
	case <-p.ending:
		return false
	case <-p.fresh:
		return true
	case <-time.After(d):
		return true
	}
}

func (p *pod) event(kind, reason, format string, args ...any) {
	p.n.recorder.Eventf(p.object(), kind, reason, format, args...)
}

// run is the life of the pod.
func (p *pod) run() {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		p.writeStatus(quit)
		close(done)
	}()
	poke(p.dirty)
	if p.prepare() && p.runInit() {
		p.runMain()
	}
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	close(quit)
	<-done
	p.finish()
}

func (p *pod) prepare() bool {
	if p.isEnding() {
		return false
	}
	ip := p.n.address
	if !p.object().Spec.HostNetwork {
		var err error
		if ip, err = p.n.ips.take(); err != nil {
			log.Printf("%s: %v", p.object().Name, err)
			return false
		}
	}
	p.mu.Lock()
	p.ip = ip
	p.mu.Unlock()
	poke(p.dirty)
	if !p.mountVolumes() {
		return false
	}
	go p.refreshVolumes()
	return true
}

// mountVolumes waits until every volume is there.
func (p *pod) mountVolumes() bool {
	o := p.object()
	for i := range o.Spec.Volumes {
		v := &o.Spec.Volumes[i]
		for try := 0; ; try++ {
			path, err := p.volume(context.Background(), o, v)
			if err == nil {
				p.mu.Lock()
				p.paths[v.Name] = path
				p.mu.Unlock()
				break
			}
			// The first misses are of objects that are just being made.
			if try%20 == 2 {
				p.event(v1.EventTypeWarning, "FailedMount",
					"MountVolume.SetUp failed for volume %q : %v", v.Name, err)
			}
			if !p.pause(min(time.Duration(try+1)*100*time.Millisecond, time.Second)) {
				return false
			}
		}
	}
	return true
}

func (p *pod) refreshVolumes() {
	for {
		select {
		case <-p.ending:
			return
		case <-time.After(p.n.refresh):
		}
		o := p.object()
		for i := range o.Spec.Volumes {
			v := &o.Spec.Volumes[i]
			if v.Secret == nil && v.ConfigMap == nil && v.Projected == nil && v.DownwardAPI == nil {
				continue
			}
			// What is gone stays as it was, as with a kubelet.
			fs, err := p.contents(context.Background(), o, v)
			if err == nil {
				err = publish(filepath.Join(p.dir, "volumes", v.Name), fs)
			}
			if err != nil && !p.isEnding() && !apierrors.IsNotFound(err) {
				log.Printf("%s/%s: volume %s: %v", o.Namespace, o.Name, v.Name, err)
			}
		}
	}
}

// runInit runs the init containers one by one; a sidecar is not waited for.
func (p *pod) runInit() bool {
	for _, c := range p.init {
		if c.sidecar() {
			go c.loop()
			c.waitStarted()
			continue
		}
		if !c.loop() {
			return false
		}
	}
	p.mu.Lock()
	p.initDone = true
	p.mu.Unlock()
	poke(p.dirty)
	return !p.isEnding()
}

func (p *pod) runMain() {
	var wg sync.WaitGroup
	for _, c := range p.main {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c.loop()
		}()
	}
	wg.Wait()
	p.mu.Lock()
	p.mainDone = true
	p.mu.Unlock()
	for _, c := range p.init {
		if c.sidecar() {
			c.kill()
		}
	}
}

// finish tells the API server and cleans up; logs stay.
func (p *pod) finish() {
	o := p.object()
	p.mu.Lock()
	ip, abandoned := p.ip, p.abandoned
	p.mu.Unlock()
	if ip != "" && ip != p.n.address {
		p.n.ips.release(ip)
	}
	if !p.isEnding() {
		<-p.ending // finished by itself: its object stays until somebody deletes it
		o = p.object()
	}
	if !abandoned && o.DeletionTimestamp != nil {
		p.deleteObject(o)
	}
	if err := os.RemoveAll(p.dir); err != nil {
		log.Printf("%s: %v", o.Name, err)
	}
}

func (p *pod) deleteObject(o *v1.Pod) {
	zero := int64(0)
	opts := metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &p.uid}}
	for range 20 {
		err := p.n.client.CoreV1().Pods(o.Namespace).Delete(context.Background(), o.Name, opts)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		log.Printf("delete %s/%s: %v", o.Namespace, o.Name, err)
		time.Sleep(500 * time.Millisecond)
	}
}

// --- status -----------------------------------------------------------------

func (p *pod) writeStatus(quit chan struct{}) {
	var last v1.PodStatus
	write := func() {
		s := p.status()
		if reflect.DeepEqual(s, last) {
			return
		}
		if err := p.patchStatus(s); err != nil {
			if !apierrors.IsNotFound(err) {
				log.Printf("status of %s: %v", p.object().Name, err)
				time.AfterFunc(200*time.Millisecond, func() { poke(p.dirty) })
			}
			return
		}
		last = s
	}
	for {
		select {
		case <-quit:
			write()
			return
		case <-p.dirty:
			write()
		}
	}
}

func (p *pod) patchStatus(s v1.PodStatus) error {
	p.mu.Lock()
	o, abandoned := p.obj, p.abandoned
	p.mu.Unlock()
	if abandoned {
		return nil
	}
	body, err := statusPatch(o.UID, s)
	if err != nil {
		return err
	}
	_, err = p.n.client.CoreV1().Pods(o.Namespace).Patch(context.Background(), o.Name,
		types.StrategicMergePatchType, body, metav1.PatchOptions{}, "status")
	return err
}

// statusPatch replaces the addresses, which a strategic merge would add to.
func statusPatch(uid types.UID, s v1.PodStatus) ([]byte, error) {
	st, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&s)
	if err != nil {
		return nil, err
	}
	if ips, ok := st["podIPs"].([]any); ok {
		st["podIPs"] = append([]any{map[string]any{"$patch": "replace"}}, ips...)
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{"uid": uid}, "status": st})
}

func (p *pod) status() v1.PodStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := v1.PodStatus{HostIP: p.n.address, HostIPs: []v1.HostIP{{IP: p.n.address}}, StartTime: &p.started}
	if p.ip != "" {
		s.PodIP, s.PodIPs = p.ip, []v1.PodIP{{IP: p.ip}}
	}
	for _, c := range p.init {
		s.InitContainerStatuses = append(s.InitContainerStatuses, *c.status.DeepCopy())
	}
	for _, c := range p.main {
		s.ContainerStatuses = append(s.ContainerStatuses, *c.status.DeepCopy())
	}
	s.Phase = p.phase()
	s.Conditions = p.conditions(s)
	return s
}

// phase follows the kubelet's getPhase. Called with p.mu held.
func (p *pod) phase() v1.PodPhase {
	var waiting, running, failed int
	for _, c := range p.main {
		switch st := c.status.State; {
		case st.Running != nil:
			running++
		case st.Waiting != nil && c.status.LastTerminationState.Terminated == nil:
			waiting++
		case st.Waiting != nil:
			running++ // between two starts
		case st.Terminated != nil && !p.stopped && again(p.obj.Spec.RestartPolicy, st.Terminated.ExitCode):
			running++ // before the back-off
		case st.Terminated != nil && st.Terminated.ExitCode != 0:
			failed++
		}
	}
	switch {
	case p.initFailed():
		return v1.PodFailed
	case !p.stopped && (!p.initDone || waiting > 0):
		return v1.PodPending
	case !p.stopped && running > 0:
		return v1.PodRunning
	case failed > 0 || waiting > 0 || running > 0:
		return v1.PodFailed
	}
	return v1.PodSucceeded
}

func (p *pod) initFailed() bool {
	for _, c := range p.init {
		t := c.status.State.Terminated
		if t != nil && t.ExitCode != 0 && p.stopped {
			return true
		}
	}
	return false
}

func (p *pod) conditions(s v1.PodStatus) []v1.PodCondition {
	var unready []string
	for _, c := range s.ContainerStatuses {
		if !c.Ready {
			unready = append(unready, c.Name)
		}
	}
	why, msg := "", ""
	if len(unready) > 0 {
		why, msg = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", unready)
	}
	ready := len(unready) == 0
	if s.Phase == v1.PodSucceeded {
		ready, why, msg = false, "PodCompleted", ""
	}
	initWhy := ""
	if !p.initDone {
		initWhy = "ContainersNotInitialized"
	}
	gates := ready
	for _, g := range p.obj.Spec.ReadinessGates {
		gates = gates && p.was(g.ConditionType).Status == v1.ConditionTrue
	}
	return []v1.PodCondition{
		p.condition(v1.PodReadyToStartContainers, p.ip != "" && !p.stopped, "", ""),
		p.condition(v1.PodInitialized, p.initDone, initWhy, ""),
		p.condition(v1.PodReady, gates, why, msg),
		p.condition(v1.ContainersReady, ready, why, msg),
	}
}

func (p *pod) was(t v1.PodConditionType) v1.PodCondition {
	for _, c := range p.obj.Status.Conditions {
		if c.Type == t {
			return c
		}
	}
	return v1.PodCondition{}
}

func (p *pod) condition(t v1.PodConditionType, yes bool, why, msg string) v1.PodCondition {
	c := v1.PodCondition{Type: t, Status: v1.ConditionFalse, Reason: why, Message: msg, LastTransitionTime: metav1.Now()}
	if yes {
		c.Status = v1.ConditionTrue
	}
	if old := p.was(t); old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	} else {
		c.LastTransitionTime.Time = c.LastTransitionTime.Truncate(time.Second)
	}
	return c
}

// --- what a pod's environment may name --------------------------------------

var subscript = regexp.MustCompile(`^metadata\.(labels|annotations)\['(.*)'\]$`)

func (p *pod) field(o *v1.Pod, path string) (string, error) {
	if m := subscript.FindStringSubmatch(path); m != nil {
		if m[1] == "labels" {
			return o.Labels[m[2]], nil
		}
		return o.Annotations[m[2]], nil
	}
	p.mu.Lock()
	ip := p.ip
	p.mu.Unlock()
	switch path {
	case "metadata.name":
		return o.Name, nil
	case "metadata.namespace":
		return o.Namespace, nil
	case "metadata.uid":
		return string(o.UID), nil
	case "metadata.labels":
		return pairs(o.Labels), nil
	case "metadata.annotations":
		return pairs(o.Annotations), nil
	case "spec.nodeName":
		return o.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return o.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return p.n.address, nil
	case "status.podIP", "status.podIPs":
		return ip, nil
	}
	return "", fmt.Errorf("field %q is not known here", path)
}

func pairs(m map[string]string) string {
	var b strings.Builder
	fs := files{}
	for k, v := range m {
		fs[k] = file{data: []byte(v)}
	}
	for _, k := range fs.names() {
		fmt.Fprintf(&b, "%s=%q\n", k, fs[k].data)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
