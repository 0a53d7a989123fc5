package fleet

import "sync"

// Subscription wakes its one reader when something changed. Wakes are
// conflated: the reader looks at the state, so one pending wake is enough.
type Subscription struct {
	C    <-chan struct{}
	c    chan struct{}
	from *Wakers
}

// Close ends the subscription. C is not closed.
func (s *Subscription) Close() {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	delete(s.from.set, s)
}

// Wakers is a set of subscriptions. The zero value is ready; all methods are
// safe for concurrent use.
type Wakers struct {
	mu  sync.Mutex
	set map[*Subscription]struct{}
}

// Subscribe adds a subscription.
func (s *Wakers) Subscribe() *Subscription {
	c := make(chan struct{}, 1)
	sub := &Subscription{C: c, c: c, from: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = make(map[*Subscription]struct{})
	}
	s.set[sub] = struct{}{}
	return sub
}

// Wake wakes every subscription.
func (s *Wakers) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.set {
		select {
		case sub.c <- struct{}{}:
		default:
		}
	}
}
