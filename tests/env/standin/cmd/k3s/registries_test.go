// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const someRegistries = `
mirrors:
  quay.io:
    endpoint: ["https://r.test:5000"]
    rewrite: {"^(.*)$": "quay.io/$1"}
configs:
  r.test:5000:
    auth: {username: me, password: 'a"b\c'}
    tls: {ca_file: /ca.crt}
`

func TestRegistries(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "registries.yaml")
	if err := os.WriteFile(file, []byte(someRegistries), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := registriesCommand([]string{"-public", "http://p.test", file, dir}, &out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"quay.io": `server = "http://p.test/v2/quay.io"
capabilities = ["pull", "resolve"]
override_path = true
[host]
[host."https://r.test:5000/v2/quay.io"]
capabilities = ["pull", "resolve"]
override_path = true
ca = "/ca.crt"
`,
		"r.test:5000": `server = "https://r.test:5000/v2"
capabilities = ["pull", "resolve"]
override_path = true
ca = "/ca.crt"
[host]
`} {
		got, err := os.ReadFile(filepath.Join(dir, name, "hosts.toml"))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	want := "[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"r.test:5000\".auth]\n" +
		"username = \"me\"\npassword = \"a\\\"b\\\\c\"\n"
	if out.String() != want {
		t.Errorf("credentials\n%s\nwant\n%s", out.String(), want)
	}
}

func TestOtherRewritesAreRefused(t *testing.T) {
	for _, r := range []map[string]string{
		{"^rancher/(.*)": "x/$1"}, {"^(.*)$": "x-$1"}, {"(.*)": "a/$1", "^(.*)$": "b/$1"},
	} {
		if p, err := prefix(r); err == nil {
			t.Errorf("%v became %s", r, p)
		}
	}
}
