package idl

// MinSize is the least number of bytes that m takes in CDR, padding not
// counted: strings and sequences are empty. Readers hold the announced length
// of a sequence against it. All references of m must be known; see Check.
func (s *Set) MinSize(m *Message) int {
	total := 0
	for _, f := range m.Members() {
		total += s.minSize(f.Type)
	}
	return total
}

func (s *Set) minSize(t Type) int {
	if t.Shape == Sequence {
		return 4 // the length
	}
	size := t.Kind.Size()
	switch t.Kind {
	case String, WString:
		size = 4 // the length; some writers give 0 for the empty string
	case Nested:
		size = s.MinSize(s.messages[t.Name])
	}
	if t.Shape == Array {
		size *= t.Size
	}
	return size
}
