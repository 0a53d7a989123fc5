package rollout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// What every operator's action does to a robot at every step, while the rollout
// runs, is paused, stops, and has ended: testdata/matrix has a file for each.
func TestEveryActionAtEveryStep(t *testing.T) {
	assert.ElementsMatch(t, constants(t, "status.go", "Step"), slices.Collect(maps.Keys(roads)), "a step has no way that leads to it")
	for _, a := range constants(t, "wish.go", "Action") {
		assert.True(t, slices.ContainsFunc(matrixActions, func(line string) bool {
			return strings.HasPrefix(line, string(a)+" ") || line == string(a)
		}), "action %s is not tried", a)
	}
	for _, name := range []string{"running", "paused", "stopping", "closing", "ended"} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(matrixHead[name])
			for _, step := range steps {
				if name != "closing" || step.Terminal() {
					matrixOf(t, &b, name, step)
				}
			}
			file := filepath.Join("testdata", "matrix", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), b.String())
		})
	}
}

var matrixHead = map[string]string{
	"running": "# What an operator's action does to robot r2, by the step in which it stands, while\n" +
		"# the rollout runs: where both are then, and where they end once all faults are\n" +
		"# mended, what was under way has succeeded, and the rollout is resumed.\n",
	"paused":   "# The same while the rollout is paused.\n",
	"stopping": "# The same while the rollout stops: it was aborted, and r3 is still in hand.\n",
	"closing": "# The same once all robots have ended and what is no longer needed is removed: of r1\n" +
		"# it still is. A robot that has not ended keeps a rollout from coming so far.\n",
	"ended": "# The same once the rollout has ended; it was aborted when r2 stood in that step.\n",
}

var steps = []Step{
	StepQueued, StepPulling, StepWaiting, StepReplacing, StepVerifying, StepRollingBack,
	StepDone, StepRolledBack, StepFailed, StepSkipped, StepNeedsOperator,
}

var matrixActions = []string{
	"pause", "resume", "abort", "approve", "rollback",
	"rollback r2", "skip r2", "retry r2", "override r2", "lock r2", "unlock r2",
}

// road leads r2 to a step: what it is told before the plan, before its wave is
// approved, and after.
type road struct {
	before, waves, after []string
	unapproved           bool // its wave is not approved yet
}

var roads = map[Step]road{
	StepQueued:      {before: []string{"robot r2 leased away"}, unapproved: true},
	StepPulling:     {before: []string{"robot r2 slow", "robot r2 deaf"}, waves: []string{"effect r2"}, unapproved: true},
	StepWaiting:     {before: []string{"robot r2 drives"}, after: []string{"robot r2 slow", "robot r2 deaf", "lose-lease r2", "advance 1s"}},
	StepReplacing:   {waves: []string{"robot r2 slow", "robot r2 deaf"}},
	StepVerifying:   {before: []string{"robot r2 silent"}},
	StepRollingBack: {before: []string{"robot r2 silent"}, after: []string{"robot r2 slow", "robot r2 deaf", "robot r2 unhealthy"}},
	StepDone:        {after: []string{"until r2 done", "advance 1s"}},
	StepRolledBack:  {before: []string{"robot r2 crashes"}, after: []string{"until r2 rolled-back", "advance 1s", "robot r2 works"}},
	StepFailed:      {before: []string{"robot r2 fails pull for good: manifest unknown"}},
	StepSkipped:     {before: []string{"robot r2 leased away"}, after: []string{"skip r2 by eve"}},
	StepNeedsOperator: {
		before: []string{"robot r2 crashes", "robot r2 fails rollback for good: there is no old container"},
		after:  []string{"until r2 needs-operator", "advance 1s", "robot r2 works"},
	},
}

const matrixSpec = `
  image: registry/amr:2
  robots: all
  waves: [1, 3, 4]
  max_unavailable: 4
  max_failures: 9
  before: {stationary: true}
  approval: {before: each}
`

// arrive makes a script whose r2 stands at a step; r3 is in hand, and hears
// nothing, so that the rollout does not end meanwhile.
func arrive(t *testing.T, state string, step Step) *script {
	s := newScript()
	s.trace.begin()
	play := func(lines ...string) {
		for _, line := range lines {
			require.NoError(t, s.play(scriptCommand{line: line}), "%s, %s: %s", state, step, line)
		}
	}
	play("fleet 4", "robot r3 slow", "robot r3 deaf")
	play(roads[step].before...)
	require.NoError(t, s.play(scriptCommand{line: "plan", body: matrixSpec}))
	play("approve", "until r1 done", "effect r3")
	play(roads[step].waves...)
	if !roads[step].unapproved {
		play("approve")
	}
	play(roads[step].after...)
	require.Equal(t, step, s.status.Robot("r2").Step, "the way to %s leads elsewhere:\n%s", step, s.trace.text())
	switch state {
	case "paused":
		play("pause by eve")
	case "stopping":
		play("abort by eve")
	case "closing":
		s.looks["r1"].slow, s.robots["r1"].deaf = true, true
		s.heal("r1")
		require.True(t, s.status.Closing && !s.status.State.Terminal(), "%s: %s", step, s.status.State)
		require.Equal(t, step, s.status.Robot("r2").Step)
		return s
	case "ended":
		play("abort by eve")
		s.heal("")
		require.True(t, s.status.State.Terminal(), "%s: %s", step, s.status.State)
		return s
	}
	require.Equal(t, step, s.status.Robot("r2").Step, "it is %s, and r2 left its step", state)
	require.Equal(t, state, string(s.status.State))
	return s
}

// matrixOf writes what each action does to r2 at a step.
func matrixOf(t *testing.T, b *strings.Builder, state string, step Step) {
	s := arrive(t, state, step)
	if is := s.status.Robot("r2").Step; is == step {
		fmt.Fprintf(b, "\nr2 is %s, the rollout is %s\n", step, s.status.State)
	} else {
		fmt.Fprintf(b, "\nr2 was %s and is %s, the rollout is %s\n", step, is, s.status.State)
	}
	for _, action := range matrixActions {
		s := arrive(t, state, step)
		if state == "ended" {
			fmt.Fprintf(b, "  %-12s %s\n", action, s.afterTheEnd(action))
			continue
		}
		before := s.status.clone()
		said := s.refusal(action)
		if said == "" {
			require.NoError(t, s.play(scriptCommand{line: action + ": because"}))
			now := changed(&before, &s.status)
			s.heal("")
			said = fmt.Sprintf("%-26s in the end %s, %s", now, s.status.Robot("r2").Step, s.status.State)
		}
		fmt.Fprintf(b, "  %-12s %s\n", action, said)
	}
}

// changed is what an action has done at once.
func changed(before, after *Status) string {
	was, is := before.Robot("r2"), after.Robot("r2")
	switch {
	case was.Step != is.Step || before.State != after.State:
		return fmt.Sprintf("%s, %s", is.Step, after.State)
	case len(before.Approved) < len(after.Approved):
		return fmt.Sprintf("approves wave %d", after.Approved[len(after.Approved)-1].Wave)
	case is.Skip != was.Skip, is.Undo != was.Undo, is.Override != was.Override:
		return "is noted"
	case !is.Deadline.Equal(was.Deadline), !is.RetryAt.Equal(was.RetryAt):
		return "its time begins anew"
	default:
		return "stays"
	}
}

// refusal says why an action is not granted, "" when it is.
func (s *script) refusal(action string) string {
	verb, robot, _ := strings.Cut(action, " ")
	if verb == "lock" || verb == "unlock" {
		return ""
	}
	wave, _ := s.status.nextApproval(&s.plan)
	err := CheckWish(&s.plan, &s.status, Wish{Action: Action(verb), Wave: &wave, Robot: robot, By: "ada", Role: "engineer", Reason: "because"})
	if err == nil {
		return ""
	}
	return "refused: " + strings.TrimSuffix(strings.TrimPrefix(err.Error(), verb+": "), ": "+ErrConflict.Error())
}

// afterTheEnd is what an action does to a rollout that has ended.
func (s *script) afterTheEnd(action string) string {
	switch said := s.refusal(action); {
	case said != "":
		return said
	case action != "rollback":
		return "is about the next rollout" // an operator's lock
	}
	p, err := NewUndo(UndoInput{ID: "undo", Plan: s.plan, Status: s.status, By: "ada", Generation: 8, Fleet: s.snapshot(), Now: s.now})
	if err != nil {
		return "refused: " + err.Error()
	}
	var robots []string
	for _, rp := range p.Robots {
		if rp.Skip == "" {
			robots = append(robots, rp.Robot)
		}
	}
	return "a rollout of its own for " + strings.Join(robots, " ")
}

// heal mends all faults, lets what is under way succeed, answers as a person
// would, and lets ten minutes pass. One robot may be left as it is.
func (s *script) heal(but string) {
	for id, r := range s.robots {
		if id == but {
			continue
		}
		r.deaf, r.foreign, r.moving, r.silentNew, r.crashNew = false, "", false, false, false
		r.engine = fleet.EngineUp
		s.looks[id].health = ""
		clear(r.fail)
		if r.busy != nil {
			s.finish(id, s.effect(id))
		}
		s.looks[id].slow = false
	}
	for range 120 {
		if s.status.State == StatePaused {
			s.seq++
			s.wishes = append(s.wishes, Wish{Seq: s.seq, Action: ActionResume, By: "eve", Role: "engineer", At: s.now})
		}
		if wave, waits := s.status.nextApproval(&s.plan); waits && s.status.State == StateRunning {
			s.seq++
			s.wishes = append(s.wishes, Wish{Seq: s.seq, Action: ActionApprove, Wave: &wave, By: "eve", Role: "engineer", At: s.now})
		}
		s.now = s.now.Add(5 * time.Second)
		s.settle()
	}
}

// constants are the values of a type's constants in a file.
func constants(t *testing.T, file, typ string) []Step {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var values []Step
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			values = append(values, Step(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)))
		}
		return true
	})
	require.NotEmpty(t, values, "no constants of type %s in %s", typ, file)
	return values
}
