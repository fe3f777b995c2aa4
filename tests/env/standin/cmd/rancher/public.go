// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"os"
)

// What Rancher answers without a login.
func init() {
	addRoutes(func(r *rancher, mux *http.ServeMux) {
		text := func(path string, body func() string) {
			mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(w, body())
			})
		}
		text("/ping", func() string { return "pong" })
		text("/healthz", func() string { return "ok" })
		text("/cacerts", r.cacerts)
		text("/rancherversion", func() string {
			return fmt.Sprintf(`{"Version":%q,"GitCommit":"0000000","RancherPrime":"false"}`, r.version)
		})
	})
}

// cacerts is the bundle that clients are told to trust; the chart mounts the user's own.
func (r *rancher) cacerts() string {
	if r.noCACerts {
		return ""
	}
	if own, err := os.ReadFile("/etc/rancher/ssl/cacerts.pem"); err == nil {
		return string(own)
	}
	return string(r.caPEM)
}
