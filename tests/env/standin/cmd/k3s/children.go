// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const prSetChildSubreaper = 36

// children are the processes of the virtual cluster. In its pod the stand-in is process 1, so all
// that loses its parent comes to it: one loop collects everything that ends.
type children struct {
	logs string
	lost chan error // a part of the control plane has ended

	mu       sync.Mutex
	stopping bool
	waiting  map[int]chan syscall.WaitStatus
	early    map[int]syscall.WaitStatus // ended before somebody asked
	kept     map[int]child
}

// A child that should be there; again starts it anew, nil means that nothing can go on without it.
type child struct {
	name  string
	again func()
}

func newChildren(logs string) *children {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	c := &children{logs: logs, lost: make(chan error, 8), waiting: map[int]chan syscall.WaitStatus{},
		early: map[int]syscall.WaitStatus{}, kept: map[int]child{}}
	go c.collect()
	return c
}

func (c *children) collect() {
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		} else if err != nil {
			time.Sleep(20 * time.Millisecond) // no child yet
			continue
		}
		c.mu.Lock()
		if ch := c.waiting[pid]; ch != nil {
			ch <- ws
			delete(c.waiting, pid)
		} else if kept, ok := c.kept[pid]; ok {
			delete(c.kept, pid)
			c.ended(kept, ws)
		} else {
			c.early[pid] = ws
		}
		c.mu.Unlock()
	}
}

// ended is called with the lock held.
func (c *children) ended(kept child, ws syscall.WaitStatus) {
	err := fmt.Errorf("%s ended: %s: see %s", kept.name, describe(ws), c.logs)
	switch {
	case c.stopping:
	case kept.again == nil:
		c.lost <- err
	default:
		log.Print(err)
		time.AfterFunc(time.Second, kept.again)
	}
}

func describe(ws syscall.WaitStatus) string {
	if ws.Signaled() {
		return ws.Signal().String()
	}
	return fmt.Sprintf("exit %d", ws.ExitStatus())
}

// start runs a program with no environment but what it needs: the host cluster's service account
// must not be found by anybody.
func (c *children) start(name string, env []string, argv ...string) (int, error) {
	if err := os.MkdirAll(c.logs, 0o755); err != nil {
		return 0, err
	}
	path, err := lookPath(argv[0])
	if err != nil {
		return 0, err
	}
	out, err := os.OpenFile(filepath.Join(c.logs, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); k == "PATH" || k == "HOME" || k == "SSL_CERT_DIR" || strings.HasPrefix(k, "RK3K_") {
			env = append(env, kv)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return 0, errors.New("stopping")
	}
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, out.Fd(), out.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true}})
}

func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Mode()&0o111 != 0 {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("%s is not on PATH", name)
}

// run waits for a program to end well.
func (c *children) run(name string, argv ...string) error {
	pid, err := c.start(name, nil, argv...)
	if err != nil {
		return err
	}
	ch := make(chan syscall.WaitStatus, 1)
	c.mu.Lock()
	if ws, ok := c.early[pid]; ok {
		delete(c.early, pid)
		ch <- ws
	} else {
		c.waiting[pid] = ch
	}
	c.mu.Unlock()
	if ws := <-ch; ws.ExitStatus() != 0 {
		text, _ := os.ReadFile(filepath.Join(c.logs, name+".log"))
		log.Printf("%s", text)
		return fmt.Errorf("%s: %s", name, describe(ws))
	}
	return nil
}

// keep starts a program that is started again whenever it ends, as k3s' own parts try again.
func (c *children) keep(name string, env []string, argv ...string) error {
	pid, err := c.start(name, env, argv...)
	if err == nil {
		c.watch(pid, child{name, func() {
			if err := c.keep(name, env, argv...); err != nil {
				log.Print(err)
			}
		}})
	}
	return err
}

func (c *children) watch(pid int, kept child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ws, ok := c.early[pid]; ok {
		delete(c.early, pid)
		c.ended(kept, ws)
		return
	}
	c.kept[pid] = kept
}

// keepFiles takes in the processes whose numbers are in the files of a directory.
func (c *children) keepFiles(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		c.watch(pid, child{name: f.Name()})
	}
	return nil
}

// stop ends every kept process: TERM to all, KILL for who is there after a second: etcd is
// quick, and an API server that waits for its watchers has nothing to lose.
func (c *children) stop() {
	c.mu.Lock()
	c.stopping = true
	pids := make([]int, 0, len(c.kept))
	for pid := range c.kept {
		pids = append(pids, pid)
	}
	c.mu.Unlock()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		alive := false
		for _, pid := range pids {
			alive = alive || syscall.Kill(pid, 0) == nil
		}
		if !alive {
			return
		}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
