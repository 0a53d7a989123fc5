//go:build rclgo

package rcl

import (
	"fmt"
	"strings"
	"sync"

	"github.com/tiiuae/rclgo/pkg/rclgo"
	"github.com/tiiuae/rclgo/pkg/rclgo/types"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
)

// supports are the type supports that were loaded, by ROS type. They stay for the
// life of the process: rclgo unloads the library of one that is collected, while
// the RMW may still point into it.
var supports sync.Map

// support loads the type support of a message, "nav_msgs/msg/Odometry", from the
// libraries that its package has installed.
func support(typ string) (types.MessageTypeSupport, error) {
	if s, ok := supports.Load(typ); ok {
		return s.(types.MessageTypeSupport), nil //nolint:forcetypeassert // supports holds nothing else
	}
	parts := strings.Split(typ, "/")
	if len(parts) != 3 || parts[1] != "msg" {
		return nil, fmt.Errorf("load type %s: it is not the type of a message", typ)
	}
	s, err := rclgo.LoadDynamicMessageTypeSupport(parts[0], parts[2])
	if err != nil {
		return nil, fmt.Errorf("load type %s (is the ROS package %s installed and sourced?): %w", typ, parts[0], rclerror.Clean(err))
	}
	kept, _ := supports.LoadOrStore(typ, s)
	return kept.(types.MessageTypeSupport), nil //nolint:forcetypeassert // see above
}
