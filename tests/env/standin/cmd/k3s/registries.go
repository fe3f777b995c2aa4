// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// registriesFile is k3s' registries.yaml.
type registriesFile struct {
	Mirrors map[string]struct {
		Endpoint []string          `json:"endpoint"`
		Rewrite  map[string]string `json:"rewrite"`
	} `json:"mirrors"`
	Configs map[string]struct {
		Auth *struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"auth"`
		TLS *struct {
			CAFile   string `json:"ca_file"`
			CertFile string `json:"cert_file"`
			KeyFile  string `json:"key_file"`
		} `json:"tls"`
	} `json:"configs"`
}

// What stands for the registries that everybody reaches: BASE/v2/docker.io and so on.
var publicRegistries = []string{"docker.io", "quay.io", "ghcr.io", "registry.k8s.io"}

// registriesCommand does what k3s does with registries.yaml for containerd: DIR/HOST/hosts.toml for
// every registry, and the credentials as a part of containerd's own configuration, on out. A rewrite
// is k3s' own extension of containerd; the one that puts a prefix before the whole path is the same as
// a path in the endpoint, and any other is refused. -public URL is tried after the mirrors.
func registriesCommand(args []string, out io.Writer) error {
	set := flag.NewFlagSet("registries", flag.ContinueOnError)
	public := set.String("public", "", "what stands for the public registries")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() != 2 {
		return errors.New("usage: k3s-standin registries [-public URL] FILE|/dev/null DIR")
	}
	text, err := os.ReadFile(set.Arg(0))
	if err != nil {
		return err
	}
	r := &registriesFile{}
	if err := yaml.UnmarshalStrict(text, r); err != nil {
		return fmt.Errorf("%s: %w", set.Arg(0), err)
	}
	if err := r.write(set.Arg(1), strings.TrimSuffix(*public, "/")); err != nil {
		return fmt.Errorf("%s: %w", set.Arg(0), err)
	}
	return r.credentials(out)
}

func (r *registriesFile) write(dir, public string) error {
	names := map[string]bool{}
	for name := range r.Mirrors {
		names[name] = true
	}
	for name := range r.Configs {
		names[name] = true
	}
	if public != "" {
		for _, name := range publicRegistries {
			names[name] = true
		}
	}
	for name := range names {
		toml, err := r.hosts(name, public)
		if err != nil {
			return err
		}
		if name == "*" {
			name = "_default"
		}
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name, "hosts.toml"), []byte(toml), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// hosts is the hosts.toml of one registry: its mirrors in their order, then itself. containerd goes to
// `server` when all others fail, so the last one is written there: nothing else is ever asked.
func (r *registriesFile) hosts(name, public string) (string, error) {
	path, err := prefix(r.Mirrors[name].Rewrite)
	if err != nil {
		return "", fmt.Errorf("mirror %s: %w", name, err)
	}
	var at, settings []string
	add := func(url, host string) {
		at = append(at, url)
		settings = append(settings, r.host(host))
	}
	for _, e := range r.Mirrors[name].Endpoint {
		u, err := url.Parse(e)
		if err != nil || u.Host == "" {
			return "", fmt.Errorf("mirror %s: %q is no URL", name, e)
		}
		base := strings.TrimSuffix(u.String(), "/")
		if u.Path == "" || u.Path == "/" {
			base += "/v2"
		}
		add(base+path, u.Host)
	}
	if _, own := r.Configs[name]; own {
		add("https://"+name+"/v2", name)
	} else if public != "" && slices.Contains(publicRegistries, name) {
		add(public+"/v2/"+name, "")
	}
	if len(at) == 0 {
		return "", nil
	}
	last := len(at) - 1
	text := "server = " + quote(at[last]) + "\n" + settings[last] + "[host]\n" // containerd refuses the file without this table
	for i := range last {
		text += "[host." + quote(at[i]) + "]\n" + settings[i]
	}
	return text, nil
}

func (r *registriesFile) host(host string) string {
	text := "capabilities = [\"pull\", \"resolve\"]\noverride_path = true\n"
	if c := r.Configs[host]; c.TLS != nil {
		if c.TLS.CAFile != "" {
			text += "ca = " + quote(c.TLS.CAFile) + "\n"
		}
		if c.TLS.CertFile != "" {
			text += "client = [[" + quote(c.TLS.CertFile) + ", " + quote(c.TLS.KeyFile) + "]]\n"
		}
	}
	return text
}

var wholePath = regexp.MustCompile(`^\^?\(\.[*+]\)\$?$`)

// prefix turns {"^(.*)$": "docker.io/$1"} into /docker.io.
func prefix(rewrite map[string]string) (string, error) {
	if len(rewrite) == 0 {
		return "", nil
	}
	for from, to := range rewrite {
		before, ok := strings.CutSuffix(to, "/$1")
		if ok && len(rewrite) == 1 && wholePath.MatchString(from) && !strings.Contains(before, "$") {
			return "/" + before, nil
		}
	}
	return "", fmt.Errorf("the stand-in has no rewrite %v", rewrite)
}

func (r *registriesFile) credentials(out io.Writer) error {
	for _, host := range slices.Sorted(maps.Keys(r.Configs)) {
		if a := r.Configs[host].Auth; a != nil {
			if _, err := fmt.Fprintf(out, "[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.%s.auth]\nusername = %s\npassword = %s\n",
				quote(host), quote(a.Username), quote(a.Password)); err != nil {
				return err
			}
		}
	}
	return nil
}

// quote writes a TOML string; JSON's escapes are TOML's.
func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}
