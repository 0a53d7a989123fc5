package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestADiskIsTooSmall(t *testing.T) {
	for name, test := range map[string]struct {
		p       Preview
		minFree int64
		want    bool
	}{
		"enough":                    {Preview{Need: 5, Free: 10}, 4, false},
		"just enough":               {Preview{Need: 5, Free: 10}, 5, false},
		"a byte too little":         {Preview{Need: 5, Free: 10}, 6, true},
		"the disk is not known":     {Preview{Need: 5, Free: -1}, 6, false},
		"the disk is full":          {Preview{Need: 5, Free: 0}, 0, true},
		"the image is there":        {Preview{Need: 50, Free: 10, Present: true}, 0, false},
		"the size is not known":     {Preview{Free: 10}, 10, false},
		"what must stay is not met": {Preview{Free: 10}, 11, true},
	} {
		assert.Equal(t, test.want, test.p.lacks(test.minFree), name)
	}
}

func TestBytesInWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 1_550_000: "1.6 MB", 2_000_000_000: "2.0 GB", 1_500_000_000_000: "1500.0 GB",
	} {
		assert.Equal(t, want, bytesText(n))
	}
}

func TestAReportHasThePreviewOfItsRobotOnly(t *testing.T) {
	p := planMust(t, planOf(2))
	r := MakeReport(p, firstStatus(&p), nil)
	r.preview(map[string]Preview{"r2": {Kept: []string{"device /dev/ttyUSB0"}}})
	assert.Nil(t, r.Robots[0].Preview)
	assert.Equal(t, []string{"device /dev/ttyUSB0"}, r.Robots[1].Preview.Kept)
}
