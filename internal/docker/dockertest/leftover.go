package dockertest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	dirPrefix  = "muster-engine-"
	cgroupRoot = "/sys/fs/cgroup"
)

// lock takes the lock that says that an engine's directory is in use. The
// kernel lets go of it when the process ends in whatever way.
func lock(dir string) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the engines of tests that were killed.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	for _, dir := range dirs {
		// One that is just being made has no lock file yet.
		info, err := os.Stat(filepath.Join(dir, "lock"))
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if f, err := lock(dir); err == nil {
			_ = removeLeftovers(dir)
			_ = f.Close()
		}
	}
}

// removeLeftovers ends the processes that still work for the engine of a
// directory and removes its mounts, control groups and files.
func removeLeftovers(dir string) error {
	group := filepath.Base(dir)
	var errs []error
	deadline := time.Now().Add(5 * time.Second)
	for {
		endProcesses(dir)
		errs = []error{unmount(dir), removeCgroups(group), os.RemoveAll(dir)}
		if errors.Join(errs...) == nil || time.Now().After(deadline) {
			return errors.Join(errs...)
		}
		time.Sleep(20 * time.Millisecond) // a killed process takes a moment to go
	}
}

// endProcesses kills the engine's processes, and then what is in its control
// groups.
func endProcesses(dir string) {
	for _, pid := range processes(dir) {
		kill(pid)
	}
	for _, g := range cgroups(filepath.Base(dir)) {
		b, _ := os.ReadFile(filepath.Join(g, "cgroup.procs"))
		for _, pid := range strings.Fields(string(b)) {
			kill(pid)
		}
	}
}

// processes lists the pids of the engine, its containerd and its shims.
func processes(dir string) (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		name, _ := os.ReadFile(filepath.Join(p, "comm"))
		line, _ := os.ReadFile(filepath.Join(p, "cmdline")) // empty when it has ended
		ours := bytes.HasPrefix(name, []byte("dockerd")) || bytes.HasPrefix(name, []byte("containerd"))
		if ours && bytes.Contains(line, []byte(dir+"/")) {
			pids = append(pids, filepath.Base(p))
		}
	}
	return pids
}

func kill(pid string) {
	if n, err := strconv.Atoi(pid); err == nil && n > 1 && n != os.Getpid() {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}

// cgroups lists the control groups of an engine, inner ones first, in both
// versions of their file system.
func cgroups(group string) []string {
	roots, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", group))
	roots = append(roots, filepath.Join(cgroupRoot, group))
	var all []string
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
	}
	slices.Reverse(all)
	return all
}

func removeCgroups(group string) error {
	var errs []error
	for _, g := range cgroups(group) {
		if err := syscall.Rmdir(g); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, &fs.PathError{Op: "rmdir", Path: g, Err: err})
		}
	}
	return errors.Join(errs...)
}

// unmount takes away what a killed engine left mounted below its directory.
func unmount(dir string) error {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var at []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			at = append(at, f[1])
		}
	}
	var errs []error
	for _, path := range slices.Backward(at) {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, &fs.PathError{Op: "unmount", Path: path, Err: err})
		}
	}
	return errors.Join(errs...)
}
