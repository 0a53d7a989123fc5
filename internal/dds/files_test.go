package dds_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

// The C library ends a process that joins a domain with more files open than
// select can wait for, as one that is connected to a thousand engines has.
func TestADomainWantsLowFileDescriptors(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	var open []int
	closeAll := func() {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
		open = nil
	}
	t.Cleanup(closeAll)
	for fd := 0; fd < 1024; open = append(open, fd) {
		var err error
		fd, err = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
	}
	_, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig()})
	require.ErrorContains(t, err, "too many files are open")
	closeAll()
	ddstest.Join(t, domain)
}
