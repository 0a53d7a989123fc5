package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxDomain is the greatest domain id that leaves ports for participants (RTPS
// 2.3 § 9.6.1.1 with its default parameters).
const maxDomain = 232

// Validate checks the whole configuration. The error lists every key that is
// wrong, one per line.
func (c *Config) Validate() error {
	var problems []error
	problem := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		problem("listen", "%q is not host:port", c.Listen)
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			problem(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
		}
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "text", "json")
	oneOf("auth.anonymous", c.Auth.Anonymous, "none", "viewer", "operator", "engineer")
	within := func(key string, v, least, most time.Duration) {
		if v < least || v > most {
			problem(key, "%v is not within %v and %v", v, least, most)
		}
	}
	within("etcd.lease_ttl", c.Etcd.LeaseTTL, 2*time.Second, 5*time.Minute)
	within("stream.tick", c.Stream.Tick, 20*time.Millisecond, 10*time.Second)
	within("shutdown", c.Shutdown, time.Second, 10*time.Minute)
	if c.Stream.MaxClients < 1 {
		problem("stream.max_clients", "%d: at least 1", c.Stream.MaxClients)
	}
	if _, err := c.Rollouts.Limit(); err != nil {
		problem("rollouts.max_unavailable", "%v", err)
	}
	c.checkEtcd(problem)
	c.checkDomains(problem)
	if s := c.Security.Strategy; s != "enforce" && s != "permissive" {
		problem("security.strategy", "%q is none of enforce, permissive", s)
	}
	if !strings.HasPrefix(c.Security.Enclave, "/") {
		problem("security.enclave", "%q does not begin with /", c.Security.Enclave)
	}
	c.checkEngines(problem)
	c.checkPull(problem)
	c.checkSignatures(problem)
	c.checkRobots(problem)
	return errors.Join(problems...)
}

func (c *Config) checkEtcd(problem func(key, format string, args ...any)) {
	if len(c.Etcd.Endpoints) == 0 && c.Etcd.Dir == "" {
		problem("etcd", "wants dir (embedded) or endpoints (a cluster)")
	}
	if q := c.Etcd.QuotaMiB; q < 16 || q > 8192 {
		problem("etcd.quota_mib", "%d is not within 16 and 8192", q)
	}
	if e := c.Etcd.SnapshotEvery; e != 0 && e < time.Minute {
		problem("etcd.snapshot_every", "%v: 0s for never, or at least 1m0s", e)
	}
	if c.Etcd.Snapshots < 1 {
		problem("etcd.snapshots", "%d: at least 1 is kept", c.Etcd.Snapshots)
	}
	if !strings.HasPrefix(c.Etcd.Prefix, "/") || !strings.HasSuffix(c.Etcd.Prefix, "/") {
		problem("etcd.prefix", "%q does not begin and end with /", c.Etcd.Prefix)
	}
	if (c.Etcd.TLS.Cert == "") != (c.Etcd.TLS.Key == "") {
		problem("etcd.tls", "cert and key go together")
	}
}

func (c *Config) checkDomains(problem func(key, format string, args ...any)) {
	seen := make(map[int]bool)
	for i, d := range c.Domains {
		key := fmt.Sprintf("domains[%d].id", i)
		switch {
		case d.ID < 0 || d.ID > maxDomain:
			problem(key, "%d is not within 0 and %d", d.ID, maxDomain)
		case d.Range != "" && !ranges[d.Range]:
			problem(fmt.Sprintf("domains[%d].range", i), "%q is none of off, localhost, subnet, system_default", d.Range)
		case d.Cyclone != "" && (d.Range != "" || len(d.Peers) > 0):
			problem(fmt.Sprintf("domains[%d].cyclone", i), "it says how to discover, and range and peers do, too")
		case seen[d.ID]:
			problem(key, "%d is there twice", d.ID)
		}
		seen[d.ID] = true
	}
}

func (c *Config) checkEngines(problem func(key, format string, args ...any)) {
	seen := make(map[string]bool)
	for i, e := range c.Engines {
		key := fmt.Sprintf("engines[%d]", i)
		switch {
		case !idPattern.MatchString(e.Name):
			problem(key+".name", "%q: letters, digits, '_', '.' and '-', at most 64", e.Name)
		case seen[e.Name]:
			problem(key+".name", "%q is there twice", e.Name)
		}
		seen[e.Name] = true
		u, err := url.Parse(e.URL)
		switch {
		case err != nil || u.Scheme == "":
			problem(key+".url", "%q: want unix:///path, tcp://host:port or ssh://user@host", e.URL)
		case u.Scheme != "unix" && u.Scheme != "tcp" && u.Scheme != "ssh":
			problem(key+".url", "scheme %q is not supported: want unix, tcp or ssh", u.Scheme)
		case u.Scheme == "unix" && u.Path == "":
			problem(key+".url", "%q has no path", e.URL)
		case u.Scheme == "tcp" && u.Port() == "":
			problem(key+".url", "%q has no port", e.URL)
		case u.Scheme == "ssh" && (u.User.Username() == "" || u.Hostname() == ""):
			problem(key+".url", "%q is not ssh://user@host", e.URL)
		case u.Scheme == "ssh" && (e.SSH.Key == "" || e.SSH.KnownHosts == ""):
			problem(key+".ssh", "wants key and known_hosts")
		case u.Scheme != "ssh" && e.SSH != (SSH{}):
			problem(key+".ssh", "needs an ssh:// url")
		}
		if (e.TLS.Cert == "") != (e.TLS.Key == "") {
			problem(key+".tls", "cert and key go together")
		}
	}
}

func (c *Config) checkSignatures(problem func(key, format string, args ...any)) {
	for i, s := range c.Signatures {
		key := fmt.Sprintf("signatures[%d]", i)
		identity := s.Issuer != "" && s.Subject != "" && s.TrustedRoot != ""
		none := s.Issuer == "" && s.Subject == "" && s.TrustedRoot == ""
		switch {
		case s.Repository == "":
			problem(key+".repository", "is missing")
		case s.Key != "" && !none, s.Key == "" && !identity:
			problem(key, "wants either key, or issuer, subject and trusted_root")
		}
	}
}
