package idl

import "math"

// MinSize is the least number of bytes that m takes in CDR, padding not
// counted: strings and sequences are empty. Readers hold the announced length
// of a sequence against it. All references of m must be known; see Check. A size
// that no sample has is the greatest int32.
func (s *Set) MinSize(m *Message) int { return s.minSizeOf(m, make(map[string]int)) }

// minSizeOf keeps what it has found: a definition from the wire may refer to one
// message by very many ways.
func (s *Set) minSizeOf(m *Message, found map[string]int) int {
	if size, ok := found[m.Name]; ok {
		return size
	}
	total := 0
	for _, f := range m.Members() {
		total = min(total+s.minSize(f.Type, found), math.MaxInt32)
	}
	found[m.Name] = total
	return total
}

func (s *Set) minSize(t Type, found map[string]int) int {
	if t.Shape == Sequence {
		return 4 // the length
	}
	size := t.Kind.Size()
	switch t.Kind {
	case String, WString:
		size = 4 // the length; some writers give 0 for the empty string
	case Nested:
		size = s.minSizeOf(s.messages[t.Name], found)
	}
	if t.Shape == Array {
		size = min(size, math.MaxInt32/t.Size) * t.Size
	}
	return size
}
