package config

import (
	"fmt"
	"math"
	"net"
	"strings"

	"github.com/distribution/reference"
)

func (c *Config) checkPull(problem func(key, format string, args ...any)) {
	limit := func(key string, s Site) {
		if s.Parallel < 0 {
			problem(key+".parallel", "%d: at least 0, which sets no limit", s.Parallel)
		}
		if strings.ContainsAny(s.Mirror, "/@ ") {
			problem(key+".mirror", "%q is not host[:port]", s.Mirror)
		}
		switch b := s.BandwidthMiB; {
		case !(b >= 0) || math.IsInf(b, 0): // a NaN is neither
			problem(key+".bandwidth_mib", "%v: at least 0, which sets no limit", b)
		case b > 0 && c.Pull.Relay.Listen == "":
			problem(key+".bandwidth_mib", "%v needs pull.relay, from which the engines pull so fast", b)
		}
	}
	limit("pull", Site{Parallel: c.Pull.Parallel, Mirror: c.Pull.Mirror, BandwidthMiB: c.Pull.BandwidthMiB})
	c.checkRelay(problem)
	seen := make(map[string]bool)
	for i, s := range c.Pull.Sites {
		key := fmt.Sprintf("pull.sites[%d]", i)
		switch {
		case s.Name == "":
			problem(key+".name", "is missing")
		case seen["site "+s.Name]:
			problem(key+".name", "%q is there twice", s.Name)
		}
		seen["site "+s.Name] = true
		limit(key, s)
	}
	for i, r := range c.Pull.Registries {
		key := fmt.Sprintf("pull.registries[%d]", i)
		switch {
		case r.Host == "" || strings.ContainsAny(r.Host, "/@ "):
			problem(key+".host", "%q is not host[:port]", r.Host)
		case seen[r.Host]:
			problem(key+".host", "%q is there twice", r.Host)
		case r.Username == "" || r.PasswordFile == "":
			problem(key, "wants username and password_file")
		}
		seen[r.Host] = true
	}
}

func (c *Config) checkRelay(problem func(key, format string, args ...any)) {
	r := c.Pull.Relay
	if r.Listen == "" {
		if r != (Relay{}) {
			problem("pull.relay.listen", "is missing")
		}
		return
	}
	host, _, err := net.SplitHostPort(r.Listen)
	ip := net.ParseIP(host)
	switch {
	case err != nil:
		problem("pull.relay.listen", "%q is not host:port", r.Listen)
	case r.Address == "" && (host == "" || ip.IsUnspecified()):
		problem("pull.relay.address", "is missing, and pull.relay.listen does not say how engines call %q", r.Listen)
	}
	if r.Address != "" {
		// As engines read it: the first part of an image's name.
		n, err := reference.ParseNormalizedNamed(r.Address + "/image")
		if _, _, split := net.SplitHostPort(r.Address); err != nil || split != nil || reference.Domain(n) != r.Address {
			problem("pull.relay.address", "%q is not host:port", r.Address)
		}
	}
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		problem("pull.relay.tls", "cert and key go together")
	}
}
