// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"busybox":                                "busybox",
		"busybox:1.36":                           "busybox",
		"rancher/k3s:v1.34.1-k3s1":               "rancher/k3s",
		"docker.io/rancher/k3s":                  "rancher/k3s",
		"localhost/x":                            "x",
		"reg.example:5000/mirror/a/b:1@sha256:0": "mirror/a/b",
		"quay.io/jetstack/cert-manager-controller@sha256:0": "jetstack/cert-manager-controller",
	} {
		if got := repository(image); got != want {
			t.Errorf("repository(%q) = %q, want %q", image, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	table := filepath.Join(t.TempDir(), "images")
	text := "# head\nk3s one\nrancher/k3s two @command -x $(POD_IP) # why\nplain @command @args\n"
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string][]string{
		"rancher/k3s:1":          {"two", "@command", "-x", "$(POD_IP)"},
		"r.io/proxy/rancher/k3s": {"two", "@command", "-x", "$(POD_IP)"},
		"other/k3s":              {"one", "@args"},
		"plain":                  {"@command", "@args"},
		"my-k3s":                 nil,
	} {
		got, err := lookup(table, image)
		if !reflect.DeepEqual(got, want) || (want == nil) != (err != nil) {
			t.Errorf("lookup(%q) = %q, %v, want %q", image, got, err, want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	env := map[string]string{"A": "1 2", "B": "$(A)"}
	got := commandLine([]string{"p", "@args", "-i=$(A)"}, []string{"no"}, []string{"$(B)", "$$(A)", "$(C)"}, env)
	want := []string{"p", "$(A)", "$(A)", "$(C)", "-i=1 2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("commandLine = %q, want %q", got, want)
	}
}

func TestPublishReplacesAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	read := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		return string(b)
	}
	must := func(fs files) {
		t.Helper()
		if err := publish(dir, fs); err != nil {
			t.Fatal(err)
		}
	}
	must(files{"a": {[]byte("1"), 0o644}, "d/b": {[]byte("2"), 0o600}})
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	must(files{"a": {[]byte("3"), 0o644}, "c": {nil, 0o644}})
	if read("a") != "3" || read("d/b") != "" {
		t.Errorf("a = %q, d/b = %q", read("a"), read("d/b"))
	}
	if _, err := os.Lstat(filepath.Join(dir, "d")); err == nil {
		t.Error("a name that is no more is still there")
	}
	if _, err := os.Lstat(filepath.Join(dir, old)); err == nil {
		t.Error("the old files are still there")
	}
}
