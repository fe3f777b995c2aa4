// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const initName = "procnode-container"

// bind is a directory or file of the node that a container sees at target.
type bind struct {
	Source, Target string
	ReadOnly       bool
}

// launch is all that a container's first process needs; it arrives on fd 3.
type launch struct {
	Root     string // an empty directory: becomes a tmpfs that holds the overlay
	Keep     []string
	Binds    []bind
	Hostname string
	Dir      string
	Argv     []string
	Env      []string
}

// containerInit runs in new mount, PID and UTS namespaces: it builds the root
// and becomes the program. What fails is written to fd 4, which an exec closes.
func containerInit() {
	report := os.NewFile(4, "report")
	syscall.CloseOnExec(4)
	err := becomeContainer()
	fmt.Fprint(report, err)
	os.Exit(128)
}

func becomeContainer() error {
	var l launch
	in := os.NewFile(3, "launch")
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	in.Close()
	if err := l.buildRoot(); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(l.Hostname)); err != nil {
		return fmt.Errorf("hostname: %w", err)
	}
	if err := enter(l.Dir); err != nil {
		return err
	}
	os.Clearenv()
	for _, kv := range l.Env {
		k, v, _ := strings.Cut(kv, "=")
		os.Setenv(k, v)
	}
	path, err := exec.LookPath(l.Argv[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, l.Argv, l.Env))
}

func enter(dir string) error {
	if dir == "" {
		dir = "/"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chdir(dir)
}

func mount(source, target, fs string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, fs, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

func (l *launch) buildRoot() error {
	if err := mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", l.Root, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	up, work, root := l.Root+"/up", l.Root+"/work", l.Root+"/root"
	for _, d := range []string{up, work, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	data := "lowerdir=/,upperdir=" + up + ",workdir=" + work
	if err := mount("overlay", root, "overlay", 0, data); err != nil {
		return err
	}
	if err := os.MkdirAll(root+"/.node", 0o700); err != nil {
		return err
	}
	if err := syscall.PivotRoot(root, root+"/.node"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := l.fillRoot(); err != nil {
		return err
	}
	return syscall.Unmount("/.node", syscall.MNT_DETACH)
}

func (l *launch) fillRoot() error {
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if err := mount("/.node/sys", "/sys", "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := makeDev(); err != nil {
		return err
	}
	for _, b := range l.Binds {
		if err := b.mount(); err != nil {
			return err
		}
	}
	for _, k := range l.Keep {
		if err := (bind{k, k, true}).mount(); err != nil {
			return err
		}
	}
	return nil
}

func makeDev() error {
	if err := mount("tmpfs", "/dev", "tmpfs", syscall.MS_NOSUID, "mode=0755"); err != nil {
		return err
	}
	for _, n := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := (bind{"/dev/" + n, "/dev/" + n, false}).mount(); err != nil {
			return err
		}
	}
	for _, d := range []string{"/dev/shm", "/dev/pts"} {
		if err := os.Mkdir(d, 0o1777); err != nil {
			return err
		}
	}
	if err := mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"); err != nil {
		return err
	}
	for from, to := range map[string]string{"/dev/ptmx": "pts/ptmx", "/dev/fd": "/proc/self/fd",
		"/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, from); err != nil {
			return err
		}
	}
	return nil
}

// mount makes the target if it is missing: in the overlay, never on the node.
func (b bind) mount() error {
	source := "/.node" + b.Source
	st, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("volume %s: %w", b.Target, err)
	}
	if st.IsDir() {
		err = os.MkdirAll(b.Target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(b.Target), 0o755); err == nil {
		err = touch(b.Target)
	}
	if err != nil {
		return err
	}
	if err := mount(source, b.Target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil || !b.ReadOnly {
		return err
	}
	return mount("none", b.Target, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}

func touch(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	f, err := os.Create(path)
	if err == nil {
		f.Close()
	}
	return err
}
