// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strings"
)

const (
	user   = "admin"
	userID = "user-standin"
)

// session is login, logout, the user and the settings.
func (a *api) session(mux *http.ServeMux) {
	mux.HandleFunc("/v3-public/localProviders/local", func(w http.ResponseWriter, req *http.Request) {
		switch {
		case a.set["hidden-local"] != "":
			norman(w, 404, "NotFound", "")
		case a.set["no-v3-public"] != "" && a.minor() >= 14:
			notFound(w)
		case req.Method == "GET":
			reply(w, 200, object{"id": "local", "type": "localProvider"})
		case query(req, "action") != "login":
			norman(w, 405, "MethodNotAllow", "Method POST not supported")
		default:
			a.login(w, req, false)
		}
	})
	mux.HandleFunc("/v1-public/login", func(w http.ResponseWriter, req *http.Request) {
		switch {
		case a.minor() < 13 || req.Method != "POST":
			notFound(w)
		case a.set["hidden-local"] != "":
			norman(w, 404, "NotFound", "")
		default:
			a.login(w, req, true)
		}
	})
	mux.HandleFunc("POST /v1/logout", func(w http.ResponseWriter, req *http.Request) {
		if a.minor() < 13 {
			notFound(w)
			return
		}
		a.logout(w, req)
	})
	mux.HandleFunc("GET /v3/users", a.authorised(func(w http.ResponseWriter, _ *http.Request, _ *token) {
		reply(w, 200, object{"type": "collection", "data": []object{{"id": userID, "username": user,
			"mustChangePassword": a.set["must-change"] != ""}}})
	}))
	mux.HandleFunc("POST /v3/users", a.authorised(a.changePassword))
	mux.HandleFunc("GET /v3/settings/{name}", a.authorised(func(w http.ResponseWriter, req *http.Request, _ *token) {
		name := req.PathValue("name")
		value, there := a.settings[name]
		if name == "server-version" {
			value, there = a.r.version, true
		}
		switch {
		case a.set["no-settings"] != "":
			norman(w, 403, "Forbidden", "settings.management.cattle.io is forbidden")
		case !there:
			norman(w, 404, "NotFound", "setting not found")
		default:
			reply(w, 200, object{"id": name, "name": name, "type": "setting", "value": value, "default": ""})
		}
	}))
	mux.HandleFunc("PUT /v3/settings/{name}", a.authorised(a.putSetting))
}

func (a *api) login(w http.ResponseWriter, req *http.Request, short bool) {
	var in struct{ Type, Username, Password, Description string }
	if !body(w, req, &in) {
		return
	}
	switch {
	case short && in.Type != "localProvider":
		norman(w, 422, "InvalidBodyContent", "")
	case in.Username != user || in.Password != a.password:
		message := "authentication failed"
		if a.set["echo"] != "" {
			message = "authentication failed for password " + in.Password
		}
		norman(w, 401, "Unauthorized", message)
	case a.set["disabled"] != "":
		norman(w, 403, "PermissionDenied", "Permission Denied")
	default:
		t := a.newToken("token-", "session", 960*60000)
		t.description = in.Description
		v := object{"id": t.name, "token": t.value(), "expiresAt": "", "type": "token", "baseType": "token"}
		if a.minor() < 13 {
			v["userId"], v["ttl"], v["isDerived"], v["current"], v["labels"] = userID, t.ttl, false, false, nil
			v["authProvider"], v["name"], v["createdTS"] = "local", t.name, t.created.UnixMilli()
		}
		reply(w, 201, v)
	}
}

// logout deletes the very token that came along; of an ext token it makes a 500 before 2.15, and
// its 401 is that of everything else [run].
func (a *api) logout(w http.ResponseWriter, req *http.Request) {
	if a.minor() < 15 && strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ext/") {
		norman(w, 500, "ServerError", "token not found")
		return
	}
	t := a.caller(w, req)
	if t == nil {
		return
	}
	delete(a.tokens, t.name)
	w.Header().Add("Set-Cookie", "R_SESS=; Max-Age=0")
}

func (a *api) changePassword(w http.ResponseWriter, req *http.Request, _ *token) {
	var in struct{ CurrentPassword, NewPassword string }
	if query(req, "action") != "changepassword" {
		norman(w, 405, "MethodNotAllow", "Method POST not supported")
		return
	}
	if !body(w, req, &in) {
		return
	}
	switch {
	case in.CurrentPassword != a.password:
		norman(w, 422, "InvalidBodyContent", "invalid current password")
	case in.NewPassword == user:
		norman(w, 422, "InvalidBodyContent", "Password can not be the same as the username")
	case len(in.NewPassword) < 12:
		norman(w, 422, "InvalidBodyContent", "Password must be at least 12 characters")
	case in.NewPassword == a.password:
		norman(w, 422, "InvalidBodyContent", "The new password must not be the same as the current password")
	default:
		a.password = in.NewPassword
		a.settings["first-login"] = "false"
		delete(a.set, "must-change")
	}
}

func (a *api) putSetting(w http.ResponseWriter, req *http.Request, _ *token) {
	name := req.PathValue("name")
	var in struct{ Value *string }
	switch {
	case name == "cacerts" || name == a.set["env-setting"]:
		norman(w, 405, "MethodNotAllow", "setting is read-only")
	case !strings.HasPrefix(req.Header.Get("Content-Type"), "application/json"):
		norman(w, 500, "ServerError", "value not found")
	case !body(w, req, &in):
	case in.Value == nil:
		norman(w, 500, "ServerError", "value not found")
	case name != "server-url" && a.settings[name] == "":
		norman(w, 404, "NotFound", fmt.Sprintf("setting %s not found", name))
	default:
		a.settings[name] = *in.Value
		reply(w, 200, object{"id": name, "name": name, "type": "setting", "value": *in.Value, "customized": true})
	}
}
