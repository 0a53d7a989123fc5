package ros

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// RawSample is one sample of an opened topic; CDR is shared between the readers
// of the topic and never changed.
type RawSample struct {
	Writer          GUID
	Source, Receive int64 // ns since 1970
	CDR             []byte
}

// RawStream is an opened topic.
type RawStream struct {
	// Topic, Type and TypeHash are those of its publishers.
	Topic, Type, TypeHash string

	f       *Follower
	c       chan RawSample
	dropped atomic.Uint64
}

// C gives the samples; it is closed when the Follower ends.
func (s *RawStream) C() <-chan RawSample { return s.c }

// Dropped counts the samples that found the queue full; the oldest went.
func (s *RawStream) Dropped() uint64 { return s.dropped.Load() }

// Open reads any topic that has a publisher, with a queue of at most bound
// samples. All who open a topic share one reader, which ends some seconds after
// the last of them.
func (f *Follower) Open(topic string, bound int) (*RawStream, error) {
	if bound < 1 {
		return nil, fmt.Errorf("open %s: a queue of %d samples", topic, bound)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	publishers := f.graph.Publishers(topic)
	if len(publishers) == 0 {
		return nil, fmt.Errorf("open %s: nobody publishes it", topic)
	}
	first, now := publishers[0], time.Now()
	s := &RawStream{Topic: topic, Type: first.Type, TypeHash: first.TypeHash, f: f, c: make(chan RawSample, bound)}
	r := f.readers[topic]
	if r == nil {
		if r = f.open(now, topic, first.Type, Follow(publishers, bound), nil, s); r == nil {
			return nil, fmt.Errorf("open %s: the reader could not be made", topic)
		}
	} else {
		if r.part.Load() == nil {
			f.retype(now, r, first.Type)
		}
		if r.typ != s.Type { // what its role needs, or another stream was told
			s.Type, s.TypeHash = r.typ, f.publishedHash(topic, r.typ)
		}
		f.share(now, r, s)
	}
	f.looked = 0 // the topic has a rate from now on
	f.streams[s] = r
	r.unused, r.unviewed = time.Time{}, time.Time{} // also when the look is over before we see it
	return s, nil
}

// share gives a stream what is latched and then what comes. The reader is made
// anew but seldom for that: each time, its publishers send all that they hold
// again, which may be a large map, and the app looks once a second.
func (f *Follower) share(now time.Time, r *topicReader, s *RawStream) {
	add := func() { f.setStreams(r, append(slices.Clone(*r.streams.Load()), s)) }
	switch kept := r.latched.Load(); {
	case r.qos.Durability != TransientLocal:
		add()
	case kept == nil:
		r.latched.Store(newLatched())
		add()
		f.reopen(now, r, r.qos)
	case !kept.replay(s, f.graph.topics[r.topic], add) && now.Sub(r.opened) >= relatch:
		f.reopen(now, r, r.qos)
	}
}

func (f *Follower) setStreams(r *topicReader, streams []*RawStream) { r.streams.Store(&streams) }

// Close ends the stream; what it had not yet given is lost.
func (s *RawStream) Close() {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	r := s.f.streams[s]
	if r == nil {
		return
	}
	delete(s.f.streams, s)
	s.f.setStreams(r, slices.DeleteFunc(slices.Clone(*r.streams.Load()), func(x *RawStream) bool { return x == s }))
}

// offer queues a sample, in the place of the oldest when the queue is full. One
// goroutine calls it.
func (s *RawStream) offer(raw RawSample) {
	for {
		select {
		case s.c <- raw:
			return
		default:
		}
		select {
		case <-s.c:
			s.dropped.Add(1)
		default:
		}
	}
}

// relay gives a sample to all streams of its topic, with one copy for them all.
func (r *topicReader) relay(s Sample) {
	kept := r.latched.Load()
	if kept == nil && len(*r.streams.Load()) == 0 {
		return
	}
	raw := RawSample{Writer: s.Writer, Source: s.Source, Receive: s.Receive, CDR: bytes.Clone(s.CDR)}
	give := func() {
		for _, stream := range *r.streams.Load() {
			stream.offer(raw)
		}
	}
	if kept != nil {
		kept.keep(raw, give)
	} else {
		give()
	}
}
