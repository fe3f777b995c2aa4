// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	coordv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

const leaseSeconds = 40

type node struct {
	config
	client   kubernetes.Interface
	recorder record.EventRecorder
	ips      *ipPool

	mu   sync.Mutex
	pods map[types.UID]*pod
	wg   sync.WaitGroup
}

func newNode(c config, client kubernetes.Interface) (*node, error) {
	ips, err := newIPPool(c.podCIDR)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(c.dir, "pods"), 0o711); err != nil {
		return nil, err
	}
	b := record.NewBroadcaster()
	b.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	src := v1.EventSource{Component: "kubelet", Host: c.name}
	return &node{config: c, client: client, ips: ips, pods: map[types.UID]*pod{},
		recorder: b.NewRecorder(scheme.Scheme, src)}, nil
}

func (n *node) object() *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: map[string]string{
		v1.LabelHostname:           n.name,
		v1.LabelOSStable:           runtime.GOOS,
		v1.LabelArchStable:         runtime.GOARCH,
		v1.LabelInstanceTypeStable: "procnode",
	}}}
}

func condition(t v1.NodeConditionType, s v1.ConditionStatus, reason string) v1.NodeCondition {
	now := metav1.Now()
	return v1.NodeCondition{Type: t, Status: s, Reason: reason,
		LastHeartbeatTime: now, LastTransitionTime: now}
}

func (n *node) status() v1.NodeStatus {
	room := v1.ResourceList{
		v1.ResourceCPU:              resource.MustParse("64"),
		v1.ResourceMemory:           resource.MustParse("256Gi"),
		v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		v1.ResourcePods:             resource.MustParse("1000"),
	}
	return v1.NodeStatus{
		Capacity: room, Allocatable: room,
		Addresses: []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: n.address},
			{Type: v1.NodeHostName, Address: n.name}},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: int32(n.port)}},
		NodeInfo: v1.NodeSystemInfo{OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
			KubeletVersion: "v1.34.1+procnode", ContainerRuntimeVersion: "procnode://1",
			OSImage: "none", KernelVersion: "none"},
		Conditions: []v1.NodeCondition{
			condition(v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory"),
			condition(v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure"),
			condition(v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID"),
			condition(v1.NodeReady, v1.ConditionTrue, "KubeletReady"),
		},
	}
}

// register waits for an API server that is still starting.
func (n *node) register(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	for {
		_, err := nodes.Create(ctx, n.object(), metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			if err = n.renew(ctx); err == nil {
				return n.report(ctx)
			}
		}
		log.Printf("register: %v", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (n *node) report(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	for {
		obj, err := nodes.Get(ctx, n.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		obj.Status = n.status()
		_, err = nodes.UpdateStatus(ctx, obj, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) {
			return err
		}
	}
}

func (n *node) renew(ctx context.Context) error {
	leases := n.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	now, seconds := metav1.NowMicro(), int32(leaseSeconds)
	spec := coordv1.LeaseSpec{HolderIdentity: &n.name, LeaseDurationSeconds: &seconds, RenewTime: &now}
	lease, err := leases.Get(ctx, n.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: n.name}, Spec: spec}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

func (n *node) heartbeat(ctx context.Context) {
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(leaseSeconds / 4 * time.Second):
		}
		if err := n.renew(ctx); err != nil {
			log.Printf("lease: %v", err)
		}
		if i%6 == 0 {
			if err := n.report(ctx); err != nil {
				log.Printf("node status: %v", err)
			}
		}
	}
}

func (n *node) watchPods(ctx context.Context) {
	mine := func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", n.name).String()
	}
	f := informers.NewSharedInformerFactoryWithOptions(n.client, 0, informers.WithTweakListOptions(mine))
	_, err := f.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.seen(o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { n.seen(o.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = d.Obj
			}
			n.gone(o.(*v1.Pod).UID)
		},
	})
	if err != nil {
		log.Fatalf("procnode: %v", err)
	}
	f.Start(ctx.Done())
	<-ctx.Done()
	f.Shutdown()
}

func terminal(o *v1.Pod) bool {
	return o.Status.Phase == v1.PodSucceeded || o.Status.Phase == v1.PodFailed
}

func (n *node) seen(o *v1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pods[o.UID]
	if p != nil {
		p.update(o)
		return
	}
	if terminal(o) && o.DeletionTimestamp == nil {
		return
	}
	p = newPod(n, o)
	n.pods[o.UID] = p
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		p.run()
	}()
}

// gone: the object is no more, so nobody waits for a graceful end.
func (n *node) gone(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pods[uid]; p != nil {
		p.end(0)
		delete(n.pods, uid)
	}
}

func (n *node) find(namespace, name string) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found *pod
	for _, p := range n.pods {
		o := p.object()
		if o.Namespace == namespace && o.Name == name &&
			(found == nil || o.CreationTimestamp.After(found.object().CreationTimestamp.Time)) {
			found = p
		}
	}
	return found
}

// stopAll ends the processes but leaves the pods: another procnode of the same
// name starts them again, as after a reboot of a node.
func (n *node) stopAll(grace time.Duration) {
	n.mu.Lock()
	for _, p := range n.pods {
		p.abandon(grace)
	}
	n.mu.Unlock()
	n.wg.Wait()
}

// ipPool hands out addresses by adding them to lo. The kernel knows which are
// taken, so nodes that share a namespace may share a range.
type ipPool struct {
	mu   sync.Mutex
	pfx  netip.Prefix
	next netip.Addr
}

func newIPPool(cidr string) (*ipPool, error) {
	pfx, err := netip.ParsePrefix(cidr)
	if err != nil {
		return nil, fmt.Errorf("pod CIDR: %w", err)
	}
	return &ipPool{pfx: pfx.Masked(), next: pfx.Masked().Addr().Next()}, nil
}

func (l *ipPool) take() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 4096 {
		l.next = l.next.Next()
		if !l.pfx.Contains(l.next) {
			l.next = l.pfx.Addr().Next().Next()
		}
		out, err := exec.Command("ip", "addr", "add", l.next.String()+"/32", "dev", "lo").CombinedOutput()
		if err == nil {
			return l.next.String(), nil
		}
		if !strings.Contains(string(out), "File exists") && !strings.Contains(string(out), "already assigned") {
			return "", fmt.Errorf("address %s: %s", l.next, strings.TrimSpace(string(out)))
		}
	}
	return "", fmt.Errorf("no address left in %s", l.pfx)
}

func (l *ipPool) release(ip string) {
	_ = exec.Command("ip", "addr", "del", ip+"/32", "dev", "lo").Run()
}
