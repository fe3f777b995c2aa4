// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// bend damages one answer, for tests of what a client makes of it. POST /standin/bend?match=TEXT
// chooses the requests whose "METHOD URI" begins with TEXT ("": none), and then either
//
//	status=CODE&type=CONTENT-TYPE  they are answered with this and the body that was sent, or
//	at=data.0.id                   the JSON value that was sent stands there in the usual answer.
type bend struct {
	match, at, kind string
	status          int
	body            []byte
}

func (b *bend) from(_ http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	*b = bend{match: query(req, "match"), at: query(req, "at"), kind: query(req, "type"), body: body}
	b.status, _ = strconv.Atoi(query(req, "status"))
}

func (b *bend) meets(req *http.Request) bool {
	return b.match != "" && strings.HasPrefix(req.Method+" "+req.URL.RequestURI(), b.match)
}

func (b *bend) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", b.kind)
	if b.status >= 300 && b.status < 400 {
		w.Header().Set("Location", string(b.body))
	}
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body)
}

// bent is v with the value in its place; at "" the whole of it.
func (b *bend) bent(v any) any {
	var tree any
	text, _ := json.Marshal(v)
	_ = json.Unmarshal(text, &tree)
	if b.at == "" {
		return json.RawMessage(b.body)
	}
	return put(tree, strings.Split(b.at, "."), json.RawMessage(b.body))
}

func put(v any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	switch v := v.(type) {
	case map[string]any:
		v[path[0]] = put(v[path[0]], path[1:], value)
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i < len(v) {
			v[i] = put(v[i], path[1:], value)
		}
	}
	return v
}
