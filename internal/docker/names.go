package docker

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// Labels by which a user may say whose a container is; they outrank its
// environment. A successor always carries the first.
const (
	labelRobot     = "muster.robot"
	labelNamespace = "muster.namespace"
	labelDomain    = "muster.domain"
	labelLock      = "muster.lock" // why no rollout may touch the container
)

// Labels that a successor carries beside.
const (
	labelRollout    = "muster.rollout"
	labelGeneration = "muster.generation"
	labelDigest     = "muster.digest"
	// labelContainer is the name of the place that the container was made for.
	labelContainer = "muster.container"
	// labelRestart is the restart policy that the user wanted, "on-failure:3";
	// the engine has "no" until the container is in place and runs.
	labelRestart = "muster.restart"
	// labelFound is the state in which the old container was found, "running" or
	// "stopped": Rollback leaves it in that state.
	labelFound = "muster.found"
)

// slot is a container's place in a replacement, as its name tells.
type slot int

const (
	slotNone     slot = iota // another container
	slotPlace                // NAME: in place
	slotNext                 // NAME.muster-gG: successor, not yet in place
	slotPrevious             // NAME.muster-previous-gG.POLICY: the old one
	slotUndone               // NAME.muster-undone-gG: successor after a rollback
)

var slotName = regexp.MustCompile(`^(.+)\.muster-(previous-|undone-|)g([0-9]+)(?:\.([a-z-]+(?:\.[0-9]+)?))?(\.` + foundStopped + `)?$`)

// nameOf is the name of a container in a slot.
func nameOf(container string, s slot, generation uint64) string {
	g := "g" + strconv.FormatUint(generation, 10)
	switch s {
	case slotNext:
		return container + ".muster-" + g
	case slotPrevious:
		return container + ".muster-previous-" + g
	case slotUndone:
		return container + ".muster-undone-" + g
	default:
		return container
	}
}

// previousName is the name of the old container while the replacement by a
// successor with these labels lasts. It repeats what the labels remember: a
// prune takes a successor that was never started, and never a container that
// runs.
func previousName(container string, generation uint64, labels map[string]string) string {
	name := nameOf(container, slotPrevious, generation)
	if p := labels[labelRestart]; p != "" {
		name += "." + strings.ReplaceAll(p, ":", ".")
	}
	if labels[labelFound] == foundStopped {
		name += "." + foundStopped
	}
	return name
}

// remembered are the labels that an old container's name repeats; none when the
// name is of another kind.
func remembered(name string) map[string]string {
	m := slotName.FindStringSubmatch(name)
	if m == nil || m[4] == "" {
		return nil
	}
	found := foundRunning
	if m[5] != "" {
		found = foundStopped
	}
	return map[string]string{labelRestart: strings.ReplaceAll(m[4], ".", ":"), labelFound: found}
}

// parseName is the inverse of nameOf and previousName. Any name that it does not know is a
// container in place.
func parseName(name string) (container string, s slot, generation uint64) {
	m := slotName.FindStringSubmatch(name)
	if m == nil {
		return name, slotPlace, 0
	}
	generation, err := strconv.ParseUint(m[3], 10, 64)
	if err != nil {
		return name, slotPlace, 0
	}
	switch m[2] {
	case "previous-":
		return m[1], slotPrevious, generation
	case "undone-":
		return m[1], slotUndone, generation
	default:
		return m[1], slotNext, generation
	}
}

// role is a slot in the fleet's words.
func (s slot) role() fleet.Role {
	switch s {
	case slotPrevious:
		return fleet.RolePrevious
	case slotNext, slotUndone:
		return fleet.RoleSuccessor
	default:
		return fleet.RoleCurrent
	}
}

// labelsOf are the labels by which a target's successor is known.
func labelsOf(t rollout.Target) map[string]string {
	return map[string]string{
		labelRobot:      t.Robot,
		labelRollout:    t.Rollout,
		labelGeneration: strconv.FormatUint(t.Generation, 10),
		labelDigest:     t.Image.Digest,
		labelContainer:  t.Container,
	}
}

// generationOf reads the generation label; 0 where there is none.
func generationOf(labels map[string]string) uint64 {
	g, err := strconv.ParseUint(labels[labelGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return g
}

// engineName is a container's name without the slash that the Engine puts
// before it.
func engineName(name string) string { return strings.TrimPrefix(name, "/") }
