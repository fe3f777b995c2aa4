// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// An exchange is one request and its answer. Key names the request: method and URI, without the
// versions that differ from run to run.
type exchange struct {
	Key    string
	Status int
	Type   string
	Body   []byte
	Watch  bool
}

type conversation struct {
	Tool      []string
	Outcome   outcome
	Exchanges []*exchange
}

var (
	varying = regexp.MustCompile(`(&continue=[^&]*|(&resourceVersion=)\d+)`)
	reviews = regexp.MustCompile(`^POST /apis/auth(orization|entication)\.k8s\.io/`)
)

func keyOf(req *http.Request) string {
	return req.Method + " " + varying.ReplaceAllString(req.URL.RequestURI(), "$2")
}

func isWatch(req *http.Request) bool { return req.URL.Query().Get("watch") != "" }

// writes: the request changes something.
func (e *exchange) writes() bool {
	return !strings.HasPrefix(e.Key, "GET ") && !strings.HasPrefix(e.Key, "HEAD ") && !reviews.MatchString(e.Key)
}

// A recorder passes everything on, and keeps it in the order in which the requests came.
type recorder struct {
	sync.Mutex
	upstream  *url.URL
	transport http.RoundTripper
	exchanges []*exchange
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e := &exchange{Key: keyOf(req), Watch: isWatch(req)}
	r.Lock()
	r.exchanges = append(r.exchanges, e)
	r.Unlock()
	pass(r.upstream, r.transport, w, req, func(res *http.Response) {
		e.Status, e.Type = res.StatusCode, res.Header.Get("Content-Type")
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(res.Body, (*growing)(e)), res.Body}
	})
}

type growing exchange

func (g *growing) Write(p []byte) (int, error) {
	g.Body = append(g.Body, p...)
	return len(p), nil
}

// pass is a reverse proxy; seen gets the answer before its body is read.
func pass(to *url.URL, transport http.RoundTripper, w http.ResponseWriter, req *http.Request, seen func(*http.Response)) {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1,
		ModifyResponse: func(res *http.Response) error {
			seen(res)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	proxy.ServeHTTP(w, req)
}

// A liar answers the requests of one run from the conversation, but lies about one of them.
type liar struct {
	sync.Mutex
	c        *config
	upstream *url.URL
	from, to []byte // the address of the recorder, and of this run

	talk   conversation
	target string // key of the request that is lied about
	nth    int    // from its how-many-th time on
	v      *variation

	served map[string]int
	lies   int      // told
	good   int      // right answers to the target after a lie
	stray  []string // writes that are not in the conversation
}

func (l *liar) begin(talk conversation, target string, nth int, v *variation) {
	l.Lock()
	defer l.Unlock()
	l.talk, l.target, l.nth, l.v = talk, target, nth, v
	l.served, l.lies, l.good, l.stray = map[string]int{}, 0, 0, nil
}

// find: the answer for this time of that request, the last one when there were fewer.
func (l *liar) find(key string) (*exchange, int) {
	var found *exchange
	n := 0
	for _, e := range l.talk.Exchanges {
		if e.Key != key {
			continue
		}
		found = e
		if n == l.served[key] {
			break
		}
		n++
	}
	return found, l.served[key]
}

func (l *liar) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	key := keyOf(req)
	l.Lock()
	e, n := l.find(key)
	lie := e != nil && key == l.target && n >= l.nth && (!l.v.once || l.lies == 0)
	switch {
	case lie:
		l.lies++
	case e != nil:
		l.served[key]++
		if key == l.target && l.lies > 0 {
			l.good++
		}
	}
	if e == nil && (&exchange{Key: key}).writes() {
		l.stray = append(l.stray, key)
	}
	v := l.v
	l.Unlock()
	if e != nil { // an answer to half a request would be followed by a reset
		_, _ = io.Copy(io.Discard, req.Body)
	}
	switch {
	case lie:
		v.answer(w, req, l.moved(e))
	case e != nil:
		replay(w, req, l.moved(e))
	case (&exchange{Key: key}).writes():
		w.WriteHeader(http.StatusNotImplemented)
	default:
		pass(l.upstream, l.c.transport, w, req, func(*http.Response) {})
	}
}

// moved: as if it had been recorded at the address of this run.
func (l *liar) moved(e *exchange) *exchange {
	to := *e
	to.Body = bytes.ReplaceAll(e.Body, l.from, l.to)
	return &to
}

func replay(w http.ResponseWriter, req *http.Request, e *exchange) {
	if e.Type != "" {
		w.Header().Set("Content-Type", e.Type)
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body)
	if e.Watch && e.Status == http.StatusOK {
		hold(w, req)
	}
}

// hold keeps a stream open until the client leaves.
func hold(w http.ResponseWriter, req *http.Request) {
	_ = http.NewResponseController(w).Flush()
	<-req.Context().Done()
}

// tree is the body of an answer, or an object when it has none.
func (e *exchange) tree() map[string]any {
	var v map[string]any
	_ = json.Unmarshal(e.Body, &v)
	if v == nil {
		v = map[string]any{}
	}
	return v
}

func (e *exchange) kind() string {
	kind, _ := e.tree()["kind"].(string)
	return kind
}

func (e *exchange) isList() bool {
	_, has := e.tree()["items"].([]any)
	return has && !e.Watch && strings.HasSuffix(e.kind(), "List")
}

func (e *exchange) isObject() bool {
	meta, _ := e.tree()["metadata"].(map[string]any)
	return e.Status < 300 && meta["name"] != nil
}
