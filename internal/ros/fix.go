package ros

import (
	"math"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
)

// datum is the origin of a domain's satellite positions: the first fix.
type datum struct {
	set      bool
	lat, lon float64 // degrees
}

// earth is the mean radius in metres (IUGG).
const earth = 6_371_008.8

// offEarth names the message whose position is nowhere on the earth.
type offEarth string

func (e offEarth) Error() string { return "read " + string(e) + ": no such latitude or longitude" }

// decodeFix gives a position in metres east and north of the domain's first fix
// (REP-103: x east, y north); false without a fix. A hall is small enough for a
// plane.
func (d *decoder) decodeFix(s *Sample) (p fleet.Pose, ok bool, err error) {
	m := &d.fix
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return p, false, err
	}
	if m.Status.Status < sensor_msgs.NavSatStatusStatusFix {
		return p, false, nil
	}
	if !(math.Abs(m.Latitude) <= 90 && math.Abs(m.Longitude) <= 180) { // nor NaN
		return p, false, offEarth(m.TypeName())
	}
	if !d.datum.set {
		d.datum = datum{true, m.Latitude, m.Longitude}
	}
	const rad = math.Pi / 180
	return fleet.Pose{
		X: (m.Longitude - d.datum.lon) * rad * earth * math.Cos(d.datum.lat*rad), Y: (m.Latitude - d.datum.lat) * rad * earth,
		Frame: "gps", Localised: true, Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}, true, nil
}
