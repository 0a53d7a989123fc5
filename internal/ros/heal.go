package ros

import "time"

// watch makes readers anew that a forged or lost HEARTBEAT silenced: reliable
// ones whose publishers live and whose samples used to come. The node lists are
// such a case, too: a participant with topics and without a list.
func (f *Follower) watch(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		last := time.Unix(0, r.last.Load())
		silent := len(f.graph.topics[r.topic]) > 0 && r.silent(now, last)
		if !silent && last.Before(r.opened.Add(silentAfter)) {
			continue // what is latched came again, which does not say that it hears
		}
		if r.heal.due(now, silent) {
			f.log.Info("subscribe anew: a live publisher has fallen silent", "topic", r.topic, "since", last)
			f.reopen(now, r, r.qos)
		}
	}
	f.closePublishers(now.Add(-publisherLinger))
	if now.Sub(f.aged) >= listsAge {
		f.graph.Age()
		f.aged = now
	}
	if f.heal.due(now, f.graph.nameless() > 0) {
		old := f.info
		err := f.openInfo()
		if err == nil {
			err = f.transport.Unsubscribe(old)
		}
		if err != nil {
			f.log.Warn("subscribe anew to the node lists", "err", err)
		}
	}
}

// silent reports whether samples stay away that used to come. Of a latched topic
// that must have been often: most are published once, and a reader that is made
// anew makes the robot send its map again.
func (r *topicReader) silent(now, last time.Time) bool {
	usual := r.rate.usual
	if r.qos.Reliability != Reliable || usual == 0 {
		return false
	}
	if r.qos.Durability == TransientLocal && usual*rateLong.Seconds() < rateEnough {
		return false
	}
	return now.Sub(last) > max(silentAfter, time.Duration(10/usual*float64(time.Second)))
}

// backoff paces a remedy: first after ten seconds of need, then ever more seldom.
type backoff struct {
	next time.Time
	wait time.Duration
}

const (
	healFirst = 10 * time.Second
	healMost  = 5 * time.Minute
)

func (b *backoff) due(now time.Time, needed bool) bool {
	if !needed {
		*b = backoff{}
		return false
	}
	if b.wait == 0 {
		b.wait, b.next = healFirst, now.Add(healFirst)
	}
	if now.Before(b.next) {
		return false
	}
	b.wait = min(2*b.wait, healMost)
	b.next = now.Add(b.wait)
	return true
}
