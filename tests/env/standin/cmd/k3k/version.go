// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// A version of the controller, as far as its behaviour differs: from 1.1 the arguments of k3s are one
// variable of the start script, from 1.2 volumes have dashes in their names (both change the pod
// template, as the rest of the script does in the real ones), the names of servers follow the spec,
// /v1-k3s/config is asked first, and settings are validated in every namespace.
type version struct{ major, minor int }

// parseVersion reads v1.2.0-rc4; none is 1.0.
func parseVersion(s string) (version, error) {
	v := version{1, 0}
	if s == "" {
		return v, nil
	}
	_, err := fmt.Sscanf(strings.TrimPrefix(s, "v"), "%d.%d.", &v.major, &v.minor)
	return v, err
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || (v.major == major && v.minor >= minor)
}

func (v version) asksConfig() bool         { return v.atLeast(1, 2) }
func (v version) followsSpec() bool        { return v.atLeast(1, 2) }
func (v version) validatesUnbound() bool   { return v.atLeast(1, 2) }
func (v version) wantsNameOfIngress() bool { return v.atLeast(1, 2) }

func (v version) initVolume() string {
	if v.atLeast(1, 2) {
		return "init-config"
	}
	return "initconfig"
}

// serverArgs are the arguments of our program in place of the start script.
func (v version) serverArgs(args []string) l {
	if v.atLeast(1, 1) {
		return l{"server", strings.Join(args, " ")}
	}
	out := l{"server"}
	for _, a := range args {
		out = append(out, a)
	}
	return out
}
