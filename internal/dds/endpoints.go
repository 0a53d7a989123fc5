package dds

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/muster-fleet/muster/internal/ros"
)

// Subscribe opens a reader.
func (p *Participant) Subscribe(s ros.Subscription) (ros.ReaderID, error) {
	if err := p.enter(); err != nil {
		return 0, err
	}
	defer p.leave()
	names := newNames(s.Topic, s.Type, s.TypeHash, s.RawName)
	defer names.free()
	p.mu.Lock()
	p.next++
	id := p.next
	p.mu.Unlock()
	var r *C.struct_reader
	rc := C.reader_open(p.bridge, C.uint64_t(id), names.topic, names.typ, cQoS(s.QoS), names.userData,
		boolInt(p.ignoreLocal), boolInt(s.Commands), &r)
	if rc < 0 {
		return 0, fmt.Errorf("subscribe to %s: %w", s.Topic, ddsError(rc))
	}
	p.mu.Lock()
	p.readers[id] = r
	p.mu.Unlock()
	return id, nil
}

// Unsubscribe closes a reader.
func (p *Participant) Unsubscribe(id ros.ReaderID) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	p.mu.Lock()
	r := p.readers[id]
	delete(p.readers, id)
	p.mu.Unlock()
	if r == nil {
		return fmt.Errorf("unsubscribe: there is no reader %d", id)
	}
	C.reader_close(r)
	return nil
}

// Reader tells of an open reader.
func (p *Participant) Reader(id ros.ReaderID) (ros.ReaderState, bool) {
	if p.enter() != nil {
		return ros.ReaderState{}, false
	}
	defer p.leave()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readers[id]
	if r == nil {
		return ros.ReaderState{}, false
	}
	var g [16]C.uchar
	n := C.reader_state(r, &g[0])
	return ros.ReaderState{GUID: guid(g), Matched: int(n)}, n >= 0
}

// Advertise opens a writer.
func (p *Participant) Advertise(pub ros.Publication) (ros.Writer, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	names := newNames(pub.Topic, pub.Type, pub.TypeHash, pub.RawName)
	defer names.free()
	w := &writer{p: p, topic: pub.Topic, c: (*C.struct_writer)(C.calloc(1, C.sizeof_struct_writer))}
	rc := C.writer_open(p.entity, names.topic, names.typ, cQoS(pub.QoS), names.userData, boolInt(p.ignoreLocal), w.c)
	if rc < 0 {
		C.free(unsafe.Pointer(w.c))
		return nil, fmt.Errorf("advertise %s: %w", pub.Topic, ddsError(rc))
	}
	var g [16]C.uchar
	if rc := C.entity_guid(w.c.writer, &g[0]); rc < 0 {
		_ = w.Close()
		return nil, fmt.Errorf("advertise %s: ask for its GUID: %w", pub.Topic, ddsError(rc))
	}
	w.guid = guid(g)
	return w, nil
}

// writer is a ros.Writer. It must be closed before its Participant, or with it.
type writer struct {
	p     *Participant
	topic string
	guid  ros.GUID

	mu sync.Mutex
	c  *C.struct_writer // guarded by mu; nil once closed
}

func (w *writer) GUID() ros.GUID { return w.guid }

func (w *writer) Matched() int {
	if w.p.enter() != nil {
		return 0
	}
	defer w.p.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c == nil {
		return 0
	}
	return max(int(C.writer_matched(w.c)), 0)
}

func (w *writer) Write(cdr []byte) error {
	if err := w.p.enter(); err != nil {
		return err
	}
	defer w.p.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c == nil {
		return fmt.Errorf("write %s: the writer is closed", w.topic)
	}
	if len(cdr) < 4 {
		return fmt.Errorf("write %s: %d bytes hold no CDR", w.topic, len(cdr))
	}
	if rc := C.writer_write(w.c, unsafe.Pointer(&cdr[0]), C.uint32_t(len(cdr))); rc < 0 {
		return fmt.Errorf("write %s: %w", w.topic, ddsError(rc))
	}
	return nil
}

func (w *writer) Close() error {
	if err := w.p.enter(); errors.Is(err, ErrClosed) {
		return nil // the participant took it along
	}
	defer w.p.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c != nil {
		C.writer_close(w.c)
		C.free(unsafe.Pointer(w.c))
		w.c = nil
	}
	return nil
}

// names are the C texts of an endpoint.
type names struct{ topic, typ, userData *C.char }

func newNames(topic, typ, hash string, raw bool) names {
	if !raw {
		topic = ros.DDSTopic(topic)
	}
	userData := ""
	if hash != "" {
		userData = "typehash=" + hash + ";"
	}
	return names{C.CString(topic), C.CString(ros.DDSType(typ)), C.CString(userData)}
}

func (n names) free() {
	C.free(unsafe.Pointer(n.topic))
	C.free(unsafe.Pointer(n.typ))
	C.free(unsafe.Pointer(n.userData))
}

func cQoS(q ros.QoS) *C.struct_qos {
	return &C.struct_qos{
		reliable:        C.int32_t(boolInt(q.Reliability == ros.Reliable)),
		transient_local: C.int32_t(boolInt(q.Durability == ros.TransientLocal)),
		keep_all:        C.int32_t(boolInt(q.History == ros.KeepAll)),
		depth:           C.int32_t(q.Depth),
		manual_by_topic: C.int32_t(boolInt(q.Liveliness == ros.ManualByTopic)),
		deadline:        C.int64_t(q.Deadline),
		lifespan:        C.int64_t(q.Lifespan),
		lease:           C.int64_t(q.LivelinessLease),
	}
}

func boolInt(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
