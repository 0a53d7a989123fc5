package ros

// refusal is why a fact or a sample was kept out, or something had to go for it.
// The set is fixed, so that metrics can have it as a label.
type refusal int

const (
	refusedParticipants    refusal = iota // too many, and all have endpoints or nodes
	evictedParticipants                   // had neither, when a newer one came
	refusedEndpoints                      // too many
	refusedPerParticipant                 // too many of one participant
	refusedNodes                          // likewise
	refusedGUIDs                          // likewise: endpoints in a node list
	refusedNodeBytes                      // node lists take too much
	refusedEarly                          // had to go before their participant came
	refusedNames                          // no name, or too long a one
	refusedInfoSize                       // too large a sample of InfoTopic
	refusedUnreadableNodes                // a sample of InfoTopic that is none
	refusedReaders                        // of our own: too many
	refusals
)

var refusalNames = [refusals]string{
	"participants", "evicted_participants", "endpoints", "endpoints_per_participant", "nodes_per_participant",
	"guids_per_participant", "node_bytes", "early_nodes", "names", "oversized_nodes", "unreadable_nodes", "readers",
}

type refusedCounts [refusals]uint64

// byName is the counts, also those that are zero.
func (r *refusedCounts) byName() map[string]uint64 {
	m := make(map[string]uint64, refusals)
	for i, n := range r {
		m[refusalNames[i]] = n
	}
	return m
}

func (r *refusedCounts) total() (n uint64) {
	for _, v := range r {
		n += v
	}
	return n
}
