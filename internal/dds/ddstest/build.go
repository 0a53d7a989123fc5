package ddstest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

//go:embed testdata/peer.cpp
var peerSource []byte

// buildPeer builds the peer into the user's cache, under a name that its source
// decides: the next run finds it there.
var buildPeer = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "muster-test")
	bin := filepath.Join(dir, fmt.Sprintf("peer-%x", sha256.Sum256(peerSource)))
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	// Under a name of our own first: several test binaries may build at once.
	own := fmt.Sprintf("%s.%d", bin, os.Getpid())
	defer os.Remove(own)
	build := exec.Command("g++", "-std=c++17", "-O0", "-x", "c++", "-o", own, "-", "-lfastrtps", "-lfastcdr")
	build.Stdin = bytes.NewReader(peerSource)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the Fast DDS peer: %w\n%s", err, out)
	}
	return bin, os.Rename(own, bin)
})
