package rollout_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"
)

// chance is a number below n that depends on the seed, on what it is for and on
// the time, and on nothing else: not on who drew before.
func (s *simulation) chance(what string, n time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(what))
	return time.Duration(rand.New(rand.NewPCG(s.seed^h.Sum64(), uint64(time.Since(s.began)))).Int64N(int64(n)))
}

// latency is how long a message takes. What ends at one nanosecond comes in the
// scheduler's order, not in the seed's; so nothing takes a round time, and each
// that may wait beside another has a name of its own.
func (s *simulation) latency(what string) time.Duration { return 1 + s.chance(what, maxLatency) }

const maxLatency = 5 * time.Millisecond

// upTo is a time below most, and no round one.
func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

var rolloutID = regexp.MustCompile(`\d{8}-\d{6}-[0-9a-f]{8}`)

// named is a trace with the rollouts counted: a part of their ids is random.
func named(trace []string) []string {
	names := make(map[string]string)
	told := slices.Clone(trace)
	for i := range told {
		told[i] = rolloutID.ReplaceAllStringFunc(told[i], func(id string) string {
			if names[id] == "" {
				names[id] = fmt.Sprintf("rollout-%d", len(names)+1)
			}
			return names[id]
		})
	}
	return told
}
