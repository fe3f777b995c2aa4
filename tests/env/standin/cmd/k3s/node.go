// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// registriesPath is where the user's Secret is mounted.
const registriesPath = "/etc/rancher/k3s/registries.yaml"

// startNode gives the virtual cluster a real node: containerd, kubelet and kube-proxy in this pod.
func (s *server) startNode(admin, node string) error {
	cgroup, err := wholeCgroups()
	if err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	// Mounts of containers must be seen by all of this pod, as on a machine.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("mount --make-rshared /: %w", err)
	}
	dir := s.data + "/agent"
	pause := "rancher/mirrored-pause:3.6"
	if s.registry != "" {
		pause = s.registry + "/" + pause
	} else {
		pause = "docker.io/" + pause
	}
	args := []string{s.node, "start", dir, "--name", s.pod, "--address", s.address, "--pod-cidr", s.config.ClusterCIDR,
		"--kubeconfig", node, "--proxy-kubeconfig", admin, "--client-ca", s.planeDir() + "/pki/ca.crt",
		"--cgroup", cgroup + "/k3s", "--pause", pause}
	if _, err := os.Stat(registriesPath); err == nil {
		args = append(args, "--registries", registriesPath)
	}
	if !s.noDefaultRegistry {
		args = append(args, "--public", s.public)
	}
	if err := os.RemoveAll(dir + "/pid"); err != nil {
		return err
	}
	err = s.children.run("node", args...)
	return errors.Join(err, s.children.keepFiles(dir+"/pid"))
}

// wholeCgroups mounts the hierarchies of cgroup v1 as the machine has them, instead of this pod's part
// of them, so that the paths in /proc/PID/cgroup lead somewhere; it returns this pod's own path.
func wholeCgroups() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	const root = "/sys/fs/cgroup"
	for syscall.Unmount(root, syscall.MNT_DETACH) == nil {
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return "", err
	}
	own := ""
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		part := strings.SplitN(line, ":", 3)
		if len(part) != 3 || part[1] == "" {
			continue
		}
		name, options := strings.TrimPrefix(part[1], "name="), part[1]
		if name != part[1] {
			options = "none," + options
		}
		if err := os.Mkdir(root+"/"+name, 0o755); err != nil {
			return "", err
		}
		if err := syscall.Mount("cgroup", root+"/"+name, "cgroup", 0, options); err != nil {
			return "", fmt.Errorf("%s: %w", part[1], err)
		}
		if name == "memory" {
			own = part[2]
		}
	}
	if own == "" {
		return "", errors.New("no memory hierarchy of version 1")
	}
	return own, nil
}
