package rollout

import "fmt"

// lacks reports whether the engine's disk is known to be too small for the
// image and what must stay free besides.
func (p Preview) lacks(minFree int64) bool {
	return p.Free >= 0 && !p.Present && p.Need+minFree > p.Free
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	const kB, MB, GB = 1000, 1000 * 1000, 1000 * 1000 * 1000
	switch {
	case n >= GB:
		return fmt.Sprintf("%.1f GB", float64(n)/GB)
	case n >= MB:
		return fmt.Sprintf("%.1f MB", float64(n)/MB)
	case n >= kB:
		return fmt.Sprintf("%.1f kB", float64(n)/kB)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
