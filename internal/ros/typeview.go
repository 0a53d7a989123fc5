package ros

import "strings"

// The types that a domain's endpoints announce, which decide by what definition
// their samples are read and written.

// PublishedType is the type of a topic that somebody publishes, and the hash that
// was announced for it; the same choice as Open's.
func (f *Follower) PublishedType(topic string) (typ, hash string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	publishers := f.graph.Publishers(topic)
	if len(publishers) == 0 {
		return "", "", false
	}
	return publishers[0].Type, publishers[0].TypeHash, true
}

// SubscribedHash is the hash that the subscribers of a topic announce for a type;
// empty where they announce none, or nobody subscribes.
func (f *Follower) SubscribedHash(topic, typ string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.graph.endpoints {
		if !e.Writer && e.Kind == KindTopic && e.Name == topic && e.Type == typ && e.TypeHash != "" {
			return e.TypeHash
		}
	}
	return ""
}

// OfferedService is the type of a service that a server offers, and the hash that
// it announces for it.
func (f *Follower) OfferedService(service string) (typ, hash string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.graph.endpoints {
		if e.Writer && e.Kind == KindReply && e.Name == service {
			return strings.TrimSuffix(e.Type, "_Response"), e.TypeHash, true
		}
	}
	return "", "", false
}
