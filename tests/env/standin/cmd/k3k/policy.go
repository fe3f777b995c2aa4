// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"net/netip"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

var (
	policies   = schema.GroupVersionResource{Group: "k3k.io", Version: "v1beta1", Resource: "virtualclusterpolicies"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	quotas     = schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}
	ranges     = schema.GroupVersionResource{Version: "v1", Resource: "limitranges"}
)

// validate says what the controller does not act on. A policy that does not exist is no such thing
// to it but any other error: Failed, tried again and again.
func (c *controller) validate(ctx context.Context, cl *cluster) error {
	ns, err := c.kube.CoreV1().Namespaces().Get(ctx, cl.Namespace, metav1.GetOptions{})
	if err != nil {
		return err
	}
	cl.Status.PolicyName = ns.Labels[policyLabel]
	bound := cl.Status.PolicyName != ""
	if bound {
		policy, err := c.dyn.Resource(policies).Get(ctx, cl.Status.PolicyName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) { // as controller-runtime's cache puts it
			return apierrors.NewNotFound(schema.GroupResource{Group: "k3k.io", Resource: "VirtualClusterPolicy"}, cl.Status.PolicyName)
		} else if err != nil {
			return err
		}
		if mode, _, _ := unstructured.NestedString(policy.Object, "spec", "allowedMode"); mode != cl.Spec.Mode {
			return refused("mode %q is not allowed by the policy %q", cl.Spec.Mode, cl.Status.PolicyName)
		}
	}
	if cl.Name == "system" && (bound || c.version.validatesUnbound()) {
		return refused("invalid cluster name %q", cl.Name)
	}
	if cl.Spec.Expose.Ingress != nil && c.version.wantsNameOfIngress() && !hasName(cl.Spec.TLSSANs) {
		return refused("expose.ingress requires at least one DNS name in spec.tlsSANs to use as the ingress host")
	}
	return nil
}

func refused(format string, args ...any) error {
	return errRefused{fmt.Errorf("cluster validation error: "+format, args...)}
}

func hasName(sans []string) bool {
	for _, s := range sans {
		if _, err := netip.ParseAddr(s); err != nil {
			return true
		}
	}
	return false
}

// watchPolicies gives the namespaces of a policy its labels, quota and limits, and queues their
// clusters, whenever a policy or the labels of a namespace change.
func (c *controller) watchPolicies(ctx context.Context, dyn dynamicinformer.DynamicSharedInformerFactory,
	kube informers.SharedInformerFactory) {
	bind := func(old, obj any) {
		before, _ := old.(metav1.Object)
		now, ok := obj.(metav1.Object)
		if !ok || (before != nil && maps.Equal(before.GetLabels(), now.GetLabels()) && before.GetGeneration() == now.GetGeneration()) {
			return
		}
		if err := c.bindPolicies(ctx); err != nil {
			log.Printf("policies: %v", err)
			time.AfterFunc(c.soon, func() { _ = c.bindPolicies(ctx) })
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: func(obj any) { bind(nil, obj) }, UpdateFunc: bind}
	_, perr := dyn.ForResource(policies).Informer().AddEventHandler(handler)
	_, nerr := kube.Core().V1().Namespaces().Informer().AddEventHandler(handler)
	if perr != nil || nerr != nil {
		log.Fatal(perr, nerr)
	}
}

func (c *controller) bindPolicies(ctx context.Context) error {
	list, err := c.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: policyLabel})
	if err != nil {
		return err
	}
	for _, ns := range list.Items {
		policy, err := c.dyn.Resource(policies).Get(ctx, ns.Labels[policyLabel], metav1.GetOptions{})
		if err == nil {
			err = c.bind(ctx, ns.Name, policy)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		clusters, err := c.dyn.Resource(clustersResource).Namespace(ns.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, cl := range clusters.Items {
			c.queue.Add(task{NamespacedName: types.NamespacedName{Namespace: ns.Name, Name: cl.GetName()}})
		}
	}
	return nil
}

func (c *controller) bind(ctx context.Context, ns string, policy *unstructured.Unstructured) error {
	labels := m{"pod-security.kubernetes.io/enforce": nil, "pod-security.kubernetes.io/warn": nil}
	if level, ok, _ := unstructured.NestedString(policy.Object, "spec", "podSecurityAdmissionLevel"); ok {
		labels["pod-security.kubernetes.io/enforce"] = level
		if level != "privileged" {
			labels["pod-security.kubernetes.io/warn"] = level
		}
	}
	if err := c.patch(ctx, namespaces, "", ns, m{"metadata": m{"labels": labels}}); err != nil {
		return err
	}
	for _, part := range []struct {
		field, kind string
		gvr         schema.GroupVersionResource
	}{{"quota", "ResourceQuota", quotas}, {"limit", "LimitRange", ranges}} {
		spec, ok, _ := unstructured.NestedMap(policy.Object, "spec", part.field)
		if !ok {
			continue
		}
		name := objectName(policy.GetName())
		obj := m{"apiVersion": "v1", "kind": part.kind, "spec": spec, "metadata": m{"name": name, "namespace": ns,
			"labels": m{"app.kubernetes.io/managed-by": "k3k-policy-controller", policyLabel: policy.GetName()}}}
		if _, err := c.dyn.Resource(part.gvr).Namespace(ns).Apply(ctx, name,
			&unstructured.Unstructured{Object: obj}, metav1.ApplyOptions{FieldManager: "k3k", Force: true}); err != nil {
			return err
		}
	}
	return nil
}
