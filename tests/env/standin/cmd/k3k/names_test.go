// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// The hashes that the real controller made.
func TestObjectName(t *testing.T) {
	const long = "a-very-long-cluster-name-that-goes-beyond-the-limit-of-names-x"
	const cut = "k3k-a-very-long-cluster-name-that-goes-beyond-the-limit-o-"
	for _, c := range []struct {
		want   string
		suffix []string
	}{
		{"eed79", nil},
		{"135b6", []string{"service"}},
		{"c8fad", []string{"service", "headless"}},
		{"eb020", []string{"server"}},
		{"e8b9b", []string{"agent"}},
		{"4646f", []string{"token"}},
		{"b1506", []string{"server-config"}},
		{"8bbde", []string{"init-server-config"}},
		{"b22ad", []string{"agent-config"}},
	} {
		if got := objectName(long, c.suffix...); got != cut+c.want {
			t.Errorf("objectName(%v) = %s, want %s", c.suffix, got, cut+c.want)
		}
	}
	if got := objectName("rancher", "server"); got != "k3k-rancher-server" {
		t.Errorf("short name: %s", got)
	}
}
