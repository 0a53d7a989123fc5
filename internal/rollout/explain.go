package rollout

import (
	"strings"
	"time"
)

// Explain says of each robot that takes part what it would wait for if its turn
// came now, with the present answers of its gates. A robot that would not wait has
// its gates alone. It is pure; a dry run shows it.
func Explain(p Plan, f Facts, now time.Time) map[string]Waiting {
	d := &decider{plan: &p, facts: f, now: now, s: firstStatus(&p).clone(), why: make(map[string]Waiting)}
	why := make(map[string]Waiting, len(p.Robots))
	for i := range p.Robots {
		if rp := &p.Robots[i]; rp.Skip == "" {
			why[rp.Robot] = d.explain(i)
		}
	}
	return why
}

func (d *decider) explain(i int) Waiting {
	rf, w := d.fact(i), Waiting{Gates: d.before(i)}
	if b := d.plan.Spec.Before; len(b.Windows) > 0 {
		g, _ := b.windowGate(d.now)
		w.Gates = append(w.Gates, g)
	}
	var why []string
	if rf.Claimed != "" {
		why = append(why, "rollout "+rf.Claimed+" is not through with this robot")
	}
	if d.away(i) {
		why = append(why, d.why[d.plan.Robots[i].Robot].Text)
	}
	if full := d.noRoom(i, false); full != "" {
		why = append(why, full)
	}
	if d.s.wantsApproval(d.plan, d.plan.Robots[i].Wave) {
		why = append(why, d.approvalWanted())
	}
	if text := objections(w.Gates); text != "" {
		why = append(why, text)
	}
	w.Text = strings.Join(why, "; ")
	return w
}
