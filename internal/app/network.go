package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// The doctor's look at the network interfaces.

// discoveryGroup is where participants of all domains look for each other (RTPS 2.3
// § 9.6.1.4.1).
var discoveryGroup = net.IPv4(239, 255, 0, 1)

// multicastWait is how long a datagram of ours may take back to us.
const multicastWait = time.Second

// interfaces lists the interfaces, and tries multicast on each; probe is how.
func (d *doctor) interfaces(probe func(*net.Interface) error) {
	d.section("Network interfaces")
	all, err := net.Interfaces()
	if err != nil {
		d.fault("list them: %v", err)
		return
	}
	usable := 0
	for _, i := range all {
		if d.networkInterface(&i, probe) {
			usable++
		}
	}
	if usable == 0 {
		d.remark("no interface to other machines has multicast: their robots are found by static peers only")
	}
}

// networkInterface reports whether an interface takes multicast to other machines.
func (d *doctor) networkInterface(i *net.Interface, probe func(*net.Interface) error) (usable bool) {
	addresses, _ := i.Addrs()
	text, four := make([]string, 0, len(addresses)), false
	for _, a := range addresses {
		text = append(text, a.String())
		ip, ok := a.(*net.IPNet)
		four = four || ok && ip.IP.To4() != nil
	}
	line := fmt.Sprintf("%-12s %s", i.Name, strings.Join(text, " "))
	switch {
	case i.Flags&net.FlagUp == 0 || !four:
		d.remark("%s (down, or without an IPv4 address)", line)
		return false
	case i.Flags&net.FlagLoopback != 0 && probe(i) != nil:
		d.good("%s (this host only, without multicast)", line)
		return false
	case i.Flags&net.FlagLoopback != 0:
		d.good("%s (this host only; a multicast datagram came back)", line)
		return false
	case i.Flags&net.FlagMulticast == 0:
		d.remark("%s (no multicast: robots there need static peers)", line)
		return false
	case i.Flags&net.FlagRunning == 0:
		d.remark("%s (no carrier)", line)
		return false
	}
	if err := probe(i); err != nil {
		d.fault("%s: multicast to %s: %v", line, discoveryGroup, err)
		return false
	}
	d.good("%s (multicast: a datagram to %s came back)", line, discoveryGroup)
	return true
}

var errNoEcho = errors.New("what we send does not come back to us: a firewall on this host drops it, or the interface does not pass it on")

// echoMulticast sends one datagram to the discovery group through an interface, on a
// port of its own, and receives it there. It shows that this host lets multicast out
// and in; what lies between it and the robots it cannot tell.
func echoMulticast(i *net.Interface) error {
	in, err := net.ListenMulticastUDP("udp4", i, &net.UDPAddr{IP: discoveryGroup})
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer out.Close()
	raw, err := out.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptIPMreqn(int(fd), syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, &syscall.IPMreqn{Ifindex: int32(i.Index)})
	}); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	word := fmt.Sprintf("muster doctor %d %d", os.Getpid(), i.Index)
	to, ok := in.LocalAddr().(*net.UDPAddr)
	if !ok {
		return fmt.Errorf("the address %v is not of UDP", in.LocalAddr())
	}
	if _, err := out.WriteTo([]byte(word), &net.UDPAddr{IP: discoveryGroup, Port: to.Port}); err != nil {
		return err
	}
	if err := in.SetReadDeadline(time.Now().Add(multicastWait)); err != nil {
		return err
	}
	b := make([]byte, 64)
	for {
		n, err := in.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errNoEcho
		case err != nil:
			return err
		case string(b[:n]) == word:
			return nil
		}
	}
}
