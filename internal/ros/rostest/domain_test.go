package rostest_test

import (
	"testing"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

func TestDomainKeepsTheContract(t *testing.T) {
	d := rostest.NewDomain(7)
	rostest.Contract(t, func(*testing.T) ros.Transport { return d.Join() })
}
