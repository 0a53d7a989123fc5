package rostest_test

import (
	"testing"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

func TestDomainKeepsTheContract(t *testing.T) {
	d := rostest.NewDomain(7)
	rostest.Contract(t, func(t *testing.T) ros.Transport {
		p := d.Join()
		t.Cleanup(p.Leave)
		return p
	})
}
