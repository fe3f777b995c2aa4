// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Agents may ask for the configuration alone, and nothing is answered to another token.
func TestWhoMayAskWhat(t *testing.T) {
	h := Handler("secret", func() ([]byte, error) { return []byte("{}"), nil }, func(string) {})
	for _, c := range []struct {
		user, token, path string
		want              int
	}{
		{"node", "secret", "/v1-k3s/config", http.StatusOK},
		{"server", "secret", "/v1-k3s/server-bootstrap", http.StatusOK},
		{"node", "secret", "/v1-k3s/server-bootstrap", http.StatusUnauthorized},
		{"node", "other", "/v1-k3s/config", http.StatusUnauthorized},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.SetBasicAuth(c.user, c.token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s of %s with token %s: %d, want %d", c.path, c.user, c.token, w.Code, c.want)
		}
	}
}
