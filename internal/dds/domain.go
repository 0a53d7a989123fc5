package dds

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// domains counts the participants of this process by domain, because Cyclone's
// domain object is one for the process.
var domains = struct {
	sync.Mutex
	users  map[int]int
	entity map[int]C.dds_entity_t
}{users: make(map[int]int), entity: make(map[int]C.dds_entity_t)}

// everywhere goes before every configuration. Fast DDS knows an endpoint that
// ended by its key hash alone: without it a Fast DDS robot keeps each reader and
// writer that we ever closed.
const everywhere = `<CycloneDDS><Domain><Internal><GenerateKeyhash>true</GenerateKeyhash></Internal></Domain></CycloneDDS>`

var installLog = sync.OnceFunc(func() { C.log_install() })

func acquireDomain(id int, config string) error {
	installLog()
	domains.Lock()
	defer domains.Unlock()
	if domains.users[id] == 0 {
		if err := roomForSelect(); err != nil {
			return fmt.Errorf("join ROS domain %d: %w", id, err)
		}
		all := everywhere
		if text := cmp.Or(os.Getenv("CYCLONEDDS_URI"), config); text != "" {
			all += "," + text
		}
		xml := C.CString(all)
		defer C.free(unsafe.Pointer(xml))
		e := C.dds_create_domain(C.dds_domainid_t(id), xml)
		if e < 0 {
			return fmt.Errorf("configure ROS domain %d: %w%s", id, ddsError(C.int32_t(e)), hint())
		}
		domains.entity[id] = e
	}
	domains.users[id]++
	return nil
}

// A domain opens fewer files than filesOfDomain. Cyclone waits for them with
// select(2), which takes file descriptors below selectLimit alone.
const (
	selectLimit   = 1024 // FD_SETSIZE
	filesOfDomain = 64
)

// roomForSelect refuses what would make the C library end the process: a domain
// whose file descriptors are too high for select.
func roomForSelect() error {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) // the lowest that is free
	if err != nil {
		return fmt.Errorf("open a file: %w", err)
	}
	_ = unix.Close(fd)
	if fd > selectLimit-filesOfDomain {
		return fmt.Errorf("too many files are open: a domain needs file descriptors below %d, and the next is %d", selectLimit, fd)
	}
	return nil
}

func releaseDomain(id int) {
	domains.Lock()
	defer domains.Unlock()
	domains.users[id]--
	if e, ok := domains.entity[id]; ok && domains.users[id] == 0 {
		C.dds_delete(e)
		delete(domains.entity, id)
	}
}

// The domains that Reserve gives: none of the usual small numbers, and none
// whose ports (7400 + 250 × domain) reach Linux' ephemeral ones.
const (
	firstReserved = 40
	lastReserved  = 100
)

// ReserveDomain finds a domain id that no other caller on this host has
// reserved, for a simulated fleet or a test. The kernel frees it at the latest
// when the process ends.
func ReserveDomain() (id int, release func() error, err error) {
	dir := filepath.Join(os.TempDir(), "muster-domains")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, nil, fmt.Errorf("reserve a ROS domain: %w", err)
	}
	_ = os.Chmod(dir, 0o777|os.ModeSticky) // for the other users of this host; only its maker can
	for id := firstReserved; id <= lastReserved; id++ {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(id)), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return 0, nil, fmt.Errorf("reserve a ROS domain: %w", err)
		}
		_ = f.Chmod(0o666) // as above
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return id, f.Close, nil
		}
		_ = f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return 0, nil, fmt.Errorf("reserve ROS domain %d: %w", id, err)
		}
	}
	return 0, nil, fmt.Errorf("reserve a ROS domain: all of %d to %d are in use on this host", firstReserved, lastReserved)
}
