// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const provisioner = "rk3k.test/directory"

// classes that the provisioner serves; the first is the default.
var classes = []string{"local", "harvester-longhorn"}

// provision makes a directory and a volume for every claim of our classes that
// the controller manager wants one for, and removes released ones.
func provision(ctx context.Context, client kubernetes.Interface, dir string) {
	for ctx.Err() == nil {
		if err := makeClasses(ctx, client); err == nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	f := informers.NewSharedInformerFactory(client, 0)
	changed := make(chan struct{}, 1)
	poked := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { poke(changed) },
		UpdateFunc: func(_, _ any) { poke(changed) },
		DeleteFunc: func(any) { poke(changed) },
	}
	core := f.Core().V1()
	claims, pvs := core.PersistentVolumeClaims().Lister(), core.PersistentVolumes().Lister()
	_, _ = core.PersistentVolumeClaims().Informer().AddEventHandler(poked)
	_, _ = core.PersistentVolumes().Informer().AddEventHandler(poked)
	f.Start(ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		if err := provisionAll(ctx, client, dir, claims, pvs); err != nil && ctx.Err() == nil {
			log.Printf("storage: %v", err)
			time.AfterFunc(time.Second, func() { poke(changed) })
		}
	}
}

func makeClasses(ctx context.Context, client kubernetes.Interface) error {
	immediate, del := storagev1.VolumeBindingImmediate, v1.PersistentVolumeReclaimDelete
	for i, name := range classes {
		sc := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner,
			VolumeBindingMode: &immediate, ReclaimPolicy: &del, AllowVolumeExpansion: ptr(true)}
		if i == 0 {
			sc.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
		}
		_, err := client.StorageV1().StorageClasses().Create(ctx, sc, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func provisionAll(ctx context.Context, client kubernetes.Interface, dir string,
	claims listers.PersistentVolumeClaimLister, pvs listers.PersistentVolumeLister) error {
	cs, err := claims.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, c := range cs {
		if c.Spec.VolumeName == "" && c.DeletionTimestamp == nil &&
			c.Annotations["volume.kubernetes.io/storage-provisioner"] == provisioner {
			if err := makeVolume(ctx, client, dir, c); err != nil {
				return err
			}
		}
	}
	vs, err := pvs.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, pv := range vs {
		if err := reclaim(ctx, client, pv); err != nil {
			return err
		}
	}
	return nil
}

func makeVolume(ctx context.Context, client kubernetes.Interface, dir string, c *v1.PersistentVolumeClaim) error {
	name := "pvc-" + string(c.UID)
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name,
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner}},
		Spec: v1.PersistentVolumeSpec{
			Capacity: c.Spec.Resources.Requests, AccessModes: c.Spec.AccessModes, VolumeMode: c.Spec.VolumeMode,
			StorageClassName: *c.Spec.StorageClassName, PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path}},
			ClaimRef: &v1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: c.Namespace, Name: c.Name, UID: c.UID},
		}}
	_, err := client.CoreV1().PersistentVolumes().Create(ctx, pv, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func reclaim(ctx context.Context, client kubernetes.Interface, pv *v1.PersistentVolume) error {
	if pv.Status.Phase != v1.VolumeReleased || pv.Annotations["pv.kubernetes.io/provisioned-by"] != provisioner ||
		pv.Spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimDelete || pv.Spec.HostPath == nil {
		return nil
	}
	if err := os.RemoveAll(pv.Spec.HostPath.Path); err != nil {
		return err
	}
	err := client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
