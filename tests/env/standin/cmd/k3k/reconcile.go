// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// errNotReady says that the server does not answer yet: Provisioning, not Failed.
var errNotReady = errors.New("server not ready")

// errRefused is an object that the controller does not act on: Pending.
type errRefused struct{ error }

func (c *controller) reconcile(ctx context.Context, key types.NamespacedName, onlyPods bool) (time.Duration, error) {
	cl, err := c.get(ctx, key)
	if apierrors.IsNotFound(err) {
		return 0, c.releasePods(ctx, key, false)
	} else if err != nil {
		return 0, err
	}
	if err := c.releasePods(ctx, key, true); err != nil {
		return 0, err
	}
	if onlyPods {
		return 0, nil
	}
	if cl.DeletionTimestamp != nil {
		return 0, c.finalize(ctx, cl)
	}
	if err := c.adopt(ctx, cl); err != nil {
		return 0, err
	}
	before := cl.Status
	before.Conditions = slices.Clone(cl.Status.Conditions)
	again, err := c.provision(ctx, cl)
	if werr := c.writeStatus(ctx, cl, before, err); werr != nil {
		return 0, werr
	}
	if errors.Is(err, errNotReady) {
		return c.soon, nil
	}
	return again, err
}

func (c *controller) get(ctx context.Context, key types.NamespacedName) (*cluster, error) {
	u, err := c.dyn.Resource(clustersResource).Namespace(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	cl := &cluster{}
	return cl, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, cl)
}

// adopt adds the finalizer. Writing the object back is what gives it persistence's defaults.
func (c *controller) adopt(ctx context.Context, cl *cluster) error {
	for _, f := range cl.Finalizers {
		if f == clusterFinalizer {
			return nil
		}
	}
	patch := m{"metadata": m{"finalizers": append(cl.Finalizers, clusterFinalizer), "resourceVersion": cl.ResourceVersion}}
	if cl.Spec.Persistence == nil {
		patch["spec"] = m{"persistence": m{}}
	}
	return c.patch(ctx, clustersResource, cl.Namespace, cl.Name, patch)
}

// provision makes every object of the cluster; its story is the order in which users see them.
func (c *controller) provision(ctx context.Context, cl *cluster) (time.Duration, error) {
	if err := c.validate(ctx, cl); err != nil {
		return 0, err
	}
	if err := c.fillStatus(ctx, cl); err != nil {
		return 0, err
	}
	svc, err := c.services(ctx, cl)
	if err != nil {
		return 0, err
	}
	cl.Status.TLSSANs = cl.sans(svc.Spec.ClusterIP)
	token, err := c.token(ctx, cl)
	if err != nil {
		return 0, err
	}
	if err := c.configs(ctx, cl, token, "https://"+svc.Spec.ClusterIP); err != nil {
		return 0, err
	}
	if err := c.workloads(ctx, cl); err != nil {
		return 0, err
	}
	waiting, err := c.leadOthers(ctx, cl, token)
	if err != nil {
		return 0, err
	}
	boot, err := c.bootstrap(ctx, cl, svc.Spec.ClusterIP, token)
	if err != nil {
		return 0, err
	}
	if wait := c.delay(cl); wait > 0 {
		return 0, errNotReady
	}
	err = c.kubeconfig(ctx, cl, svc, boot)
	if waiting {
		return c.soon, err
	}
	return 0, err
}

func (c *controller) fillStatus(ctx context.Context, cl *cluster) error {
	cl.defaultCIDRs()
	if cl.Status.HostVersion == "" {
		v, err := c.kube.Discovery().ServerVersion()
		if err != nil {
			return err
		}
		cl.Status.HostVersion = cut(cut(v.GitVersion, '+'), '-')
	}
	return nil
}

func cut(s string, at rune) string {
	for i, r := range s {
		if r == at {
			return s[:i]
		}
	}
	return s
}

var (
	services     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	secrets      = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	pods         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	ingresses    = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
)

func (c *controller) services(ctx context.Context, cl *cluster) (*corev1.Service, error) {
	if err := c.apply(ctx, cl, services, "v1", "Service", cl.name("service"), cl.service()); err != nil {
		return nil, err
	}
	if err := c.apply(ctx, cl, services, "v1", "Service", cl.name("service", "headless"), cl.headlessService()); err != nil {
		return nil, err
	}
	return c.kube.CoreV1().Services(cl.Namespace).Get(ctx, cl.name("service"), metav1.GetOptions{})
}

// token reads the user's token, or makes one once.
func (c *controller) token(ctx context.Context, cl *cluster) (string, error) {
	if ref := cl.Spec.TokenSecretRef; ref != nil {
		ns := ref.Namespace
		if ns == "" {
			ns = cl.Namespace
		}
		s, err := c.kube.CoreV1().Secrets(ns).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if len(s.Data["token"]) == 0 {
			return "", fmt.Errorf("no \"token\" field in secret %s/%s", ns, ref.Name)
		}
		return string(s.Data["token"]), nil
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	s, err := c.secretOnce(ctx, cl, cl.name("token"), "token", hex.EncodeToString(random))
	return string(s.Data["token"]), err
}

// configs are written once before 1.2: what changes in the spec later does not reach the servers.
func (c *controller) configs(ctx context.Context, cl *cluster, token, server string) error {
	for name, text := range map[string]string{
		"init-server-config": cl.config(token, ""), "server-config": cl.config(token, server)} {
		_, err := c.secretOnce(ctx, cl, cl.name(name), "config.yaml", text)
		if err == nil && c.version.followsSpec() {
			_, err = c.secretSet(ctx, cl, cl.name(name), "config.yaml", []byte(text))
		}
		if err != nil {
			return err
		}
	}
	_, err := c.secretOnce(ctx, cl, cl.name("agent-config"), "config.yaml",
		fmt.Sprintf("server: %s\ntoken: %s\nwith-node-id: true\n", server, token))
	return err
}

func (c *controller) workloads(ctx context.Context, cl *cluster) error {
	err := c.apply(ctx, cl, statefulSets, "apps/v1", "StatefulSet", cl.name("server"),
		cl.statefulSet(cl.image(c.serverImage), c.pullSecrets, c.version))
	if err == nil && cl.Spec.Mode == "virtual" {
		err = c.apply(ctx, cl, deployments, "apps/v1", "Deployment", cl.name("agent"), cl.agents(cl.image(c.agentImage)))
	}
	if err != nil {
		return err
	}
	if cl.Spec.Expose.Ingress != nil {
		return c.apply(ctx, cl, ingresses, "networking.k8s.io/v1", "Ingress", cl.name("ingress"), cl.ingress())
	}
	err = c.dyn.Resource(ingresses).Namespace(cl.Namespace).Delete(ctx, cl.name("ingress"), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// delay is what is left of READY_DELAY since the server first answered.
func (c *controller) delay(cl *cluster) time.Duration {
	if c.answered[cl.UID].IsZero() {
		c.answered[cl.UID] = time.Now()
	}
	if cl.Status.Phase == "Ready" {
		return 0
	}
	return time.Until(c.answered[cl.UID].Add(c.readyDelay))
}

// apply writes an object of ours, unless it is just being deleted.
func (c *controller) apply(ctx context.Context, cl *cluster, gvr schema.GroupVersionResource,
	version, kind, name string, obj m) error {
	old, err := c.dyn.Resource(gvr).Namespace(cl.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err == nil && (old.GetDeletionTimestamp() != nil || !metav1.IsControlledBy(old, cl)) {
		return fmt.Errorf("%s %q is still there from before", kind, name)
	} else if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	obj["apiVersion"], obj["kind"] = version, kind
	meta, _ := obj["metadata"].(m)
	if meta == nil {
		meta = m{}
		obj["metadata"] = meta
	}
	meta["name"], meta["namespace"], meta["ownerReferences"] = name, cl.Namespace, l{cl.owner()}
	_, err = c.dyn.Resource(gvr).Namespace(cl.Namespace).Apply(ctx, name,
		&unstructured.Unstructured{Object: obj}, metav1.ApplyOptions{FieldManager: "k3k", Force: true})
	return err
}

// secretOnce makes a Secret with one key, or returns the one that is there, whatever it says.
func (c *controller) secretOnce(ctx context.Context, cl *cluster, name, key, value string) (*corev1.Secret, error) {
	api := c.kube.CoreV1().Secrets(cl.Namespace)
	s, err := api.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return api.Create(ctx, cl.secret(name, key, []byte(value)), metav1.CreateOptions{})
	}
	return s, err
}

// secretSet makes a Secret say this; it reports whether it is new.
func (c *controller) secretSet(ctx context.Context, cl *cluster, name, key string, value []byte) (bool, error) {
	api := c.kube.CoreV1().Secrets(cl.Namespace)
	s, err := api.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = api.Create(ctx, cl.secret(name, key, value), metav1.CreateOptions{})
		return true, err
	} else if err != nil || string(s.Data[key]) == string(value) {
		return false, err
	}
	s.Data = map[string][]byte{key: value}
	_, err = api.Update(ctx, s, metav1.UpdateOptions{})
	return false, err
}

func (c *cluster) secret(name, key string, value []byte) *corev1.Secret {
	yes := true
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.Namespace, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "k3k.io/v1beta1", Kind: "Cluster", Name: c.Name, UID: c.UID,
			Controller: &yes, BlockOwnerDeletion: &yes,
		}}},
		Data: map[string][]byte{key: value},
	}
}

// outcome turns the error of a pass into phase, condition and event.
func outcome(err error) (phase string, cond metav1.Condition) {
	cond = metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse}
	var refused errRefused
	switch {
	case err == nil:
		cond.Status, cond.Reason, cond.Message = metav1.ConditionTrue, "Provisioned", "Cluster successfully provisioned"
		return "Ready", cond
	case errors.Is(err, errNotReady):
		cond.Reason, cond.Message = "Provisioning", "Cluster is being provisioned"
		return "Provisioning", cond
	case errors.As(err, &refused):
		cond.Reason, cond.Message = "ValidationFailed", err.Error()
		return "Pending", cond
	default:
		cond.Reason, cond.Message = "ProvisioningFailed", err.Error()
		return "Failed", cond
	}
}

// writeStatus writes what changed. A Ready cluster whose servers stop answering stays Ready.
func (c *controller) writeStatus(ctx context.Context, cl *cluster, before status, err error) error {
	phase, cond := outcome(err)
	if before.Phase == "Ready" && phase == "Provisioning" {
		return nil
	}
	cl.Status.Phase = phase
	meta.SetStatusCondition(&cl.Status.Conditions, cond)
	if reflect.DeepEqual(before, cl.Status) {
		return nil
	}
	if werr := c.patch(ctx, clustersResource, cl.Namespace, cl.Name, m{"status": cl.Status}, "status"); werr != nil {
		return werr
	}
	if phase != before.Phase && phase != "Provisioning" {
		kind := corev1.EventTypeWarning
		if phase == "Ready" {
			kind = corev1.EventTypeNormal
		}
		c.event(ctx, cl, kind, cond.Reason, cond.Message)
	}
	return nil
}

func (c *controller) patch(ctx context.Context, gvr schema.GroupVersionResource, ns, name string, body any, sub ...string) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = c.dyn.Resource(gvr).Namespace(ns).Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{}, sub...)
	return err
}

// finalize lets a Cluster go. Its children go afterwards, by the garbage collector. Without the two
// bindings of the chart the real controller errs for ever, and so does this one.
func (c *controller) finalize(ctx context.Context, cl *cluster) error {
	for _, name := range []string{"k3k-kubelet-node", "k3k-priorityclass"} {
		if _, err := c.kube.RbacV1().ClusterRoleBindings().Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
	}
	delete(c.answered, cl.UID)
	return c.release(ctx, clustersResource, cl.Namespace, cl.Name, clusterFinalizer)
}

// releasePods takes the finalizer off server pods and StatefulSets that are being deleted. A pod of
// several needs another Ready server, as its member must leave etcd first; a last one, or one whose
// StatefulSet or Cluster goes, is let go at once.
func (c *controller) releasePods(ctx context.Context, key types.NamespacedName, alive bool) error {
	sts, err := c.kube.AppsV1().StatefulSets(key.Namespace).Get(ctx, objectName(key.Name, "server"), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	going := err != nil || sts.DeletionTimestamp != nil || !alive
	list, err := c.kube.CoreV1().Pods(key.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "role=server,cluster=" + key.Name})
	if err != nil {
		return err
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.DeletionTimestamp == nil || !(going || len(list.Items) == 1 || otherReady(list.Items, i)) {
			continue
		}
		if err := c.release(ctx, pods, key.Namespace, pod.Name, podFinalizer); err != nil {
			return err
		}
	}
	if sts != nil && sts.DeletionTimestamp != nil {
		return c.release(ctx, statefulSets, key.Namespace, sts.Name, podFinalizer)
	}
	return nil
}

func otherReady(list []corev1.Pod, self int) bool {
	for i, p := range list {
		for _, cond := range p.Status.Conditions {
			if i != self && p.DeletionTimestamp == nil && cond.Type == corev1.PodReady && cond.Status == corev1.ConditionTrue {
				return true
			}
		}
	}
	return false
}

func (c *controller) release(ctx context.Context, gvr schema.GroupVersionResource, ns, name, finalizer string) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		u, err := c.dyn.Resource(gvr).Namespace(ns).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var keep []string
		for _, f := range u.GetFinalizers() {
			if f != finalizer {
				keep = append(keep, f)
			}
		}
		if len(keep) == len(u.GetFinalizers()) {
			return nil
		}
		return c.patch(ctx, gvr, ns, name, m{"metadata": m{"finalizers": keep, "resourceVersion": u.GetResourceVersion()}})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
