// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"text/template"
)

// all are the clusters of this Rancher; labels may be null, as in the real answers.
func (a *api) all() []cluster {
	if a.set["harvesters"] == "none" {
		return nil
	}
	list := []cluster{{"c-mxjnr", "edge", false}, {"local", "local", false}}
	if a.set["harvesters"] != "0" {
		id := "c-m-2x68d8qw"
		if a.set["odd-id"] != "" {
			id = a.set["odd-id"]
		}
		list = append(list, cluster{id, "harvester", true})
	}
	if a.set["harvesters"] == "2" {
		list = append(list, cluster{"c-m-9k7lm2pt", "harvester-two", true})
	}
	return list
}

func (a *api) find(id string) *cluster {
	for _, c := range a.all() {
		if c.id == id {
			return &c
		}
	}
	return nil
}

func (a *api) clusterRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v3/clusters", a.authorised(a.listNorman))
	mux.HandleFunc("GET /apis/management.cattle.io/v3/clusters", a.authorised(a.listKubernetes))
	mux.HandleFunc("POST /v3/clusters/{id}", a.authorised(a.action))
	mux.HandleFunc("GET /k8s/clusters/{id}/version", a.authorised(func(w http.ResponseWriter, req *http.Request, _ *token) {
		switch {
		case a.find(req.PathValue("id")) == nil:
			norman(w, 404, "NotFound", "")
		case a.set["away"] != "":
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(503)
			fmt.Fprint(w, `{"Code":{"Code":"ClusterUnavailable","Status":503},"Message":"cluster not provisioned","Cause":null}`)
		default:
			reply(w, 200, object{"gitVersion": "v1.32.3+rke2r1"})
		}
	}))
}

// listNorman ignores labelSelector, and gives pages of the size that is asked for.
func (a *api) listNorman(w http.ResponseWriter, req *http.Request, _ *token) {
	if a.set["fail-clusters"] != "" {
		norman(w, 500, "ServerError", "the list cannot be made")
		return
	}
	data := []object{}
	past := query(req, "marker") == ""
	pagination := object{"limit": 2, "partial": false}
	for _, c := range a.all() {
		past = past || c.id == query(req, "marker")
		if !past {
			continue
		}
		if len(data) == 2 {
			pagination["partial"] = true
			host := req.Host
			if a.set["link-host"] != "" {
				host = a.set["link-host"]
			}
			pagination["next"] = "https://" + host + "/v3/clusters?limit=2&marker=" + c.id
			break
		}
		v := object{"id": c.id, "name": c.name, "type": "cluster", "state": "active", "labels": nil, "driver": "imported"}
		if c.harvester {
			v["labels"] = object{"provider.cattle.io": "harvester"}
		}
		data = append(data, v)
	}
	reply(w, 200, object{"type": "collection", "data": data, "pagination": pagination})
}

// listKubernetes is where a selector selects.
func (a *api) listKubernetes(w http.ResponseWriter, req *http.Request, _ *token) {
	if a.set["no-list"] != "" {
		status(w, 403, "Forbidden", "clusters.management.cattle.io is forbidden")
		return
	}
	if a.set["fail-clusters"] != "" {
		status(w, 500, "InternalError", "the list cannot be made")
		return
	}
	items := []object{}
	for _, c := range a.all() {
		labels := object{}
		if c.harvester {
			labels["provider.cattle.io"] = "harvester"
		}
		if query(req, "labelSelector") == "provider.cattle.io=harvester" && !c.harvester {
			continue
		}
		items = append(items, object{"metadata": object{"name": c.id, "labels": labels}, "spec": object{"displayName": c.name}})
	}
	reply(w, 200, object{"kind": "ClusterList", "apiVersion": "management.cattle.io/v3", "items": items})
}

func (a *api) action(w http.ResponseWriter, req *http.Request, _ *token) {
	c := a.find(req.PathValue("id"))
	switch {
	case c == nil:
		norman(w, 404, "NotFound", "")
	case query(req, "action") != "generateKubeconfig":
		norman(w, 422, "InvalidAction", "")
	case a.set["fail-kubeconfig"] != "":
		norman(w, 403, "Forbidden", "clusters is forbidden")
	default:
		reply(w, 200, object{"type": "generateKubeConfigOutput", "baseType": "generateKubeConfigOutput",
			"config": a.kubeconfig(c, req.Host)})
	}
}

// kubeconfig is written as Rancher writes it: names quoted, the CA folded over lines of a
// double-quoted scalar (left out under --no-cacerts), and a new token, unless
// kubeconfig-generate-token is off.
func (a *api) kubeconfig(c *cluster, host string) string {
	if a.settings["server-url"] != "" {
		host = strings.TrimPrefix(a.settings["server-url"], "https://")
	}
	type part struct{ Name, Server, CA string }
	v := struct {
		Name, Token, Host, User string
		Parts                   []part
	}{Name: c.name, Host: host, User: userID, Parts: []part{{c.name, "https://" + host + "/k8s/clusters/" + c.id, a.folded()}}}
	if a.set["ace"] != "" {
		v.Parts = append(v.Parts, part{c.name + "-fqdn", "https://ace.test:6443", a.folded()})
	}
	if a.settings["kubeconfig-generate-token"] != "false" {
		t := a.newToken("kubeconfig-"+userID, "kubeconfig", 43200*60000)
		t.description = "Kubeconfig token"
		t.derived = true
		if a.set["ace"] != "" {
			t.clusterID = c.id
		}
		v.Token = t.value()
	}
	var out strings.Builder
	if err := kubeconfigText.Execute(&out, v); err != nil {
		return err.Error()
	}
	return out.String()
}

func (a *api) folded() string {
	var ca strings.Builder
	for text := base64.StdEncoding.EncodeToString([]byte(a.cacerts())); text != ""; {
		n := min(64, len(text))
		if ca.Len() > 0 {
			ca.WriteString("\\\n      ")
		}
		ca.WriteString(text[:n])
		text = text[n:]
	}
	return ca.String()
}

var kubeconfigText = template.Must(template.New("").Parse(`apiVersion: v1
kind: Config
clusters:
{{- range .Parts}}
- name: "{{.Name}}"
  cluster:
    server: "{{.Server}}"
{{- if .CA}}
    certificate-authority-data: "{{.CA}}"
{{- end}}
{{- end}}

users:
- name: "{{.Name}}"
  user:
{{- if .Token}}
    token: "{{.Token}}"
{{- else}}
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: rancher
      args: ["token", "--server={{.Host}}", "--user={{.User}}"]
{{- end}}


contexts:
{{- range .Parts}}
- name: "{{.Name}}"
  context:
    user: "{{$.Name}}"
    cluster: "{{.Name}}"
{{- end}}

current-context: "{{.Name}}"
`))
