// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type file struct {
	data []byte
	mode os.FileMode
}

type files map[string]file

// volume prepares one volume below the pod's directory, or names its place.
func (p *pod) volume(ctx context.Context, o *v1.Pod, v *v1.Volume) (string, error) {
	dir := filepath.Join(p.dir, "volumes", v.Name)
	switch {
	case v.HostPath != nil:
		return p.hostPath(v.HostPath.Path)
	case v.PersistentVolumeClaim != nil:
		return p.claim(ctx, o, v.PersistentVolumeClaim.ClaimName)
	case v.EmptyDir != nil:
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		return dir, os.Chmod(dir, 0o777)
	}
	fs, err := p.contents(ctx, o, v)
	if err != nil {
		return "", err
	}
	return dir, publish(dir, fs)
}

// hostPath keeps pods away from the machine: what is not the node's own is
// found below its hostfs directory.
func (p *pod) hostPath(path string) (string, error) {
	if !strings.HasPrefix(path, p.n.dir+"/") {
		path = filepath.Join(p.n.dir, "hostfs", path)
	}
	return path, os.MkdirAll(path, 0o755)
}

func (p *pod) claim(ctx context.Context, o *v1.Pod, name string) (string, error) {
	core := p.n.client.CoreV1()
	pvc, err := core.PersistentVolumeClaims(o.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if pvc.Status.Phase != v1.ClaimBound {
		return "", fmt.Errorf("claim %q is not bound", name)
	}
	pv, err := core.PersistentVolumes().Get(ctx, pvc.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if pv.Spec.HostPath == nil {
		return "", fmt.Errorf("volume %q is no host path", pv.Name)
	}
	return p.hostPath(pv.Spec.HostPath.Path)
}

// contents reads what a volume made of API objects holds now.
func (p *pod) contents(ctx context.Context, o *v1.Pod, v *v1.Volume) (files, error) {
	out := files{}
	switch {
	case v.Secret != nil:
		s := &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: v.Secret.SecretName},
			Items: v.Secret.Items, Optional: v.Secret.Optional}
		return out, p.addSecret(ctx, o, s, mode(v.Secret.DefaultMode), out)
	case v.ConfigMap != nil:
		c := &v1.ConfigMapProjection{LocalObjectReference: v.ConfigMap.LocalObjectReference,
			Items: v.ConfigMap.Items, Optional: v.ConfigMap.Optional}
		return out, p.addConfigMap(ctx, o, c, mode(v.ConfigMap.DefaultMode), out)
	case v.DownwardAPI != nil:
		return out, p.addDownward(o, v.DownwardAPI.Items, mode(v.DownwardAPI.DefaultMode), out)
	case v.Projected != nil:
		for i := range v.Projected.Sources {
			err := p.addSource(ctx, o, &v.Projected.Sources[i], mode(v.Projected.DefaultMode), out)
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("this kind of volume is not known here")
}

func (p *pod) addSource(ctx context.Context, o *v1.Pod, s *v1.VolumeProjection, m os.FileMode, out files) error {
	switch {
	case s.Secret != nil:
		return p.addSecret(ctx, o, s.Secret, m, out)
	case s.ConfigMap != nil:
		return p.addConfigMap(ctx, o, s.ConfigMap, m, out)
	case s.DownwardAPI != nil:
		return p.addDownward(o, s.DownwardAPI.Items, m, out)
	case s.ServiceAccountToken != nil:
		return p.addToken(ctx, o, s.ServiceAccountToken, out)
	}
	return fmt.Errorf("this kind of projection is not known here")
}

func mode(m *int32) os.FileMode {
	if m == nil {
		return 0o644
	}
	return os.FileMode(*m) & 0o777
}

// pick adds the chosen keys of an object, or all.
func pick(what string, data map[string][]byte, items []v1.KeyToPath, optional *bool, m os.FileMode, out files) error {
	if len(items) == 0 {
		for k, b := range data {
			out[k] = file{b, m}
		}
	}
	for _, it := range items {
		b, ok := data[it.Key]
		if !ok && optional != nil && *optional {
			continue
		}
		if !ok {
			return fmt.Errorf("references non-existent %s key: %s", what, it.Key)
		}
		if it.Mode != nil {
			out[it.Path] = file{b, mode(it.Mode)}
		} else {
			out[it.Path] = file{b, m}
		}
	}
	return nil
}

func absent(err error, optional *bool) bool {
	return apierrors.IsNotFound(err) && optional != nil && *optional
}

func (p *pod) addSecret(ctx context.Context, o *v1.Pod, s *v1.SecretProjection, m os.FileMode, out files) error {
	obj, err := p.n.client.CoreV1().Secrets(o.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if absent(err, s.Optional) {
		return nil
	}
	if err != nil {
		return err
	}
	return pick("secret", obj.Data, s.Items, s.Optional, m, out)
}

func (p *pod) addConfigMap(ctx context.Context, o *v1.Pod, c *v1.ConfigMapProjection, m os.FileMode, out files) error {
	obj, err := p.n.client.CoreV1().ConfigMaps(o.Namespace).Get(ctx, c.Name, metav1.GetOptions{})
	if absent(err, c.Optional) {
		return nil
	}
	if err != nil {
		return err
	}
	data := map[string][]byte{}
	for k, v := range obj.Data {
		data[k] = []byte(v)
	}
	for k, v := range obj.BinaryData {
		data[k] = v
	}
	return pick("config", data, c.Items, c.Optional, m, out)
}

func (p *pod) addDownward(o *v1.Pod, items []v1.DownwardAPIVolumeFile, m os.FileMode, out files) error {
	for _, it := range items {
		if it.FieldRef == nil {
			return fmt.Errorf("downward API: only fieldRef is known here")
		}
		v, err := p.field(o, it.FieldRef.FieldPath)
		if err != nil {
			return err
		}
		out[it.Path] = file{[]byte(v), m}
	}
	return nil
}

type token struct {
	data  []byte
	renew time.Time
}

func (p *pod) addToken(ctx context.Context, o *v1.Pod, s *v1.ServiceAccountTokenProjection, out files) error {
	key := s.Audience + "\x00" + s.Path
	p.mu.Lock()
	t := p.tokens[key]
	p.mu.Unlock()
	if time.Now().After(t.renew) {
		req := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: s.ExpirationSeconds,
			BoundObjectRef: &authv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: o.Name, UID: o.UID}}}
		if s.Audience != "" {
			req.Spec.Audiences = []string{s.Audience}
		}
		res, err := p.n.client.CoreV1().ServiceAccounts(o.Namespace).CreateToken(ctx, o.Spec.ServiceAccountName,
			req, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		t = token{[]byte(res.Status.Token), time.Now().Add(time.Until(res.Status.ExpirationTimestamp.Time) * 8 / 10)}
		p.mu.Lock()
		p.tokens[key] = t
		p.mu.Unlock()
	}
	out[s.Path] = file{t.data, 0o600}
	return nil
}

func (fs files) names() []string {
	var out []string
	for k := range fs {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (fs files) sum() string {
	h := sha256.New()
	for _, k := range fs.names() {
		fmt.Fprintf(h, "%q %o %d ", k, fs[k].mode, len(fs[k].data))
		h.Write(fs[k].data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// publish writes the files as a kubelet does: into a directory of their own,
// which the link ..data then names, so that readers see all old or all new.
func publish(dir string, fs files) error {
	name := ".." + fs.sum()
	if old, err := os.Readlink(filepath.Join(dir, "..data")); err == nil && old == name {
		return nil
	}
	for _, k := range fs.names() {
		path := filepath.Join(dir, name, k)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, fs[k].data, fs[k].mode); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
		return err
	}
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	if err := swap(name, filepath.Join(dir, "..data")); err != nil {
		return err
	}
	if err := linkAll(dir, fs); err != nil || old == "" {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, old))
}

func swap(to, path string) error {
	os.Remove(path + "_tmp")
	if err := os.Symlink(to, path+"_tmp"); err != nil {
		return err
	}
	return os.Rename(path+"_tmp", path)
}

// linkAll makes the visible names, and takes away those that are no more.
func linkAll(dir string, fs files) error {
	want := map[string]bool{}
	for k := range fs {
		top, _, _ := strings.Cut(k, "/")
		want[top] = true
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range have {
		if !strings.HasPrefix(e.Name(), "..") && !want[e.Name()] {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	for top := range want {
		if err := swap(filepath.Join("..data", top), filepath.Join(dir, top)); err != nil {
			return err
		}
	}
	return nil
}
