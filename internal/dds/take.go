package dds

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/muster-fleet/muster/internal/ros"
)

const (
	batchSize = 4 << 20
	maxBatch  = 96 << 20 // a single sample of the greatest size fits
	headSize  = int(unsafe.Sizeof(C.struct_sample_head{}))
	callTime  = time.Second // Discover looks at the log and at ctx that often
)

// Take fills the batch with at least one sample. The samples' memory is valid
// until the next Take.
func (p *Participant) Take(ctx context.Context, b *ros.Batch) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	p.watch(ctx)
	b.Samples = b.Samples[:0]
	atomic.StoreUint64((*uint64)(&p.ring.head), p.taken) // the last batch is done with
	for {
		if err := p.wait(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.closing.Load() {
			return ErrClosed
		}
		p.receive(b)
		if len(b.Samples) > 0 {
			return nil
		}
	}
}

// wait parks until the timer has fired. It reads it without telling the scheduler,
// as it does not block: a busy fleet would keep the scheduler's monitor awake.
func (p *Participant) wait() error {
	err := p.ready.Read(func(fd uintptr) bool {
		var ticks [8]byte
		n, _, _ := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&ticks)), uintptr(len(ticks)))
		return n == uintptr(len(ticks))
	})
	if err != nil {
		return fmt.Errorf("wait for samples: %w", err)
	}
	atomic.StoreUint32((*uint32)(&p.ring.armed), 0) // before the look at what there is
	return nil
}

// receive fills the batch from the ring, and with what did not go through it.
func (p *Participant) receive(b *ros.Batch) {
	to, n := atomic.LoadUint64((*uint64)(&p.ring.tail)), int64(0)
	if atomic.LoadUint32((*uint32)(&p.ring.slow)) != 0 {
		var tail C.uint64_t
		n = int64(C.bridge_take(p.bridge, (*C.uchar)(unsafe.Pointer(&p.buf[0])), C.int64_t(len(p.buf)), &tail))
		to = uint64(tail)
	}
	now := time.Now().UnixNano()
	p.writers.mu.RLock()
	defer p.writers.mu.RUnlock()
	ring := unsafe.Slice((*byte)(p.ring.data), C.RING_SIZE)
	for p.taken < to {
		at := p.taken % C.RING_SIZE
		p.taken += p.unpack(ring[at:min(at+to-p.taken, C.RING_SIZE)], now, b)
	}
	if n < 0 { // the timer fires again for it
		p.buf = make([]byte, min(-n, maxBatch))
	} else {
		p.unpack(p.buf[:n], now, b)
	}
	p.samples.Add(uint64(len(b.Samples)))
}

// watch wakes Take when ctx ends. The caller takes again and again with one
// context: to watch each call anew would cost more than the call.
func (p *Participant) watch(ctx context.Context) {
	if p.watched == ctx.Done() {
		return
	}
	if p.unwatch != nil {
		p.unwatch()
	}
	p.watched = ctx.Done()
	p.unwatch = context.AfterFunc(ctx, func() {
		if p.enter() == nil {
			C.bridge_wake_take(p.bridge)
			p.leave()
		}
	})
}

// unpack reads packed samples in place, and returns the bytes that it went over.
func (p *Participant) unpack(buf []byte, now int64, b *ros.Batch) (read uint64) {
	le := binary.NativeEndian
	for rest := buf; len(rest) > 0; {
		id := ros.ReaderID(le.Uint64(rest))
		if id == 0 {
			break // the ring goes on at its beginning
		}
		writer, known := p.writers.byHandle[le.Uint64(rest[16:])]
		if !known {
			p.unnamed.Add(1)
		}
		size := int(le.Uint64(rest[24:]))
		b.Samples = append(b.Samples, ros.Sample{
			Reader: id, Source: int64(le.Uint64(rest[8:])), Receive: now,
			Writer: writer, CDR: rest[headSize : headSize+size : headSize+size],
		})
		rest = rest[headSize+(size+7)&^7:]
	}
	return uint64(len(buf))
}
