package dds

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/muster-fleet/muster/internal/ros"
)

const (
	batchSize = 4 << 20
	maxBatch  = 96 << 20 // a single sample of the greatest size fits
	headSize  = int(unsafe.Sizeof(C.struct_sample_head{}))
	callTime  = time.Second // a call looks at the log and at ctx that often
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
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.closing.Load() {
			return ErrClosed
		}
		n := int64(C.bridge_take(p.bridge, (*C.uchar)(unsafe.Pointer(&p.buf[0])), C.int64_t(len(p.buf)), C.int64_t(callTime)))
		switch {
		case n > 0:
			p.unpack(p.buf[:n], b)
			return nil
		case n < 0:
			p.buf = make([]byte, min(-n, maxBatch))
		default:
			p.logLines(ctx)
		}
	}
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

// unpack reads the packed samples of a batch in place.
func (p *Participant) unpack(buf []byte, b *ros.Batch) {
	now := time.Now().UnixNano()
	p.writers.mu.RLock()
	defer p.writers.mu.RUnlock()
	for len(buf) > 0 {
		le := binary.NativeEndian
		writer, known := p.writers.byHandle[le.Uint64(buf[16:])]
		if !known {
			p.unnamed.Add(1)
		}
		size := int(le.Uint64(buf[24:]))
		b.Samples = append(b.Samples, ros.Sample{
			Reader: ros.ReaderID(le.Uint64(buf)), Source: int64(le.Uint64(buf[8:])), Receive: now,
			Writer: writer, CDR: buf[headSize : headSize+size : headSize+size],
		})
		buf = buf[headSize+(size+7)&^7:]
	}
	p.samples.Add(uint64(len(b.Samples)))
}
