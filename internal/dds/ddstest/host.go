package ddstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespaces is where ip(8) keeps the names of network namespaces.
const namespaces = "/run/netns/"

// Enter are the words that run a command in the host's network and leave it all
// else: ip netns exec replaces /sys besides, and with it the control groups that
// an engine needs. The command takes the place of these words, pid and all.
func (h *Host) Enter() []string { return []string{"nsenter", "--net=" + namespaces + h.name, "--"} }

// Dial connects from the host.
func (h *Host) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = h.inside(func() error {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen listens on the host.
func (h *Host) Listen(network, address string) (l net.Listener, err error) {
	err = h.inside(func() error {
		l, err = new(net.ListenConfig).Listen(context.Background(), network, address)
		return err
	})
	return l, err
}

// inside calls f on a thread in the host's network. What is opened there stays
// there, whoever uses it later.
func (h *Host) inside(f func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	if err := enter(namespaces + h.name); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = f()
	// The thread goes back and lives on: its end would be taken for the test's by
	// processes that it once started with a parent-death signal.
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(fmt.Sprintf("leave network namespace %s: %v", h.name, err))
	}
	runtime.UnlockOSThread()
	return err
}

// enter moves this thread into a network namespace.
func enter(path string) error {
	ns, err := os.Open(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	return nil
}

// sweep removes the namespaces of tests that were killed: their names begin
// with the process that made them.
func sweep() {
	all, _ := filepath.Glob(namespaces + prefix + "*")
	for _, path := range all {
		name := filepath.Base(path)
		pid, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "-")
		if _, err := os.Stat("/proc/" + pid); os.IsNotExist(err) {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	}
}
