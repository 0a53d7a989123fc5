package dds

/*
#cgo pkg-config: CycloneDDS
#cgo CFLAGS: -std=gnu11 -O2 -Wall
#include <stdlib.h>
#include <string.h>
#include "bridge.h"
*/
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/ros"
)

// Options say how to join.
type Options struct {
	Domain int
	// Config is Cyclone's configuration in XML. CYCLONEDDS_URI in the environment
	// goes before it, as everywhere in ROS 2. Participants of one process in one
	// domain share the first one's.
	Config string
	// Enclave is the SROS 2 enclave that is announced; when empty that of
	// Security, or "/".
	Enclave string
	// Security lets only those in who hold a certificate of the same authority;
	// nil joins a domain that is open to anyone on the network. In one process all
	// participants of a domain have it, or none.
	Security *Security
	// IgnoreLocal keeps our readers from matching our own writers.
	IgnoreLocal bool
	Log         *slog.Logger
}

// Participant is our presence in one domain.
type Participant struct {
	domain      int
	ignoreLocal bool
	log         *slog.Logger
	entity      C.dds_entity_t
	bridge      *C.struct_bridge
	guid        ros.GUID

	closing atomic.Bool

	mu      sync.Mutex
	empty   *sync.Cond                        // on mu; inside has become 0
	inside  int                               // guarded by mu; calls that use the bridge
	next    ros.ReaderID                      // guarded by mu
	readers map[ros.ReaderID]*C.struct_reader // guarded by mu

	// owned by Take
	ring    *C.struct_ring
	timer   *os.File        // a timerfd, see bridge.h
	ready   syscall.RawConn // of timer
	buf     []byte
	taken   uint64          // the ring's position after the last batch
	watched <-chan struct{} // of the context that wakes it
	unwatch func() bool

	writers writerNames

	samples, unnamed, foreignKeys atomic.Uint64
}

var _ ros.Transport = (*Participant)(nil)

// ErrClosed is what calls on a closed Participant give.
var ErrClosed = errors.New("the participant is closed")

// Open joins the domain.
func Open(o Options) (*Participant, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := acquireDomain(o.Domain, o.Config); err != nil {
		return nil, err
	}
	p := &Participant{
		domain: o.Domain, ignoreLocal: o.IgnoreLocal, log: o.Log,
		readers: make(map[ros.ReaderID]*C.struct_reader), writers: newWriterNames(maxWriters),
		buf: make([]byte, batchSize),
	}
	p.empty = sync.NewCond(&p.mu)
	if err := p.join(o); err != nil {
		releaseDomain(o.Domain)
		return nil, err
	}
	return p, nil
}

func (p *Participant) join(o Options) error {
	enclave, properties := o.Enclave, map[string]string(nil)
	if o.Security != nil {
		var err error
		if properties, err = o.Security.properties(); err != nil {
			return fmt.Errorf("join ROS domain %d securely: %w", o.Domain, err)
		}
		enclave = cmp.Or(enclave, o.Security.Enclave)
	}
	enclave = cmp.Or(enclave, "/")
	userData := C.CString("enclave=" + enclave + ";")
	defer C.free(unsafe.Pointer(userData))
	qos := C.dds_create_qos()
	defer C.dds_delete_qos(qos)
	C.dds_qset_userdata(qos, unsafe.Pointer(userData), C.strlen(userData))
	secure(qos, properties)
	p.entity = C.dds_create_participant(C.dds_domainid_t(o.Domain), qos, nil)
	if p.entity < 0 {
		err := ddsError(C.int32_t(p.entity))
		if o.Security != nil {
			return fmt.Errorf("join ROS domain %d as enclave %s: %w%s", o.Domain, enclave, err, reason())
		}
		return fmt.Errorf("join ROS domain %d: %w%s", o.Domain, err, hint())
	}
	var g [16]C.uchar
	if rc := C.entity_guid(p.entity, &g[0]); rc < 0 {
		C.dds_delete(p.entity)
		return fmt.Errorf("ask for our own GUID: %w", ddsError(rc))
	}
	p.guid = guid(g)
	if err := p.openBridge(); err != nil {
		C.dds_delete(p.entity)
		return fmt.Errorf("join ROS domain %d: %w", o.Domain, err)
	}
	return nil
}

// openBridge makes the way by which samples come, and the timer that tells of them.
func (p *Participant) openBridge() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make a timer: %w", err)
	}
	p.timer = os.NewFile(uintptr(fd), "timerfd")
	if p.ready, err = p.timer.SyscallConn(); err == nil {
		p.bridge = C.bridge_new(p.entity, C.int(fd))
	}
	if p.bridge == nil {
		_ = p.timer.Close()
		return cmp.Or(err, errors.New("no memory for the discovery readers"))
	}
	p.ring = C.bridge_ring(p.bridge)
	return nil
}

// hint says what usually stands behind a participant that cannot be made.
func hint() string {
	return reason() + " (is the network interface of the configuration up, and its participant index free? another process may hold it)"
}

// reason is the last that Cyclone said.
func reason() string {
	if lines := drainLog(); len(lines) > 0 {
		return ": " + lines[len(lines)-1].text
	}
	return ""
}

// Participant is our own GUID.
func (p *Participant) Participant() ros.GUID { return p.guid }

// DomainID is the domain that was joined.
func (p *Participant) DomainID() int { return p.domain }

// Stats are counts since the start.
type Stats struct {
	Samples uint64 // taken
	Unnamed uint64 // taken from a writer that discovery has not told of yet
	Refused uint64 // too large or too short, in the whole process
	Unkept  uint64 // writers whose GUID is not kept, because there are too many
}

// Stats returns the counts.
func (p *Participant) Stats() Stats {
	return Stats{Samples: p.samples.Load(), Unnamed: p.unnamed.Load(), Refused: uint64(C.blob_refused()), Unkept: p.writers.unkept.Load()}
}

// Close leaves the domain; peers see it at once. Take and Discover return
// ErrClosed.
func (p *Participant) Close() error {
	p.mu.Lock()
	if p.closing.Swap(true) {
		p.mu.Unlock()
		return nil
	}
	C.bridge_close(p.bridge)
	for p.inside > 0 {
		p.empty.Wait()
	}
	readers := p.readers
	p.readers = nil
	p.mu.Unlock()
	if p.unwatch != nil { // no Take is left to own it
		p.unwatch()
	}
	for _, r := range readers {
		C.reader_close(r)
	}
	C.bridge_free(p.bridge)
	_ = p.timer.Close()
	rc := C.dds_delete(p.entity)
	releaseDomain(p.domain)
	if rc < 0 {
		return fmt.Errorf("leave ROS domain %d: %w", p.domain, ddsError(C.int32_t(rc)))
	}
	return nil
}

// enter counts a call that uses the bridge; unless it gives an error, the caller
// must leave.
func (p *Participant) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Load() {
		return ErrClosed
	}
	p.inside++
	return nil
}

func (p *Participant) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inside--; p.inside == 0 {
		p.empty.Broadcast()
	}
}

func guid(b [16]C.uchar) (g ros.GUID) {
	for i, v := range b {
		g[i] = byte(v)
	}
	return g
}

func ddsError(rc C.int32_t) error {
	return fmt.Errorf("DDS: %s (%d)", C.GoString(C.dds_strretcode(C.dds_return_t(-rc))), int(rc))
}
