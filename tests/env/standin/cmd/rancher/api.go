// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The API behind the login, as far as rk3k tf-setup asks: both generations of login, logout and
// tokens, users, settings, clusters, generateKubeconfig, the proxy to a cluster. Shapes, statuses
// and oddities are Rancher's as its documentation and source have them, for 2.9 to 2.15; what is
// behind them is a table in memory. What is marked [run] was seen on a real 2.13.0-rc1.
//
// /standin is for tests: POST /standin?KEY=VALUE sets one of the switches below,
// POST /standin/expire ends the life of every token, POST /standin/delete?name=NAME deletes one,
// POST /standin/foreign makes one of another user and answers its name, GET /standin/tokens lists what there is,
// "NAME KIND TTL" a line, GET /standin/asleep how many requests `slow` holds just now,
// GET /standin/log the requests, "METHOD URI TOKEN STATUS" a line, where
// TOKEN is the name of the token that came along. /standin/bend damages answers: see bend.go.
type api struct {
	r        *rancher
	mu       sync.Mutex
	tokens   map[string]*token
	settings map[string]string
	log      []string
	password string
	n        int
	bend     bend
	asleep   int // requests that `slow` holds

	set map[string]string
	// version      CATTLE_SERVER_VERSION, as v2.12.3
	// disabled     the user is disabled: its tokens are refused like bad ones, until it is enabled
	//              again [run, 2.13]
	// plain-user   the caller is no administrator: other users' tokens cannot be deleted
	// must-change  the user must change the password
	// page         every answer is this web page with status 200
	// redirect     every answer is a redirect to this place
	// down         every answer is the proxy's 503
	// harvesters   0, 1 (the default) or 2 clusters with Harvester's label; none: no cluster at all
	// link-host    the host in links, as a proxy's X-API-Host makes it
	// ace          the clusters have authorized endpoints: a second one in their kubeconfigs
	// env-setting  the name of a setting that comes from the environment
	// hidden-local local users cannot log in, as 2.15 can have it
	// no-cacerts   as the flag of that name
	// no-list      the caller may not list on the Kubernetes paths
	// no-settings  the caller may not read settings
	// away         the cluster's agent is not connected
	// no-norman    there is no /v3/tokens
	// no-v3-public the feature v3-public is off
	// fail-clusters, fail-kubeconfig  these answer 500
	// echo         errors repeat what the client sent
	// odd-id       the id of the first Harvester cluster
	// slow         a duration that requests take whose "METHOD URI" contains slow-at (login)
	// lose         the next request whose "METHOD URI" begins with this is carried out, and the
	//              connection is closed instead of an answer; with lose-all every one
}

type token struct {
	name, secret, description, clusterID, kind string
	ttl                                        int64 // ms
	created                                    time.Time
	expired, ext, derived                      bool
	foreign                                    bool // of another user
}

type cluster struct {
	id, name  string
	harvester bool
}

func init() {
	addRoutes(func(r *rancher, mux *http.ServeMux) {
		a := &api{r: r, tokens: map[string]*token{}, set: map[string]string{}, password: r.password,
			settings: map[string]string{"auth-token-max-ttl-minutes": "129600", "server-url": "", "first-login": "true",
				"kubeconfig-generate-token": "true"}}
		a.control(mux)
		a.session(mux)
		a.tokenRoutes(mux)
		a.clusterRoutes(mux)
		r.wrap = a.wrap
	})
}

// minor is the y of the version 2.y.z.
func (a *api) minor() int {
	v := a.set["version"]
	if v == "" {
		v = a.r.version
	}
	parts := strings.Split(strings.TrimPrefix(v, "v"), ".")
	if len(parts) < 2 {
		return 99
	}
	n, _ := strconv.Atoi(parts[1])
	return n
}

// sleep holds a request back until `slow` is over or taken back, or its client is gone.
func (a *api) sleep(req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.set["slow-at"]
	if at == "" {
		at = "login"
	}
	d, _ := time.ParseDuration(a.set["slow"])
	if d == 0 || !strings.Contains(req.Method+" "+req.URL.RequestURI(), at) {
		return
	}
	a.asleep++
	for end := time.Now().Add(d); time.Now().Before(end) && a.set["slow"] != "" && req.Context().Err() == nil; {
		a.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		a.mu.Lock()
	}
	a.asleep--
}

type statusWriter struct {
	http.ResponseWriter
	status int
	bend   *bend // of this request, or nil
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// wrap is what stands before every route: the log, and the ways in which all fails at once.
func (a *api) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		w := &statusWriter{rw, 200, nil}
		if strings.HasPrefix(req.URL.Path, "/standin") {
			h.ServeHTTP(w, req)
			return
		}
		a.sleep(req)
		a.mu.Lock()
		defer a.mu.Unlock()
		name := a.bearerName(req)
		if a.bend.meets(req) {
			w.bend = &a.bend
		}
		switch {
		case w.bend != nil && w.bend.status != 0:
			w.bend.answer(w)
		case a.set["redirect"] != "":
			http.Redirect(w, req, a.set["redirect"]+req.URL.RequestURI(), http.StatusFound)
		case a.set["down"] != "":
			page(w, 503, "<html><head><title>503 Service Temporarily Unavailable</title></head></html>")
		case a.set["page"] != "" && req.URL.Path != "/ping":
			page(w, 200, a.set["page"])
		case req.Method != "GET" && strings.Contains(strings.ToLower(req.UserAgent()), "mozilla"):
			page(w, 422, "<html>InvalidCSRFToken</html>")
		case req.URL.Path == "/cacerts":
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, a.cacerts())
		case req.URL.Path == "/rancherversion" && a.set["version"] != "":
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(w, `{"Version":%q,"GitCommit":"0000000","RancherPrime":"false"}`, a.set["version"])
		default:
			h.ServeHTTP(w, req)
		}
		a.log = append(a.log, fmt.Sprintf("%s %s %s %d", req.Method, req.URL.RequestURI(), name, w.status))
		if lose := a.set["lose"]; lose != "" && strings.HasPrefix(req.Method+" "+req.URL.RequestURI(), lose) {
			if a.set["lose-all"] == "" {
				delete(a.set, "lose")
			}
			panic(http.ErrAbortHandler) // nothing has been flushed yet: the client sees a cut connection
		}
	})
}

func (a *api) control(mux *http.ServeMux) {
	locked := func(f http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			a.mu.Lock()
			defer a.mu.Unlock()
			f(w, req)
		}
	}
	mux.HandleFunc("POST /standin", locked(func(_ http.ResponseWriter, req *http.Request) {
		for k, v := range req.URL.Query() {
			switch {
			case strings.HasPrefix(k, "setting."):
				a.settings[strings.TrimPrefix(k, "setting.")] = v[0]
			case k == "password":
				a.password = v[0]
			default:
				a.set[k] = v[0]
			}
		}
	}))
	mux.HandleFunc("POST /standin/bend", locked(a.bend.from))
	mux.HandleFunc("POST /standin/expire", locked(func(http.ResponseWriter, *http.Request) {
		for _, t := range a.tokens {
			t.expired = true
		}
	}))
	mux.HandleFunc("GET /standin/tokens", locked(func(w http.ResponseWriter, _ *http.Request) {
		for _, t := range a.tokens {
			fmt.Fprintf(w, "%s %s %d\n", t.name, t.kind, t.ttl)
		}
	}))
	mux.HandleFunc("POST /standin/foreign", locked(func(w http.ResponseWriter, _ *http.Request) {
		t := a.newToken("token-", "api", 0)
		t.foreign, t.derived = true, true
		fmt.Fprintln(w, t.name)
	}))
	mux.HandleFunc("POST /standin/delete", locked(func(_ http.ResponseWriter, req *http.Request) {
		delete(a.tokens, query(req, "name"))
	}))
	mux.HandleFunc("GET /standin/asleep", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, a.asleep)
	}))
	mux.HandleFunc("GET /standin/log", locked(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.Join(a.log, "\n"))
	}))
}

// --- answers ---

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

type object = map[string]any

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if sw, is := w.(*statusWriter); is && sw.bend != nil {
		v = sw.bend.bent(v)
	}
	_ = json.NewEncoder(w).Encode(v)
}

// norman is an error of the old API; the login of both generations has it too.
func norman(w http.ResponseWriter, status int, code, message string) {
	v := object{"baseType": "error", "type": "error", "code": code, "status": status}
	if message != "" {
		v["message"] = message
	}
	reply(w, status, v)
}

func notFound(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) }

func status(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
		"message": message, "code": code})
}

// body reads JSON whatever the content type says, as login and tokens do.
func body(w http.ResponseWriter, req *http.Request, v any) bool {
	if json.NewDecoder(req.Body).Decode(v) == nil {
		return true
	}
	norman(w, 422, "InvalidBodyContent", "")
	return false
}

// --- tokens and who may ---

func (a *api) newToken(prefix, kind string, ttl int64) *token {
	a.n++
	secret, _ := randomWord(54)
	name, _ := randomWord(5)
	t := &token{name: prefix + name, secret: secret, kind: kind, ttl: ttl, created: time.Now()}
	a.tokens[t.name] = t
	return t
}

func (t *token) value() string {
	if t.ext {
		return "ext/" + t.name + ":" + t.secret
	}
	return t.name + ":" + t.secret
}

func (t *token) ends() time.Time { return t.created.Add(time.Duration(t.ttl) * time.Millisecond) }

func (t *token) dead() bool {
	return t.expired || t.ttl < 0 || (t.ttl > 0 && time.Now().After(t.ends()))
}

func (a *api) bearerName(req *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), ":")
	if name == "" {
		return "-"
	}
	return name
}

// known is the token of the request, nil if it is none or no good here.
func (a *api) known(w http.ResponseWriter, req *http.Request) *token {
	value := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	name, _, _ := strings.Cut(strings.TrimPrefix(value, "ext/"), ":")
	t := a.tokens[name]
	scoped := t != nil && t.clusterID != "" && !strings.HasPrefix(req.URL.Path, "/k8s/clusters/"+t.clusterID)
	hole := t != nil && t.ext && a.minor() < 15 && strings.HasPrefix(req.URL.Path, "/v3/tokens")
	if t == nil || t.value() != value || t.dead() || scoped || hole || a.set["disabled"] != "" {
		w.Header().Set("X-Api-Cattle-Auth", "false")
		return nil
	}
	w.Header().Set("X-Api-Cattle-Auth", "true")
	return t
}

// caller is the same, after the 401 that every bad one gets.
func (a *api) caller(w http.ResponseWriter, req *http.Request) *token {
	t := a.known(w, req)
	if t == nil && a.extOnNorman(req) {
		norman(w, 500, "ServerError", "token not found")
	} else if t == nil {
		reply(w, 401, object{"type": "error", "status": "401", "message": "Unauthorized 401: must authenticate"})
	}
	return t
}

// extOnNorman: before 2.15 an ext token on one of Norman's tokens is a 500; on their list, a 401 [run].
func (a *api) extOnNorman(req *http.Request) bool {
	return a.minor() < 15 && strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ext/") &&
		strings.HasPrefix(req.URL.Path, "/v3/tokens/")
}

// cacerts is what /cacerts answers: the setting of that name once it was changed, else the CA that
// Rancher came with; nothing under --no-cacerts.
func (a *api) cacerts() string {
	switch {
	case a.set["no-cacerts"] != "":
		return ""
	case a.settings["cacerts"] != "":
		return a.settings["cacerts"]
	}
	return a.r.cacerts()
}

// authorised wraps a handler that needs a login.
func (a *api) authorised(f func(w http.ResponseWriter, req *http.Request, by *token)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if by := a.caller(w, req); by != nil {
			f(w, req, by)
		}
	}
}

// clamp is what auth-token-max-ttl-minutes makes of a wish: 0 is the maximum, -1 stays. After 2.15
// there is auth-token-default-ttl-minutes too, which is what 0 then means.
func (a *api) clamp(ttl int64, ext bool) int64 {
	minutes, _ := strconv.ParseInt(a.settings["auth-token-max-ttl-minutes"], 10, 64)
	usual, _ := strconv.ParseInt(a.settings["auth-token-default-ttl-minutes"], 10, 64)
	most := minutes * 60000
	switch {
	case ttl == 0 && usual > 0:
		return usual * 60000
	case ttl < 0 && !ext:
		return ttl
	case most == 0:
		return max(ttl, 0)
	case ttl <= 0 || ttl > most:
		return most
	}
	return ttl
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func query(req *http.Request, key string) string {
	v, _ := url.ParseQuery(req.URL.RawQuery)
	return v.Get(key)
}
