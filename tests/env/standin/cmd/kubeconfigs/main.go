// SPDX-License-Identifier: Apache-2.0

// kubeconfigs compares how rk3k and kubectl read kubeconfigs: files that it makes from a seed, and
// those that it is given. rk3k's side is the program READER (tests/unit/kubeconfigs.c); kubectl's are
// sigs.k8s.io/yaml and client-go's clientcmd, which kubectl is built from.
//
//	kubeconfigs -reader PROGRAM [-seed N] [-n N] DIR [FILE...]
//
// It writes N files into DIR, prints a line for each difference, and exits 1 when there is one.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func main() {
	reader := flag.String("reader", "", "the program that reads as rk3k does")
	seed := flag.Int64("seed", 1, "seed of the generator")
	n := flag.Int("n", 1000, "how many files to make")
	flag.Parse()
	files, err := generate(flag.Arg(0), *seed, *n)
	if err != nil {
		fail(err)
	}
	files = append(files, flag.Args()[1:]...)
	bad := 0
	loaded := 0
	for len(files) > 0 {
		batch := files[:min(len(files), 500)]
		files = files[len(batch):]
		answers, err := ask(*reader, batch)
		if err != nil {
			fail(err)
		}
		for _, f := range batch {
			data, err := os.ReadFile(f)
			if err != nil {
				fail(err)
			}
			for _, d := range differences(data, answers[f]) {
				fmt.Printf("%s: %s\n", f, d)
				bad++
			}
			if answers[f]["config"].ok {
				loaded++
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%d differences, %d loaded\n", bad, loaded)
	if bad > 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kubeconfigs:", err)
	os.Exit(2)
}

type answer struct {
	ok   bool
	text string
}

func ask(reader string, files []string) (map[string]map[string]answer, error) {
	cmd := exec.Command(reader, files...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]answer{}
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		f := strings.SplitN(line, "\t", 4)
		if len(f) != 4 {
			return nil, fmt.Errorf("%s answered %q", reader, line)
		}
		if all[f[0]] == nil {
			all[f[0]] = map[string]answer{}
		}
		all[f[0]][f[1]] = answer{f[2] == "ok", f[3]}
	}
	return all, nil
}

// What rk3k alone refuses: a NUL, which ends a string in C; .inf where a later key takes its place; two
// oddities of goyaml.v2 that libyaml does not have.
var ours = []string{"NUL", "not a JSON number", "found unknown escape character", "while scanning a tag"}

// differences between what Go makes of the data and our answers.
func differences(data []byte, answers map[string]answer) []string {
	var out []string
	theirs, err := yaml.YAMLToJSON(data)
	if d, both := verdicts("yaml", answers["yaml"], err); d != "" {
		out = append(out, d)
	} else if both && !sameJSON(theirs, []byte(answers["yaml"].text)) {
		out = append(out, fmt.Sprintf("yaml: kubectl reads %s, rk3k %s", theirs, answers["yaml"].text))
	}
	config, err := clientcmd.Load(data)
	d, both := verdicts("config", answers["config"], err)
	if d != "" {
		return append(out, d)
	}
	if !both {
		return out
	}
	// What we read, given to kubectl's reader in plain JSON, must be the same again.
	again, err := clientcmd.Load([]byte(answers["config"].text))
	if err != nil {
		return append(out, fmt.Sprintf("config: kubectl refuses %s: %v", answers["config"].text, err))
	}
	if !reflect.DeepEqual(config, again) {
		a, _ := clientcmd.Write(*config)
		b, _ := clientcmd.Write(*again)
		out = append(out, fmt.Sprintf("config: kubectl reads\n%s\nrk3k\n%s", a, b))
	}
	return out
}

// verdicts: how they differ, or "" and whether both read it.
func verdicts(what string, a answer, theirs error) (string, bool) {
	switch {
	case a.ok && theirs != nil:
		return fmt.Sprintf("%s: kubectl refuses it (%v), rk3k reads it", what, theirs), false
	case a.ok || theirs != nil:
		return "", a.ok
	}
	for _, text := range ours {
		if strings.Contains(a.text, text) {
			return "", false
		}
	}
	return fmt.Sprintf("%s: kubectl reads it, rk3k refuses it: %s", what, a.text), false
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// --- making files ---

type maker struct {
	*rand.Rand
	bytes.Buffer
	anchors []string
}

func generate(dir string, seed int64, n int) ([]string, error) {
	var files []string
	for i := 0; i < n; i++ {
		m := &maker{Rand: rand.New(rand.NewSource(seed*1000003 + int64(i)))}
		path := filepath.Join(dir, fmt.Sprintf("made-%04d", i))
		files = append(files, path)
		if err := os.WriteFile(path, m.config(), 0o600); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (m *maker) one(of ...string) string { return of[m.Intn(len(of))] }

func (m *maker) often() bool { return m.Intn(100) < 97 }

// right values, by what client-go wants, in several notations each.
var right = map[string][]string{
	"string": {"a", "'b'", "\"c\"", "~", "\"1\"", "'true'", "!!str 5", "\"\\u00e9\"", "|-\n@a\n@b", ">\n@a\n@b",
		"https://h:1", "a b", "2024-01-01", "1_000_", "0x", "!x y", "!!binary YWJj", "\"\"", "''", "a\n@b", "1:30", "é"},
	"bool":       {"true", "false", "yes", "Off", "~", "!!bool y", "N", "True"},
	"bytes":      {"YWJj", "\"YWI=\"", "YQ==", "|\n@YW\n@Jj", "~", "\"\"", "\"YW\\nJj\"", "\"YR==\"", "'YWJj'"},
	"strings":    {"[]", "[a, 'b']", "~", "[~, a]", "\n@- a\n@- \"2\"", "[!!str 1]"},
	"stringmap":  {"{}", "{a: b}", "~", "{a: ~}", "{1: a, y: b}", "{a: x, a: y}"},
	"stringsmap": {"{}", "{a: [b]}", "~", "{a: ~}", "{a: [~]}", "{true: [x]}"},
	"any":        {"{a: 1}", "[1, 2]", "x", "1", "1.5", "~", "{a: {b: [~, 0x1F, 1e3]}}"},
}

var wrong = []string{"1", "1.5", "true", "x y", "[]", "[1]", "{}", "{a: 1}", "~", "YW Jj", "\"YW\\tJj\"", "YW=", "Y",
	".inf", "!!int a", "!!binary ?", "&x a", "*x", "*nope", "[a: b]", "0o17", "017", "0b11", "-0x1", "+1", "1__0", "1e5",
	"\"\\x41\"", "\"\\/\"", "'it''s'", "@", "`", "%a", "!!null x", "!!float 1", "? a", "- a", "{a: b", "\"", "!<tag:x> v",
	"!!map {a: b}", "!!seq [a]", "!local [a]", "|+\n@a\n", "<<", "{<<: {a: b}}", "{<<: [{a: b}, {a: c}], d: e}"}

func (m *maker) value(kind, indent string) string {
	of := right[kind]
	if !m.often() {
		of = wrong
	}
	return strings.ReplaceAll(m.one(of...), "@", indent+"  ")
}

var fields = map[string][][2]string{
	"cluster": {{"server", "string"}, {"tls-server-name", "string"}, {"insecure-skip-tls-verify", "bool"},
		{"certificate-authority", "string"}, {"certificate-authority-data", "bytes"}, {"proxy-url", "string"},
		{"disable-compression", "bool"}, {"unknown", "any"}, {"Server", "any"}},
	"context": {{"cluster", "string"}, {"user", "string"}, {"namespace", "string"}, {"x-mine", "any"}},
	"user": {{"client-certificate", "string"}, {"client-certificate-data", "bytes"}, {"client-key-data", "bytes"},
		{"token", "string"}, {"tokenFile", "string"}, {"as", "string"}, {"as-uid", "string"}, {"as-groups", "strings"},
		{"as-user-extra", "stringsmap"}, {"username", "string"}, {"password", "string"}, {"tokenfile", "any"}},
	"exec": {{"apiVersion", "string"}, {"command", "string"}, {"args", "strings"}, {"installHint", "string"},
		{"provideClusterInfo", "bool"}, {"interactiveMode", "string"}, {"env", "env"}},
	"auth-provider": {{"name", "string"}, {"config", "stringmap"}},
	"preferences":   {{"colors", "bool"}},
}

func (m *maker) line(indent, key, value string) {
	sep := " "
	if strings.HasPrefix(value, "\n") {
		sep = ""
	}
	fmt.Fprintf(m, "%s%s:%s%s\n", indent, key, sep, value)
}

// object: the fields of a kind, or something else in its place.
func (m *maker) object(indent, key, kind string) {
	if m.Intn(30) == 0 {
		m.line(indent, key, m.value("any", indent))
		return
	}
	anchor := ""
	switch {
	case len(m.anchors) > 0 && m.Intn(12) == 0:
		m.line(indent, key, "*"+m.one(m.anchors...))
		return
	case m.Intn(12) == 0:
		anchor = fmt.Sprintf(" &a%d", len(m.anchors))
	}
	fmt.Fprintf(m, "%s%s:%s\n", indent, key, anchor)
	inner := indent + "  "
	if len(m.anchors) > 0 && m.Intn(10) == 0 {
		m.line(inner, "<<", "*"+m.one(m.anchors...))
	}
	for i := m.Intn(4) + 1; i > 0; i-- {
		f := fields[kind][m.Intn(len(fields[kind]))]
		if f[1] == "env" {
			m.line(inner, "env", m.one("[]", "[{name: A, value: b}]", "[{name: A, value: ~}]", "[~]", "[{name: A, value: 1}]", "{}"))
			continue
		}
		m.line(inner, f[0], m.value(f[1], inner))
	}
	if kind == "user" && m.Intn(3) == 0 {
		k := m.one("exec", "auth-provider")
		m.object(inner, k, k)
	}
	if m.Intn(6) == 0 {
		m.line(inner, "extensions", m.one("[]", "~", "{}", "[{name: a, extension: {b: 1}}]", "[~]", "[{name: a}, {name: a}]",
			"[{name: a, extension: 1}, {name: a, extension: 2}]", "[{name: 1}]", "[{extension: x}]"))
	}
	if anchor != "" {
		m.anchors = append(m.anchors, strings.TrimPrefix(anchor, " &"))
	}
}

func (m *maker) list(plural, kind string) {
	if m.Intn(15) == 0 {
		m.line("", plural, m.one("[]", "~", "{}", "x", "[~]", "[{}]", "[a]"))
		return
	}
	fmt.Fprintf(m, "%s:\n", plural)
	dash := m.one("", "  ", "    ")
	for i := m.Intn(3) + 1; i > 0; i-- {
		name := m.one("a", "b", "c", "d", "e", "f", "'a b'", "g")
		if m.Intn(30) == 0 {
			name = m.one("~", "1", "\"\"", "yes", "[]", "!!binary YQ==")
		}
		fmt.Fprintf(m, "%s- name: %s\n", dash, name)
		m.object(dash+"  ", kind, kind)
	}
}

// spoilt: now and then lines twice, lost or moved, bytes changed.
func (m *maker) spoilt(text []byte) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	switch i := m.Intn(len(lines)); m.Intn(20) {
	case 0:
		lines[i] += lines[i]
	case 1:
		lines[i] = ""
	case 2:
		lines[i] = " " + lines[i]
	case 3:
		lines[i] += m.one("---\n", "...\n", "# c\n", "\n", "\t\n", "%YAML 1.1\n", "? x\n", "--- x\n", "--- {}\n")
	case 4:
		b := []byte(strings.Join(lines, ""))
		b[m.Intn(len(b))] = m.one(" ", "\"", "'", ":", "#", "[", "}", ",", "-", "&", "*", "!", "\t", "|", "\r", "\x01", "\xff")[0]
		return b
	}
	return []byte(strings.Join(lines, ""))
}

func utf16(text []byte, little bool) []byte {
	out := []byte{0xfe, 0xff}
	for _, r := range string(text) {
		out = append(out, byte(r>>8), byte(r))
	}
	for i := 0; little && i < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}

func (m *maker) config() []byte {
	if m.often() {
		m.line("", "apiVersion", m.one("v1", "v1", "v1", "~", "\"\"", "/v1", "/"))
		m.line("", "kind", m.one("Config", "Config", "Config", "~", "''"))
	} else {
		m.line("", m.one("apiVersion", "kind", "Kind", "APIVERSION"), m.value("string", ""))
	}
	if m.Intn(4) == 0 {
		m.object("", "preferences", "preferences")
	}
	for _, l := range [][2]string{{"clusters", "cluster"}, {"contexts", "context"}, {"users", "user"}} {
		if m.Intn(6) != 0 {
			m.list(l[0], l[1])
		}
	}
	if m.Intn(3) == 0 {
		m.line("", "current-context", m.value("string", ""))
	}
	text := m.spoilt(m.Bytes())
	switch m.Intn(40) {
	case 0:
		return append([]byte("\xef\xbb\xbf"), text...)
	case 1:
		return utf16(text, m.Intn(2) == 0)
	case 2:
		return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	case 3:
		if j, err := yaml.YAMLToJSON(text); err == nil {
			return j
		}
	}
	return text
}
