// SPDX-License-Identifier: Apache-2.0

// k3k-standin takes the place of the k3k controller (image rancher/k3k) in the test bed.
//
// Real: the watch on clusters.k3k.io, names (with their hashes), labels, owner references and
// finalizers of all objects, the Services by kind of exposure, the StatefulSet (run by the real
// controller manager), the Secrets token, init-server-config, server-config, bootstrap and
// kubeconfig with working keys, the Ingress, phases, conditions and events, passing through Failed,
// a new client certificate at every successful reconcile, finalizers that only this process
// releases, pods of a cluster with several servers only while another server is Ready; what differs
// between versions of the controller (see version.go), above all the pod template, so that another
// version restarts the servers of all clusters; policies: the mode that they allow, one that does
// not exist, and the Pod Security labels, quota and limits of their namespaces, which the real API
// server then enforces.
//
// Not imitated: shared mode's kubelet and syncing, what policies set in Clusters and their end,
// addons, custom CAs, resource limits, the NetworkPolicy, membership of etcd (see
// cmd/k3s: servers 1..n relay to server 0). The supervisor's answers come from port 9345 of a server
// pod, where k3s serves them on 6443. Retries come after a third of a second instead of ten.
//
// READY_DELAY (a Go duration) holds back Ready after the server first answered. PACE=k3k makes
// retries as slow as the real ones: after ten seconds while a server does not answer, with
// controller-runtime's back-off after errors, and pods do not bring their cluster forward.
// CONTROLLER_VERSION is the chart's version, from which the version's behaviour follows.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

type controller struct {
	kube        kubernetes.Interface
	dyn         dynamic.Interface
	queue       workqueue.TypedRateLimitingInterface[task]
	version     version
	soon        time.Duration // before the next try while a server does not answer
	slow        bool
	serverImage string
	agentImage  string
	pullSecrets []string
	readyDelay  time.Duration
	answered    map[types.UID]time.Time // when a cluster's server first answered
}

// A task is a cluster to reconcile, or with pods only its server pods to release.
type task struct {
	types.NamespacedName
	pods bool
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	c := &controller{answered: map[types.UID]time.Time{}, soon: 300 * time.Millisecond}
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig; in-cluster without it")
	flag.StringVar(&c.serverImage, "k3s-server-image", "rancher/k3s", "image of the servers, without tag")
	flag.StringVar(&c.agentImage, "agent-virtual-image", "rancher/k3s", "image of the agents, without tag")
	flag.String("cluster-cidr", "", "accepted, not used")
	flag.Func("server-image-pull-secret", "pull secret of the server pods", func(s string) error {
		c.pullSecrets = append(c.pullSecrets, s)
		return nil
	})
	flag.Parse()
	if os.Getenv("CONTROLLER_NAMESPACE") == "" {
		log.Fatal("CONTROLLER_NAMESPACE is not set")
	}
	var err error
	if d := os.Getenv("READY_DELAY"); d != "" && d != "0" {
		if c.readyDelay, err = time.ParseDuration(d); err != nil {
			log.Fatalf("READY_DELAY: %v", err)
		}
	}
	if c.version, err = parseVersion(os.Getenv("CONTROLLER_VERSION")); err != nil {
		log.Fatalf("CONTROLLER_VERSION: %v", err)
	}
	if c.slow = os.Getenv("PACE") == "k3k"; c.slow {
		c.soon = 10 * time.Second
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	config.WarningHandler = rest.NoWarnings{}
	c.kube, c.dyn = kubernetes.NewForConfigOrDie(config), dynamic.NewForConfigOrDie(config)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	c.run(ctx)
}

// run watches the clusters and what could bring them forward: their Services, StatefulSets, pods.
func (c *controller) run(ctx context.Context) {
	first, last := 300*time.Millisecond, 5*time.Second
	if c.slow {
		first, last = 5*time.Millisecond, 1000*time.Second
	}
	c.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[task](first, last))
	clusters := dynamicinformer.NewDynamicSharedInformerFactory(c.dyn, 0)
	c.watch(clusters.ForResource(clustersResource).Informer(), false, func(o metav1.Object) string { return o.GetName() })
	byOwner := func(o metav1.Object) string {
		for _, r := range o.GetOwnerReferences() {
			if r.Kind == "Cluster" && strings.HasPrefix(r.APIVersion, "k3k.io/") {
				return r.Name
			}
		}
		return ""
	}
	owned := informers.NewSharedInformerFactory(c.kube, 0)
	c.watch(owned.Core().V1().Services().Informer(), false, byOwner)
	c.watch(owned.Apps().V1().StatefulSets().Informer(), false, byOwner)
	c.watchPolicies(ctx, clusters, owned)
	pods := informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithTweakListOptions(
		func(o *metav1.ListOptions) { o.LabelSelector = "cluster,role=server" }))
	c.watch(pods.Core().V1().Pods().Informer(), c.slow, func(o metav1.Object) string { return o.GetLabels()["cluster"] })

	clusters.Start(ctx.Done())
	owned.Start(ctx.Done())
	pods.Start(ctx.Done())
	clusters.WaitForCacheSync(ctx.Done())
	go func() { <-ctx.Done(); c.queue.ShutDown() }()
	for c.next(ctx) {
	}
}

// watch queues the cluster that cluster(object) names at every change of an object.
func (c *controller) watch(informer cache.SharedIndexInformer, pods bool, cluster func(metav1.Object) string) {
	add := func(obj any) {
		if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = gone.Obj
		}
		if o, ok := obj.(metav1.Object); ok && cluster(o) != "" {
			c.queue.Add(task{types.NamespacedName{Namespace: o.GetNamespace(), Name: cluster(o)}, pods})
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, obj any) { add(obj) }, DeleteFunc: add,
	}); err != nil {
		log.Fatal(err)
	}
}

func (c *controller) next(ctx context.Context) bool {
	key, quit := c.queue.Get()
	if quit {
		return false
	}
	defer c.queue.Done(key)
	again, err := c.reconcile(ctx, key.NamespacedName, key.pods)
	switch {
	case err != nil:
		log.Printf("%s: %v", key.NamespacedName, err)
		c.queue.AddRateLimited(key)
	case again > 0:
		c.queue.Forget(key)
		c.queue.AddAfter(key, again)
	default:
		c.queue.Forget(key)
	}
	return true
}

// event writes an Event on the Cluster, as the real controller's recorder does.
func (c *controller) event(ctx context.Context, cl *cluster, kind, reason, message string) {
	now := metav1.Now()
	_, err := c.kube.CoreV1().Events(cl.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: cl.Name + ".", Namespace: cl.Namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "k3k.io/v1beta1", Kind: "Cluster", Namespace: cl.Namespace, Name: cl.Name, UID: cl.UID,
		},
		Type: kind, Reason: reason, Message: message, Count: 1,
		Source:         corev1.EventSource{Component: "k3k-cluster-controller"},
		FirstTimestamp: now, LastTimestamp: now,
	}, metav1.CreateOptions{})
	if err != nil {
		log.Printf("event %s of %s/%s: %v", reason, cl.Namespace, cl.Name, err)
	}
}
