// SPDX-License-Identifier: Apache-2.0

// token-standin is the token server that registries such as Docker Hub, Harbor
// and GitLab send their clients to ("Bearer realm=..."), so that a real
// registry with `auth: token` can be asked for real.
//
// Real: the protocol of distribution's token authentication. GET with service
// and scope, Basic credentials or none; the answer is a JWT signed with ES256,
// its certificate in x5c, which the real registry verifies with its
// rootcertbundle; what it grants is what the registry then allows.
//
// Not real: who may do what. There is one user, who may pull and push
// everything but the repositories below -deny; without credentials a token is
// given that allows nothing, as public registries do for private repositories.
// Not there at all: POST (OAuth2), refresh tokens, TLS (a proxy in front has
// it). Each request is a line on standard output: user, scopes, status.
package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

type grant struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

type server struct {
	user, password, issuer, deny string
	key                          *ecdsa.PrivateKey
	chain                        []string
}

// granted reads "repository:NAME:pull,push"; the name may hold a port's colon.
func (s *server) granted(scopes []string) []grant {
	out := []grant{}
	for _, scope := range scopes {
		first, last := strings.Index(scope, ":"), strings.LastIndex(scope, ":")
		if first < 0 || first == last || scope[:first] != "repository" {
			continue
		}
		name := scope[first+1 : last]
		if s.deny != "" && strings.HasPrefix(name, s.deny) {
			continue
		}
		out = append(out, grant{"repository", name, strings.Split(scope[last+1:], ",")})
	}
	return out
}

func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s *server) sign(subject, service string, access []grant) (string, error) {
	now := time.Now()
	text := part(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": s.chain}) + "." +
		part(map[string]any{"iss": s.issuer, "sub": subject, "aud": service, "jti": rand.Text(),
			"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
			"access": access})
	hash := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, hash[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scopes := strings.Fields(strings.Join(r.URL.Query()["scope"], " "))
	user, password, basic := r.BasicAuth()
	access := []grant{}
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	case basic && !(equal(user, s.user) && equal(password, s.password)):
		log.Printf("user=%q scopes=%q status=401", user, scopes)
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	case basic:
		access = s.granted(scopes)
	}
	token, err := s.sign(user, r.URL.Query().Get("service"), access)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	log.Printf("user=%q scopes=%q status=200", user, scopes)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
}

func main() {
	listen := flag.String("listen", "", "`address` to listen on, http")
	cert := flag.String("cert", "", "certificate `file` of the signing key")
	key := flag.String("key", "", "signing key `file`, P-256")
	file := flag.String("password-file", "", "the user's password")
	s := &server{}
	flag.StringVar(&s.user, "user", "", "the one user")
	flag.StringVar(&s.issuer, "issuer", "", "what the registry calls its issuer")
	flag.StringVar(&s.deny, "deny", "", "prefix of repositories the user has no right to")
	flag.Parse()
	log.SetOutput(os.Stdout)

	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	s.key = pair.PrivateKey.(*ecdsa.PrivateKey)
	for _, der := range pair.Certificate {
		s.chain = append(s.chain, base64.StdEncoding.EncodeToString(der))
	}
	password, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	s.password = string(password)
	log.Fatal(http.ListenAndServe(*listen, s))
}
