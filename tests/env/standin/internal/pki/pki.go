// SPDX-License-Identifier: Apache-2.0

// Package pki makes the throw-away certificate authorities and certificates of the stand-ins:
// ECDSA P-256, as k3s and Rancher make theirs.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// A Pair is a certificate with its key.
type Pair struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// NewCA makes a self-signed authority, valid for ten years.
func NewCA(name string, org ...string) (*Pair, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: org},
		NotAfter:              time.Now().AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	return sign(t, nil)
}

// Client makes a client certificate, valid for a year.
func (ca *Pair) Client(cn string, org ...string) (*Pair, error) {
	return sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: cn, Organization: org},
		NotBefore:   ca.Cert.NotBefore,
		NotAfter:    time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca)
}

// Server makes a server certificate for names and addresses, valid for a year.
func (ca *Pair) Server(cn string, sans ...string) (*Pair, error) {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: cn},
		NotAfter:    time.Now().AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, san := range sans {
		if ip := net.ParseIP(san); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if san != "" {
			t.DNSNames = append(t.DNSNames, san)
		}
	}
	return sign(t, ca)
}

func sign(t *x509.Certificate, ca *Pair) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = time.Now().Add(-time.Minute)
	}
	parent, signer := t, key
	if ca != nil {
		parent, signer = ca.Cert, ca.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Pair{cert, key}, err
}

// CertPEM is the certificate alone, without its issuer.
func (p *Pair) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Cert.Raw})
}

// KeyPEM is the key in SEC1 form, which is what k3s writes.
func (p *Pair) KeyPEM() []byte {
	der, err := x509.MarshalECPrivateKey(p.Key)
	if err != nil {
		panic(err) // only for curves that we never use
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// Parse reads a pair; only the first block of each text counts.
func Parse(certPEM, keyPEM []byte) (*Pair, error) {
	cb, _ := pem.Decode(certPEM)
	kb, _ := pem.Decode(keyPEM)
	if cb == nil || kb == nil {
		return nil, errors.New("data does not contain a valid RSA or ECDSA private key")
	}
	cert, err := x509.ParseCertificate(cb.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(kb.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", cert.Subject, err)
	}
	return &Pair{cert, key}, nil
}
