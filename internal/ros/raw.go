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
	fresh := r == nil
	if fresh {
		if r = f.open(now, topic, first.Type, Follow(publishers, bound), nil); r == nil {
			return nil, fmt.Errorf("open %s: the reader could not be made", topic)
		}
	}
	f.looked = 0 // the topic has a rate from now on
	f.setStreams(r, append(slices.Clone(*r.streams.Load()), s))
	f.streams[s] = r
	if !fresh && r.qos.Durability == TransientLocal {
		f.reopen(now, r, r.qos) // the new stream wants what is latched
	}
	return s, nil
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
	streams := *r.streams.Load()
	if len(streams) == 0 {
		return
	}
	raw := RawSample{Writer: s.Writer, Source: s.Source, Receive: s.Receive, CDR: bytes.Clone(s.CDR)}
	for _, stream := range streams {
		stream.offer(raw)
	}
}
