// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// repository is an image's name without registry, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	host, rest, ok := strings.Cut(image, "/")
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return rest
	}
	return image
}

// lookup finds the words that an image runs. A name of the table fits an image
// whose repository is that name or ends in it, as behind a mirror's path; the
// longest one wins.
func lookup(table, image string) ([]string, error) {
	f, err := os.Open(table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var words []string
	best, repo := 0, "/"+repository(image)
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		w := strings.Fields(line)
		if len(w) > 1 && len(w[0]) > best && strings.HasSuffix(repo, "/"+w[0]) {
			best, words = len(w[0]), w[1:]
		}
	}
	if words == nil {
		return nil, fmt.Errorf("image %q is not in the table of images", image)
	}
	if len(words) == 1 && !strings.HasPrefix(words[0], "@") {
		words = append(words, "@args")
	}
	return words, nil
}

var reference = regexp.MustCompile(`\$\$|\$\([A-Za-z_][A-Za-z0-9_.-]*\)`)

// expand replaces $(NAME) as Kubernetes does: an unknown one stays, $$ is a $.
func expand(s string, env map[string]string) string {
	return reference.ReplaceAllStringFunc(s, func(m string) string {
		if m == "$$" {
			return "$"
		}
		if v, ok := env[m[2:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// commandLine fills the table's words for one container.
func commandLine(words, command, args []string, env map[string]string) []string {
	var out []string
	for _, w := range words {
		switch w {
		case "@command":
			out = append(out, command...)
		case "@args":
			out = append(out, args...)
		default:
			out = append(out, w)
		}
	}
	for i := range out {
		out[i] = expand(out[i], env)
	}
	return out
}

// program makes argv[0] a path: beside the table when it starts with ./
func program(table string, argv []string) (string, error) {
	if len(argv) == 0 {
		return "", fmt.Errorf("no command specified")
	}
	if strings.HasPrefix(argv[0], "./") {
		return filepath.Join(filepath.Dir(table), argv[0]), nil
	}
	return argv[0], nil
}
