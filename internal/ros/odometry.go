package ros

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
)

// decodeOdometry gives a pose in the frame that the message names, and its stamp;
// the pose counts as localised when that is the map (REP-105). Most samples of a
// fleet are of this type, and most of each is covariance: it reads by hand what is
// needed and passes over the rest. frame keeps the text between two samples.
func decodeOdometry(s *Sample, frame *string) (p fleet.Pose, stamp int64, err error) {
	const matrix = 36 // elements of a covariance
	r := cdr.NewReader(s.CDR)
	stamp = int64(r.Int32()) * int64(time.Second)
	stamp += int64(r.Uint32())
	r.String(frame, 0)
	r.Skip(int(r.Uint32()), 1) // child_frame_id
	p.X, p.Y = r.Float64(), r.Float64()
	r.Skip(1, 8) // z
	q := geometry_msgs.Quaternion{X: r.Float64(), Y: r.Float64(), Z: r.Float64(), W: r.Float64()}
	r.Skip(matrix, 8)
	p.Speed = r.Float64()
	r.Skip(4, 8) // linear y and z, angular x and y
	p.Turn = r.Float64()
	r.Skip(matrix, 8)
	if err := r.Finish("nav_msgs/msg/Odometry"); err != nil {
		return fleet.Pose{}, 0, err
	}
	p.Yaw, p.Frame, p.Localised = yaw(q), *frame, *frame == "map"
	p.Source, p.Receive = time.Unix(0, s.Source).UTC(), receiveTime(s)
	return p, stamp, finite("nav_msgs/msg/Odometry", p.X, p.Y, p.Yaw, p.Speed, p.Turn)
}
