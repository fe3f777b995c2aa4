// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// safeConcatName joins with dashes; what is longer than 63 bytes is cut and ends in a part of its
// hash. The byte after the cut decides how long that part is.
func safeConcatName(parts ...string) string {
	var used []string
	for _, p := range parts {
		if p != "" {
			used = append(used, p)
		}
	}
	full := strings.Join(used, "-")
	if len(full) < 64 {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	hash := hex.EncodeToString(sum[:])
	if c := full[56]; ('a' <= c && c <= 'z') || ('0' <= c && c <= '9') {
		return full[:57] + "-" + hash[:5]
	}
	return full[:56] + "-" + hash[:6]
}

// objectName is the name of what belongs to a cluster.
func objectName(cluster string, suffix ...string) string {
	return safeConcatName(append([]string{"k3k", cluster}, suffix...)...)
}
