package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wavesOf are the robots of a plan, by wave.
func wavesOf(p Plan) [][]string {
	waves := make([][]string, p.Waves)
	for _, rp := range p.Robots {
		if rp.Skip == "" {
			waves[rp.Wave] = append(waves[rp.Wave], rp.Robot)
		}
	}
	return waves
}

func TestWavesAreCut(t *testing.T) {
	for name, test := range map[string]struct {
		robots int
		spec   Spec
		want   [][]string
	}{
		"the default canary":     {3, Spec{}, [][]string{{"r1"}, {"r2", "r3"}}},
		"a canary of two":        {3, Spec{Canary: new(2)}, [][]string{{"r1", "r2"}, {"r3"}}},
		"a canary of all":        {2, Spec{Canary: new(5)}, [][]string{{"r1", "r2"}}},
		"no canary":              {3, Spec{Canary: new(0)}, [][]string{{"r1", "r2", "r3"}}},
		"one robot":              {1, Spec{}, [][]string{{"r1"}}},
		"numbers":                {5, Spec{Waves: []Wave{"1", "3", "5"}}, [][]string{{"r1"}, {"r2", "r3"}, {"r4", "r5"}}},
		"the rest is a wave":     {5, Spec{Waves: []Wave{"1", "3"}}, [][]string{{"r1"}, {"r2", "r3"}, {"r4", "r5"}}},
		"shares are rounded up":  {5, Spec{Waves: []Wave{"1", "50%", "100%"}}, [][]string{{"r1"}, {"r2", "r3"}, {"r4", "r5"}}},
		"a share of few is one":  {3, Spec{Waves: []Wave{"1%", "100%"}}, [][]string{{"r1"}, {"r2", "r3"}}},
		"no wave without robots": {3, Spec{Waves: []Wave{"1", "10%", "30%", "50%"}}, [][]string{{"r1"}, {"r2"}, {"r3"}}},
		"further than all":       {2, Spec{Waves: []Wave{"1", "7", "9"}}, [][]string{{"r1"}, {"r2"}}},
		"a selector":             {4, Spec{Waves: []Wave{"r4", "station=1"}}, [][]string{{"r4"}, {"r2"}, {"r1", "r3"}}},
		"a selector, then sizes": {5, Spec{Waves: []Wave{"r4,r5", "3"}}, [][]string{{"r4", "r5"}, {"r1"}, {"r2", "r3"}}},
		"a selector of nobody":   {2, Spec{Waves: []Wave{"hall=south", "1"}}, [][]string{{"r1"}, {"r2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := planOf(test.robots)
			test.spec.Image, test.spec.Robots = in.Spec.Image, in.Spec.Robots
			in.Spec = test.spec
			p, err := NewPlan(in)
			require.NoError(t, err)
			assert.Equal(t, test.want, wavesOf(p))
		})
	}
}

// Shares are of the robots that take part, not of those that were selected.
func TestRobotsThatAreLeftOutAreInNoWave(t *testing.T) {
	in := planOf(6)
	for i := range 4 {
		in.Fleet.Robots[i].Labels[LabelPinned] = ""
	}
	in.Spec.Waves = []Wave{"50%"}
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"r5"}, {"r6"}}, wavesOf(p))
}

func TestWavesThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		`["0"]`:          "waves[0]: reaches no robot",
		`["3", "3"]`:     "waves[1]: 3 reaches no further than the wave before, 3",
		`["50%", "20%"]`: "waves[1]: 20% reaches no further than the wave before, 50%",
		`["150%"]`:       `waves[0]: "150%": want a percentage between 0% and 100%`,
		`["1", "a=b,"]`:  "waves[1]: robots: ",
		`["a=b,10%"]`:    `waves[0]: "a=b,10%": a wave is a share of all, or a selector without one`,
		`["1.5"]`:        `waves[0]: "1.5": want a number of robots`,
	} {
		var waves []Wave
		require.NoError(t, json.Unmarshal([]byte(text), &waves))
		err := validateWaves(waves)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
	assert.NoError(t, validateWaves([]Wave{"1", "10%", "20", "50%", "r9"}), "numbers and shares are not compared")
	assert.Error(t, validateWaves(slices.Repeat([]Wave{"r1"}, maxWaves+1)))
	assert.NoError(t, validateWaves(slices.Repeat([]Wave{"r1"}, maxWaves)))
}

func TestAWaveIsANumberOrAText(t *testing.T) {
	for text, want := range map[string]Wave{`1`: "1", `"1"`: "1", `"10%"`: "10%", `"hall=north"`: "hall=north"} {
		var w Wave
		require.NoError(t, json.Unmarshal([]byte(text), &w), text)
		assert.Equal(t, want, w)
	}
	var w Wave
	assert.Error(t, json.Unmarshal([]byte(`true`), &w))
	assert.Error(t, json.Unmarshal([]byte(`-1`), &w))
	b, err := json.Marshal([]Wave{"2", "10%", "hall=north"})
	require.NoError(t, err)
	assert.JSONEq(t, `[2, "10%", "hall=north"]`, string(b))
}

// Whatever the waves: every robot is in exactly one, none is empty, the canary
// is first, and a size reaches as far as it says.
func TestAnyWaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "robots")
		in := planOf(n)
		counts := rapid.SliceOfNDistinct(rapid.IntRange(1, n), 0, 6, rapid.ID).Draw(t, "sizes")
		slices.Sort(counts)
		for _, c := range counts {
			in.Spec.Waves = append(in.Spec.Waves, Wave(fmt.Sprint(c)))
		}
		at := rapid.IntRange(0, len(counts)).Draw(t, "where a selector is")
		if rapid.Bool().Draw(t, "selector") {
			in.Spec.Waves = slices.Insert(in.Spec.Waves, at, Wave(fmt.Sprintf("station=%d", rapid.IntRange(0, 1).Draw(t, "station"))))
		}
		p, err := NewPlan(in)
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		for i, rp := range p.Robots {
			if i > 0 && rp.Wave != last && rp.Wave != last+1 || i == 0 && rp.Wave != 0 {
				t.Fatalf("robot %d of the order is in wave %d after wave %d", i, rp.Wave, last)
			}
			last = rp.Wave
		}
		if last != p.Waves-1 {
			t.Fatalf("the last wave is %d of %d", last, p.Waves)
		}
		if len(in.Spec.Waves) > 0 && len(in.Spec.Waves) == len(counts) { // sizes alone
			for w, c := range counts {
				if reach := slices.IndexFunc(p.Robots, func(rp RobotPlan) bool { return rp.Wave > w }); reach != c && c != n {
					t.Fatalf("wave %d reaches %d robots, wants %d", w, reach, c)
				}
			}
		}
	})
}
