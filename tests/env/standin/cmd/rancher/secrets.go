// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rk3k.test/standin/internal/pki"
)

// ensure returns the Secret that is there, or makes this one; of several pods the first wins.
func (r *rancher) ensure(ctx context.Context, name string, kind corev1.SecretType,
	data func() (map[string][]byte, error)) (*corev1.Secret, error) {
	api := r.kube.CoreV1().Secrets(r.namespace)
	s, err := api.Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return s, err
	}
	d, err := data()
	if err != nil {
		return nil, err
	}
	s, err = api.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, Data: d}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return api.Get(ctx, name, metav1.GetOptions{})
	}
	return s, err
}

// bootstrapPassword is that of bootstrap-secret, which the chart or the user made; without it
// Rancher makes one of 54 characters.
func (r *rancher) bootstrapPassword(ctx context.Context) (string, error) {
	s, err := r.ensure(ctx, "bootstrap-secret", corev1.SecretTypeOpaque, func() (map[string][]byte, error) {
		password, err := randomWord(54)
		return map[string][]byte{"bootstrapPassword": []byte(password)}, err
	})
	if err != nil {
		return "", fmt.Errorf("bootstrap-secret: %w", err)
	}
	return string(s.Data["bootstrapPassword"]), nil
}

func randomWord(n int) (string, error) {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	out := make([]byte, n)
	for i := range out {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", err
		}
		out[i] = letters[at.Int64()]
	}
	return string(out), nil
}

func pairData(p *pki.Pair, chain ...*pki.Pair) map[string][]byte {
	crt := p.CertPEM()
	for _, c := range chain {
		crt = append(crt, c.CertPEM()...)
	}
	return map[string][]byte{corev1.TLSCertKey: crt, corev1.TLSPrivateKeyKey: p.KeyPEM()}
}

// certificates makes the CA that the chart's Issuer signs with, and the certificate of our own port,
// which does not carry the public name.
func (r *rancher) certificates(ctx context.Context) (tls.Certificate, error) {
	s, err := r.ensure(ctx, "tls-rancher", corev1.SecretTypeTLS, func() (map[string][]byte, error) {
		ca, err := pki.NewCA(fmt.Sprintf("dynamiclistener-ca@%d", time.Now().Unix()), "dynamiclistener-org")
		if err != nil {
			return nil, err
		}
		return pairData(ca), nil
	})
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-rancher: %w", err)
	}
	r.caPEM = s.Data[corev1.TLSCertKey]
	ca, err := pki.Parse(r.caPEM, s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-rancher: %w", err)
	}
	leaf, err := ca.Server("dynamic", "localhost", "127.0.0.1", "rancher."+r.namespace, r.address)
	if err != nil {
		return tls.Certificate{}, err
	}
	data := pairData(leaf, ca)
	if err := r.put(ctx, "serving-cert", data); err != nil {
		return tls.Certificate{}, fmt.Errorf("serving-cert: %w", err)
	}
	return tls.X509KeyPair(data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey])
}

// put writes a TLS Secret anew.
func (r *rancher) put(ctx context.Context, name string, data map[string][]byte) error {
	s, err := r.ensure(ctx, name, corev1.SecretTypeTLS, func() (map[string][]byte, error) { return data, nil })
	if err != nil || string(s.Data[corev1.TLSCertKey]) == string(data[corev1.TLSCertKey]) {
		return err
	}
	s.Data = data
	_, err = r.kube.CoreV1().Secrets(r.namespace).Update(ctx, s, metav1.UpdateOptions{})
	return err
}
