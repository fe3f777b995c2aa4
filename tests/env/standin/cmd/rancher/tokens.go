// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strconv"
	"time"
)

// tokenRoutes are the two APIs of tokens: Norman's /v3/tokens and ext.cattle.io.
func (a *api) tokenRoutes(mux *http.ServeMux) {
	old := func(f func(w http.ResponseWriter, req *http.Request, by *token)) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if a.set["no-norman"] != "" {
				norman(w, 404, "NotFound", "")
				return
			}
			a.authorised(f)(w, req)
		}
	}
	mux.HandleFunc("POST /v3/tokens", func(w http.ResponseWriter, req *http.Request) {
		if query(req, "action") == "logout" {
			a.logout(w, req)
			return
		}
		old(a.makeNorman)(w, req)
	})
	mux.HandleFunc("GET /v3/tokens", old(func(w http.ResponseWriter, _ *http.Request, by *token) {
		data := []object{} // the caller's own, of every kind; no pages
		for _, t := range a.tokens {
			if !t.ext && !t.foreign {
				data = append(data, normanToken(t, by))
			}
		}
		reply(w, 200, object{"type": "collection", "data": data, "pagination": object{"limit": 1000}})
	}))
	// The Kubernetes API of the management cluster: an administrator reaches every user's tokens.
	mux.HandleFunc("DELETE /apis/management.cattle.io/v3/tokens/{name}", a.authorised(func(w http.ResponseWriter, req *http.Request, _ *token) {
		t := a.tokens[req.PathValue("name")]
		switch {
		case a.set["plain-user"] != "":
			status(w, 403, "Forbidden", "tokens.management.cattle.io is forbidden")
		case t == nil:
			status(w, 404, "NotFound", "tokens.management.cattle.io not found")
		default:
			delete(a.tokens, t.name)
			reply(w, 200, object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
		}
	}))
	mux.HandleFunc("GET /v3/tokens/{name}", old(func(w http.ResponseWriter, req *http.Request, by *token) {
		t := a.tokens[req.PathValue("name")]
		if t == nil || t.foreign {
			norman(w, 404, "NotFound", "")
			return
		}
		reply(w, 200, normanToken(t, by))
	}))
	mux.HandleFunc("DELETE /v3/tokens/{name}", old(func(w http.ResponseWriter, req *http.Request, by *token) {
		t := a.tokens[req.PathValue("name")]
		switch {
		case t == nil || t.foreign:
			norman(w, 404, "NotFound", "")
		case t == by && !t.derived:
			norman(w, 400, "InvalidAction", "Cannot delete token for current session. Use logout instead")
		default:
			delete(a.tokens, t.name)
			w.WriteHeader(204)
		}
	}))
	ext := func(f func(w http.ResponseWriter, req *http.Request, by *token)) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if a.minor() < 12 {
				notFound(w)
				return
			}
			a.authorised(f)(w, req)
		}
	}
	mux.HandleFunc("POST /apis/ext.cattle.io/v1/tokens", ext(a.makeExt))
	mux.HandleFunc("GET /apis/ext.cattle.io/v1/tokens", ext(func(w http.ResponseWriter, _ *http.Request, by *token) {
		items := []object{}
		for _, t := range a.tokens {
			if t.ext {
				items = append(items, a.extToken(t, by, false))
			}
		}
		reply(w, 200, object{"kind": "TokenList", "apiVersion": "ext.cattle.io/v1", "items": items})
	}))
	mux.HandleFunc("GET /apis/ext.cattle.io/v1/tokens/{name}", ext(func(w http.ResponseWriter, req *http.Request, by *token) {
		t := a.tokens[req.PathValue("name")]
		if t == nil || !t.ext {
			status(w, 404, "NotFound", "tokens.ext.cattle.io not found")
			return
		}
		reply(w, 200, a.extToken(t, by, false))
	}))
	mux.HandleFunc("DELETE /apis/ext.cattle.io/v1/tokens/{name}", ext(func(w http.ResponseWriter, req *http.Request, by *token) {
		t := a.tokens[req.PathValue("name")]
		if t == nil || !t.ext {
			status(w, 404, "NotFound", "tokens.ext.cattle.io not found")
			return
		}
		v := a.extToken(t, by, false)
		delete(a.tokens, t.name)
		reply(w, 200, v) // the object, not a Status [run]
	}))
}

func (a *api) makeNorman(w http.ResponseWriter, req *http.Request, by *token) {
	var in struct {
		Description, ClusterID string
		TTL                    any
	}
	if !body(w, req, &in) {
		return
	}
	ttl, number := in.TTL.(float64)
	if in.TTL != nil && !number {
		norman(w, 422, "InvalidFormat", "json: cannot unmarshal string into Go struct field .ttl of type int64")
		return
	}
	if _, err := strconv.Atoi(a.settings["auth-token-max-ttl-minutes"]); err != nil {
		norman(w, 500, "ServerError", "error parsing "+a.settings["auth-token-max-ttl-minutes"]) // [run]
		return
	}
	t := a.newToken("token-", "api", a.clamp(int64(ttl), false))
	t.description, t.clusterID, t.derived = in.Description, in.ClusterID, true
	v := normanToken(t, by)
	v["token"], v["expiresAt"] = t.value(), "" // a controller fills it in a moment later
	reply(w, 201, v)
}

func normanToken(t, by *token) object {
	v := object{"id": t.name, "name": t.name, "type": "token", "ttl": t.ttl, "expired": t.dead(), "enabled": true,
		"current": t == by, "isDerived": t.derived, "clusterId": nil, "description": t.description, "userId": userID,
		"authProvider": "local", "created": rfc3339(t.created), "createdTS": t.created.UnixMilli(), "labels": nil,
		"expiresAt": "", "userPrincipal": "map[displayName:Default Admin]"}
	if t.clusterID != "" {
		v["clusterId"] = t.clusterID
	}
	if t.ttl > 0 && time.Since(t.created) > 200*time.Millisecond {
		v["expiresAt"] = rfc3339(t.ends())
	}
	return v
}

func (a *api) makeExt(w http.ResponseWriter, req *http.Request, by *token) {
	var in struct {
		Spec struct {
			Description, ClusterName string
			TTL                      int64
		}
	}
	if !body(w, req, &in) {
		return
	}
	if in.Spec.ClusterName != "" && a.minor() >= 13 && a.find(in.Spec.ClusterName) == nil {
		status(w, 400, "BadRequest", "cluster "+in.Spec.ClusterName+" not found")
		return
	}
	t := a.newToken("token-", "api", a.clamp(in.Spec.TTL, true))
	t.description, t.clusterID, t.ext, t.derived = in.Spec.Description, in.Spec.ClusterName, true, true
	reply(w, 201, a.extToken(t, by, true))
}

func (a *api) extToken(t, by *token, secret bool) object {
	st := object{"current": t == by, "expired": t.dead(), "expiresAt": ""}
	if t.ttl > 0 {
		st["expiresAt"] = rfc3339(t.ends())
	}
	if secret {
		st["value"] = t.secret
		if a.minor() >= 13 {
			st["bearerToken"] = t.value()
		}
	}
	return object{"apiVersion": "ext.cattle.io/v1", "kind": "Token", "metadata": object{"name": t.name},
		"spec":   object{"description": t.description, "ttl": t.ttl, "userID": userID, "enabled": true},
		"status": st}
}
