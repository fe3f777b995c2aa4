// SPDX-License-Identifier: Apache-2.0

// certificates compares what rk3k makes of certificates and keys with what Go's crypto/x509 and
// crypto/tls make of them: what rk3k passes on, Go reads, with the same certificates; what rk3k takes
// as good for serving, Go verifies and serves; and what is right in Go's eyes is not refused.
//
//	certificates DRIVER [SEED [CASES]]
//
// DRIVER is run with --verdicts and answers one case after the other (tests/unit/test_cert.c).
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const host = "rancher.example.com"

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return v
}

// --- rk3k's side ---

type driver struct {
	in  io.Writer
	out *bufio.Reader
}

func start(path string) *driver {
	cmd := exec.Command(path, "--verdicts")
	in := must(cmd.StdinPipe())
	out := must(cmd.StdoutPipe())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		must(0, err)
	}
	return &driver{in, bufio.NewReader(out)}
}

// ask returns whether rk3k takes it, and what it passes on or the reason.
func (d *driver) ask(op string, parts ...[]byte) (bool, []byte) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s", op)
	for i := range 3 {
		n := 0
		if i < len(parts) {
			n = len(parts[i])
		}
		fmt.Fprintf(&b, " %d", n)
	}
	b.WriteByte('\n')
	for _, p := range parts {
		b.Write(p)
	}
	must(d.in.Write(b.Bytes()))
	var good, n int
	line, err := d.out.ReadString('\n')
	if err != nil {
		must(0, fmt.Errorf("the driver ended (%v) at %s:\n%s", err, op, bytes.Join(parts, []byte("---\n"))))
	}
	must(fmt.Sscanf(line, "%d %d", &good, &n))
	text := make([]byte, n)
	must(io.ReadFull(d.out, text))
	return good == 1, text
}

// --- a PKI ---

type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

type pki struct {
	r      *mrand.Rand
	keys   []crypto.Signer
	serial int64
	sound  bool // nothing odd is issued
}

func newPKI(r *mrand.Rand) *pki {
	p := &pki{r: r}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521(), elliptic.P224()} {
		p.keys = append(p.keys, must(ecdsa.GenerateKey(c, rand.Reader)))
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	p.keys = append(p.keys, must(ed, err))
	for _, bits := range []int{2048, 1024} {
		p.keys = append(p.keys, must(rsa.GenerateKey(rand.Reader, bits)))
	}
	return p
}

func (p *pki) key() crypto.Signer { return p.keys[p.r.IntN(len(p.keys))] }

func (p *pki) one(n int) bool { return p.r.IntN(n) == 0 }

func (p *pki) odd(n int) bool { return p.one(n) && !p.sound }

// issue makes a certificate with what people's certificates have and, now and then, should not have.
func (p *pki) issue(cn string, ca *entity, isCA bool) *entity {
	p.serial++
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          big.NewInt(p.serial),
		Subject:               pkix.Name{CommonName: cn, Organization: []string{"Ünïted"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  isCA,
	}
	if isCA {
		t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		switch {
		case p.odd(12):
			t.KeyUsage = x509.KeyUsageDigitalSignature
		case p.odd(12):
			t.KeyUsage = 0
		case p.odd(12):
			t.MaxPathLenZero = true
		case p.odd(12):
			t.IsCA = false
		case p.odd(12):
			t.PermittedDNSDomainsCritical = true
			t.PermittedDNSDomains = []string{[]string{"example.com", ".other.example"}[p.r.IntN(2)]}
		case p.odd(12):
			t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}
	} else {
		t.DNSNames = []string{host}
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		switch {
		case p.odd(12):
			t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		case p.odd(12):
			t.ExtKeyUsage = nil
		case p.odd(12):
			t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		case p.odd(12):
			t.DNSNames = []string{"*.example.com"}
		case p.odd(12):
			t.DNSNames = []string{"*.com", "other.example.com"}
		case p.odd(12):
			t.DNSNames, t.Subject = nil, pkix.Name{CommonName: host}
		case p.odd(12):
			t.Subject = pkix.Name{}
		case p.odd(12):
			t.IPAddresses = []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("fd00::1")}
			t.EmailAddresses = []string{"a@example.com"}
		case p.odd(12):
			t.DNSNames = []string{strings.ToUpper(host)}
		}
	}
	switch {
	case p.odd(15):
		t.NotAfter = now.Add(-time.Minute)
	case p.odd(15):
		t.NotBefore = now.Add(time.Hour)
	case p.odd(15):
		t.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	e := &entity{key: p.key()}
	parent, signer := t, e.key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	if _, ok := signer.(*rsa.PrivateKey); ok && p.odd(4) {
		t.SignatureAlgorithm = []x509.SignatureAlgorithm{x509.SHA1WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS}[p.r.IntN(3)]
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, e.key.Public(), signer)
	if err != nil { // a combination that Go does not sign
		t.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
		der = must(x509.CreateCertificate(rand.Reader, t, parent, e.key.Public(), signer))
	}
	e.cert = must(x509.ParseCertificate(der))
	return e
}

func certPEM(label string, certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		pem.Encode(&b, &pem.Block{Type: label, Bytes: c.Raw})
	}
	return b.Bytes()
}

// keyPEM writes a key in one of its notations, under its label or another.
func (p *pki) keyPEM(key crypto.Signer) []byte {
	label, der := "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))
	if p.one(2) {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			label, der = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
		case *ecdsa.PrivateKey:
			label, der = "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(k))
		}
	}
	if p.one(20) {
		label = []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ANY PRIVATE KEY"}[p.r.IntN(4)]
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// --- as people write it ---

// same changes the notation, not the certificates.
func (p *pki) same(text []byte) []byte {
	s := string(text)
	for range p.r.IntN(4) {
		switch p.r.IntN(9) {
		case 0:
			s = "\xEF\xBB\xBF" + s
		case 1:
			s = strings.ReplaceAll(strings.ReplaceAll(s, "\r", ""), "\n", "\r\n")
		case 2:
			s = "subject=CN = x\n\nBag Attributes: <none>\n" + s
		case 3:
			s = strings.ReplaceAll(s, "BEGIN CERTIFICATE", "BEGIN X509 CERTIFICATE")
			s = strings.ReplaceAll(s, "END CERTIFICATE", "END X509 CERTIFICATE")
		case 4:
			s = strings.TrimRight(s, "\r\n")
		case 5:
			s = strings.ReplaceAll(s, "\n", "\n  ")
		case 6:
			s = strings.ReplaceAll(s, "-----\n-----", "----------")
		case 7:
			s = "# -----BEGIN CERTIFICATE-----\n# AAAA\n" + s
		case 8:
			s += "\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
		}
	}
	return []byte(s)
}

// broken changes bytes of the text, or of the DER in it.
func (p *pki) broken(text []byte) []byte {
	b := bytes.Clone(text)
	block, rest := pem.Decode(b)
	if block != nil && p.one(2) {
		p.flip(block.Bytes)
		return append(pem.EncodeToMemory(block), rest...)
	}
	return p.flip(b)
}

func (p *pki) flip(b []byte) []byte {
	for range 1 + p.r.IntN(3) {
		at := p.r.IntN(len(b))
		switch p.r.IntN(4) {
		case 0:
			b[at] ^= 1 << p.r.IntN(8)
		case 1:
			b[at] = byte(p.r.IntN(256))
		case 2:
			copy(b[at:], b[at+1:])
		case 3:
			copy(b[at+1:], b[at:])
		}
	}
	return b
}

// --- Go's side ---

// certificates reads as a strict reader does: nothing but certificates, each of them good.
func certificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for len(text) > 0 {
		if !bytes.HasPrefix(text, []byte("-----BEGIN CERTIFICATE-----\n")) {
			return nil, fmt.Errorf("text that is no certificate: %.60q", text)
		}
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil || len(b.Headers) > 0 {
			return nil, fmt.Errorf("no plain block")
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// lenient reads as AppendCertsFromPEM does.
func lenient(text []byte) (all []*x509.Certificate) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return all
		}
		if c, err := x509.ParseCertificate(b.Bytes); b.Type == "CERTIFICATE" && len(b.Headers) == 0 && err == nil {
			all = append(all, c)
		}
	}
}

func holds(all, some []*x509.Certificate) bool {
	for _, c := range all {
		if len(some) > 0 && c.Equal(some[0]) {
			some = some[1:]
		}
	}
	return len(some) == 0
}

func verifies(chain, key, ca []byte) error {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return err
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return fmt.Errorf("no CA in %q", ca)
	}
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	leaf := must(x509.ParseCertificate(pair.Certificate[0]))
	if _, err = leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between}); err != nil {
		return err
	}
	return handshake(pair, roots)
}

func handshake(pair tls.Certificate, roots *x509.CertPool) error {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		tls.Server(b, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		b.Close()
	}()
	return tls.Client(a, &tls.Config{RootCAs: roots, ServerName: host}).Handshake()
}

// --- the comparison ---

type run struct {
	*pki
	d        *driver
	failures int
	taken    map[string]int
}

func (r *run) fail(what string, parts ...[]byte) {
	r.failures++
	fmt.Printf("%s\n%s\n", what, bytes.Join(parts, []byte("--- \n")))
}

// passedOn: what rk3k passes on is what a strict reader takes, with the same certificates.
func (r *run) passedOn(text []byte, want []*x509.Certificate) {
	ok, out := r.d.ask("admit", text)
	if !ok {
		if want != nil {
			r.fail("refused: "+string(out), text)
		}
		return
	}
	r.taken["certificates"]++
	got, err := certificates(out)
	if err != nil {
		r.fail("Go does not read what is passed on: "+err.Error(), text, out)
	} else if want != nil && (len(got) != len(want) || !holds(got, want)) {
		r.fail("other certificates are passed on", text, out)
	} else if !holds(got, lenient(text)) {
		r.fail("a certificate that Go reads is lost", text, out)
	}
}

func (r *run) keyPassedOn(text, certs []byte, good bool) {
	ok, out := r.d.ask("key", text)
	if !ok {
		if good {
			r.fail("key refused: "+string(out), text)
		}
		return
	}
	r.taken["keys"]++
	fits, why := r.d.ask("pair", certs, out)
	if _, err := tls.X509KeyPair(certs, out); fits != (err == nil) {
		r.fail(fmt.Sprintf("Go says %v of a pair, rk3k says %v (%.40s)", err, fits, why), certs, text, out)
	}
}

// served: chains in every order, whole and not, under every CA. OpenSSL stays with the first chain it
// finds; so it is only of sound certificates that Go may not take what rk3k refuses.
func (r *run) served(sound bool) {
	r.sound = sound
	defer func() { r.sound = false }()
	root, other := r.issue("root", nil, true), r.issue("root", nil, true)
	inter := r.issue("inter", root, true)
	leaf := r.issue("leaf", inter, false)
	all := []*x509.Certificate{leaf.cert, inter.cert, root.cert, other.cert}
	chain := []*x509.Certificate{leaf.cert}
	for range r.r.IntN(4) {
		chain = append(chain, all[r.r.IntN(len(all))])
	}
	if r.one(8) {
		chain[0], chain[len(chain)-1] = chain[len(chain)-1], chain[0]
	} else if r.one(2) {
		chain = all[:2]
	}
	ca := []*x509.Certificate{root.cert}
	if r.one(3) {
		ca = []*x509.Certificate{all[r.r.IntN(len(all))], all[r.r.IntN(len(all))]}
	}
	key := leaf.key
	if r.one(10) {
		key = r.key()
	}
	chainText, keyText, caText := certPEM("CERTIFICATE", chain...), r.keyPEM(key), certPEM("CERTIFICATE", ca...)
	ok, why := r.d.ask("serve", chainText, keyText, caText)
	err := verifies(chainText, keyText, caText)
	if ok {
		r.taken["chains"]++
	}
	if ok && err != nil {
		r.fail(fmt.Sprintf("taken, but Go refuses: %v", err), chainText, caText)
	} else if !ok && err == nil && sound {
		r.fail(fmt.Sprintf("Go takes it, but it is refused: %s", why), chainText, caText)
	}
}

func main() {
	seed, cases := uint64(1), 4000
	if len(os.Args) > 2 {
		seed = must(strconv.ParseUint(os.Args[2], 10, 64))
	}
	if len(os.Args) > 3 {
		cases = must(strconv.Atoi(os.Args[3]))
	}
	r := &run{pki: newPKI(mrand.New(mrand.NewPCG(seed, 0))), d: start(os.Args[1]), taken: map[string]int{}}
	var pool []*entity
	for range 40 {
		ca := r.issue("ca", nil, true)
		pool = append(pool, ca, r.issue("leaf", ca, false))
	}
	for i := 0; i < cases && r.failures < 5; i++ {
		a, b := pool[r.r.IntN(len(pool))], pool[r.r.IntN(len(pool))]
		want := []*x509.Certificate{a.cert, b.cert}
		text := certPEM("CERTIFICATE", want...)
		switch i % 5 {
		case 0:
			r.passedOn(r.same(text), want)
		case 1:
			r.passedOn(r.broken(r.same(text)), nil)
		case 2:
			r.keyPassedOn(r.keyPEM(a.key), certPEM("CERTIFICATE", a.cert), false)
		case 3:
			r.keyPassedOn(r.broken(r.keyPEM(a.key)), certPEM("CERTIFICATE", a.cert), false)
		case 4:
			r.served(i%2 == 0)
		}
	}
	fmt.Printf("%d cases, passed on: %v\n", cases, r.taken)
	if r.failures > 0 || r.taken["certificates"] < cases/10 || r.taken["keys"] < cases/10 || r.taken["chains"] < cases/50 {
		os.Exit(1)
	}
}
