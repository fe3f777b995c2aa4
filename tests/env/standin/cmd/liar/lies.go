// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// A variation is one way in which an answer can be wrong.
type variation struct {
	name    string
	once    bool                   // the next answer is right again
	applies func(e *exchange) bool // nil: to all but watches
	answer  func(w http.ResponseWriter, req *http.Request, e *exchange)
}

const success = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}`

var counter atomic.Int64

// body answers with that text.
func body(status int, kind, text string, headers ...string) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, _ *http.Request, _ *exchange) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func jsonBody(text string) func(http.ResponseWriter, *http.Request, *exchange) {
	return body(http.StatusOK, "application/json", text)
}

// changed answers with the right tree after a change.
func changed(change func(tree map[string]any)) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, req *http.Request, e *exchange) {
		tree := e.tree()
		change(tree)
		text, _ := json.Marshal(tree)
		jsonBody(string(text))(w, req, e)
	}
}

// bytewise answers with the right bytes after a change.
func bytewise(status int, change func(b []byte) []byte) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, req *http.Request, e *exchange) {
		body(status, e.Type, string(change(e.Body)))(w, req, e)
	}
}

func truncated(w http.ResponseWriter, _ *http.Request, e *exchange) {
	w.Header().Set("Content-Type", e.Type)
	w.Header().Set("Content-Length", fmt.Sprint(len(e.Body)+100))
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func metadata(tree map[string]any, key string, value any) {
	if meta, ok := tree["metadata"].(map[string]any); ok {
		meta[key] = value
	}
}

func first(tree map[string]any) map[string]any {
	if items, _ := tree["items"].([]any); len(items) > 0 {
		item, _ := items[0].(map[string]any)
		return item
	}
	return nil
}

func isObject(e *exchange) bool { return e.isObject() }
func isList(e *exchange) bool   { return e.isList() && e.Status < 300 }
func hasItems(e *exchange) bool { return isList(e) && first(e.tree()) != nil }
func isWatched(e *exchange) bool {
	return e.Watch
}
func isNamespaced(e *exchange) bool {
	meta, _ := e.tree()["metadata"].(map[string]any)
	return isObject(e) && meta["namespace"] != nil
}
func isKind(e *exchange) bool {
	return e.kind() != "" && e.kind() != "Status" && e.Status < 300 && !e.Watch
}

// The answer to a DELETE may be a Status.
func notDeleted(e *exchange) bool { return !e.Watch && !strings.HasPrefix(e.Key, "DELETE ") }
func isAbsent(e *exchange) bool   { return !e.Watch && e.Status == http.StatusNotFound }
func isFound(e *exchange) bool    { return !e.Watch && e.Status < 300 }

// stream answers a watch with these lines, again and again when endless.
func stream(endless bool, line string) func(http.ResponseWriter, *http.Request, *exchange) {
	return func(w http.ResponseWriter, req *http.Request, _ *exchange) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		for {
			text := strings.ReplaceAll(line, "COUNTER", fmt.Sprint(counter.Add(1)))
			if _, err := w.Write([]byte(text + "\n")); err != nil {
				return
			}
			if !endless {
				hold(w, req)
				return
			}
		}
	}
}

const pod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p-COUNTER","namespace":"default","uid":"u-COUNTER","resourceVersion":"COUNTER"}}`

var variations = []*variation{
	{name: "empty object", answer: jsonBody("{}")},
	{name: "list", answer: jsonBody("[]")},
	{name: "no body", answer: jsonBody("")},
	{name: "204", answer: func(w http.ResponseWriter, _ *http.Request, _ *exchange) { w.WriteHeader(http.StatusNoContent) }},
	{name: "Status Success", applies: notDeleted, answer: jsonBody(success)},
	{name: "Status of another", applies: func(e *exchange) bool { return strings.HasPrefix(e.Key, "DELETE ") },
		answer: jsonBody(`{"kind":"Status","apiVersion":"v1","status":"Success","details":{"name":"other"}}`)},
	{name: "other kind", applies: isKind, answer: changed(func(t map[string]any) { t["kind"] = "Other" })},
	{name: "other version", applies: isKind, answer: changed(func(t map[string]any) { t["apiVersion"] = "other.example/v9" })},
	{name: "other name", applies: isObject, answer: changed(func(t map[string]any) { metadata(t, "name", "other") })},
	{name: "other namespace", applies: isNamespaced, answer: changed(func(t map[string]any) { metadata(t, "namespace", "elsewhere") })},
	{name: "numbers as items", applies: isList, answer: changed(func(t map[string]any) { t["items"] = []any{1} })},
	{name: "no items", applies: isList, answer: changed(func(t map[string]any) { delete(t, "items") })},
	{name: "item without name", applies: hasItems, answer: changed(func(t map[string]any) { metadata(first(t), "name", nil) })},
	{name: "endless list", applies: isList,
		answer: func(w http.ResponseWriter, req *http.Request, e *exchange) {
			changed(func(t map[string]any) { metadata(t, "continue", fmt.Sprint(counter.Add(1))) })(w, req, e)
		}},
	{name: "same continue", applies: isList, answer: changed(func(t map[string]any) { metadata(t, "continue", "same") })},
	{name: "truncated", applies: isFound, answer: truncated},
	{name: "truncated once", once: true, applies: isFound, answer: truncated},
	{name: "more behind it", applies: isKind, answer: bytewise(http.StatusOK, func(b []byte) []byte { return append(bytes.Clone(b), `{"a":1}`...) })},
	{name: "206", applies: isFound, answer: bytewise(http.StatusPartialContent, bytes.Clone)},
	{name: "not UTF-8", applies: isKind,
		answer: bytewise(http.StatusOK, func(b []byte) []byte { return bytes.Replace(b, []byte("{"), []byte("{\"x\":\"\xff\xfe\","), 1) })},
	{name: "HTML", answer: body(http.StatusOK, "text/html", "<html><body>Log in</body></html>")},
	{name: "nested arrays", answer: jsonBody(strings.Repeat("[", 100000))},
	{name: "nested objects", answer: jsonBody(strings.Repeat(`{"a":`, 100000))},
	{name: "2 MB of numbers", answer: jsonBody(`{"items":[` + strings.Repeat("1,", 1000000) + "1]}")},
	{name: "redirect", answer: body(http.StatusFound, "text/html", "", "Location", "https://127.0.0.1:1/")},
	{name: "404 of a proxy", applies: isFound, answer: body(http.StatusNotFound, "text/html", "<html>not here</html>")},
	{name: "404 with {}", applies: isFound, answer: body(http.StatusNotFound, "application/json", "{}")},
	{name: "404 of another", applies: func(e *exchange) bool { return isObject(e) || isAbsent(e) && e.kind() == "Status" },
		answer: body(http.StatusNotFound, "application/json", `{"kind":"Status","apiVersion":"v1","status":"Failure",
			"reason":"NotFound","message":"others \"other\" not found","code":404,"details":{"name":"other","kind":"others"}}`)},
	{name: "500", answer: body(http.StatusInternalServerError, "text/plain", "oh\n")},
	{name: "503 for ever", answer: body(http.StatusServiceUnavailable, "text/plain", "later\n", "Retry-After", "100000000")},
	{name: "503 once", once: true, answer: body(http.StatusServiceUnavailable, "text/plain", "later\n", "Retry-After", "0")},
	{name: "429", answer: body(http.StatusTooManyRequests, "application/json", "{}", "Retry-After", "99999999999999999999")},

	{name: "watch of another kind", applies: isWatched, answer: stream(false, `{"type":"MODIFIED","object":{"kind":"Other","apiVersion":"v9","metadata":{"name":"x","resourceVersion":"1"}}}`)},
	{name: "watch without object", applies: isWatched, answer: stream(false, `{"type":"MODIFIED"}`)},
	{name: "watch of rubbish", applies: isWatched, answer: stream(false, `<html>`)},
	{name: "watch that floods", applies: isWatched, answer: stream(true, `{"type":"ADDED","object":`+pod+`}`)},
	{name: "watch of {} for ever", applies: isWatched, answer: stream(true, `{}`)},
}

func (v *variation) fits(e *exchange) bool {
	if v.applies != nil {
		return v.applies(e)
	}
	return true
}
