// Package config reads Muster's one configuration: a commented YAML file, then
// MUSTER_… variables of the environment, into one validated struct. Only
// cmd/muster imports it; every constructor takes plain values.
//
// It starts no goroutine and changes nothing outside itself.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Config is everything that can be set. deploy/muster.yaml explains each key.
type Config struct {
	Listen   string   `yaml:"listen"`
	Name     string   `yaml:"name"`
	Log      Log      `yaml:"log"`
	Domains  []Domain `yaml:"domains"`
	Security Security `yaml:"security"`
	// Messages are folders with definitions of ROS types, the first one's before
	// the others'.
	Messages  []string `yaml:"messages"`
	Engines   []Engine `yaml:"engines"`
	Pull      Pull     `yaml:"pull"`
	Inventory string   `yaml:"inventory"`
	// Signatures are the rules of who must have signed images.
	Signatures []Signature   `yaml:"signatures"`
	Robots     []Robot       `yaml:"robots"`
	Groups     []Group       `yaml:"groups"`
	Rollouts   Rollouts      `yaml:"rollouts"`
	Etcd       Etcd          `yaml:"etcd"`
	Auth       Auth          `yaml:"auth"`
	Stream     Stream        `yaml:"stream"`
	Shutdown   time.Duration `yaml:"shutdown"`
}

// Log says how much is logged, and how.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Domain is a ROS 2 domain to join.
type Domain struct {
	ID      int    `yaml:"id"`
	Cyclone string `yaml:"cyclone"`
	// Range is how far participants are looked for, as ROS 2 has it in
	// ROS_AUTOMATIC_DISCOVERY_RANGE: off, localhost, subnet or system_default; empty
	// takes that variable's.
	Range string `yaml:"range"`
	// Peers are hosts that are looked at besides, as in ROS_STATIC_PEERS.
	Peers []string `yaml:"peers"`
}

// Security is DDS Security by an SROS 2 keystore; none when Keystore is empty.
type Security struct {
	Keystore string `yaml:"keystore"`
	Enclave  string `yaml:"enclave"`
	// Strategy is enforce, or permissive: then an enclave without files is no error.
	Strategy string `yaml:"strategy"`
}

// Engine is a Docker Engine to follow.
type Engine struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
	TLS  TLS    `yaml:"tls"`
	SSH  SSH    `yaml:"ssh"`
	// Site is where the engine is: those of one site share Pull.Parallel.
	Site string `yaml:"site"`
}

// Pull is how images come to the engines.
type Pull struct {
	Parallel     int        `yaml:"parallel"` // pulls of one site at one time; 0: no limit
	Mirror       string     `yaml:"mirror"`
	BandwidthMiB float64    `yaml:"bandwidth_mib"` // a second, of one site; 0: no limit
	Sites        []Site     `yaml:"sites"`
	Registries   []Registry `yaml:"registries"`
	Relay        Relay      `yaml:"relay"`
}

// Relay is where engines pull from whose site has a bandwidth; there is none when
// Listen is empty.
type Relay struct {
	Listen string `yaml:"listen"`
	// Address is how the engines call it; empty means Listen, with the port that it
	// got.
	Address string  `yaml:"address"`
	TLS     KeyPair `yaml:"tls"`
}

// KeyPair names the files of a server's certificate.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Signature says who must have signed the images of some repositories.
type Signature struct {
	Repository  string `yaml:"repository"`
	Key         string `yaml:"key"`
	Issuer      string `yaml:"issuer"`
	Subject     string `yaml:"subject"`
	TrustedRoot string `yaml:"trusted_root"`
}

// Site has other limits and another mirror than Pull.
type Site struct {
	Name         string  `yaml:"name"`
	Parallel     int     `yaml:"parallel"`
	Mirror       string  `yaml:"mirror"`
	BandwidthMiB float64 `yaml:"bandwidth_mib"`
}

// Registry is a registry that wants to know who we are.
type Registry struct {
	Host         string `yaml:"host"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// SSH names the files of an ssh connection.
type SSH struct {
	Key        string `yaml:"key"`
	KnownHosts string `yaml:"known_hosts"`
}

// TLS names the files of a client's TLS identity.
type TLS struct {
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Rollouts bounds all rollouts together.
type Rollouts struct {
	// MaxUnavailable is how many robots may be down at one time, or a share of those
	// that are known; empty sets no limit.
	MaxUnavailable string `yaml:"max_unavailable"`
}

// Limit is MaxUnavailable as rollouts count; its zero value sets no limit.
func (r Rollouts) Limit() (rollout.Share, error) {
	if r.MaxUnavailable == "" {
		return rollout.Share{}, nil
	}
	s, err := rollout.ParseShare(r.MaxUnavailable)
	if err == nil && s == (rollout.Share{}) {
		err = fmt.Errorf("%q: at least 1; empty sets no limit", r.MaxUnavailable)
	}
	return s, err
}

// Etcd is the store: embedded when Endpoints is empty.
type Etcd struct {
	Dir          string        `yaml:"dir"`
	Endpoints    []string      `yaml:"endpoints"`
	TLS          TLS           `yaml:"tls"`
	Username     string        `yaml:"username"`
	PasswordFile string        `yaml:"password_file"`
	Prefix       string        `yaml:"prefix"`
	LeaseTTL     time.Duration `yaml:"lease_ttl"`
	// Of an embedded one:
	QuotaMiB      int           `yaml:"quota_mib"`
	SnapshotEvery time.Duration `yaml:"snapshot_every"`
	Snapshots     int           `yaml:"snapshots"` // kept
}

// Auth is who may do what.
type Auth struct {
	TokensFile string   `yaml:"tokens_file"`
	Anonymous  string   `yaml:"anonymous"`
	Origins    []string `yaml:"origins"`
}

// Stream bounds the telemetry stream.
type Stream struct {
	Tick       time.Duration `yaml:"tick"`
	MaxClients int           `yaml:"max_clients"`
}

// Default is the configuration when nothing is set.
func Default() Config {
	return Config{
		Listen:   "127.0.0.1:8480",
		Log:      Log{Level: "info", Format: "auto"},
		Security: Security{Enclave: "/", Strategy: "enforce"},
		Etcd: Etcd{
			Dir: "/var/lib/muster/etcd", Prefix: "/muster/", LeaseTTL: 5 * time.Second,
			QuotaMiB: 2048, SnapshotEvery: 24 * time.Hour, Snapshots: 7,
		},
		Auth:     Auth{Anonymous: "engineer"},
		Stream:   Stream{Tick: 100 * time.Millisecond, MaxClients: 500},
		Shutdown: 20 * time.Second,
	}
}

// Load reads the file (none when path is empty), then the environment, given
// as "NAME=value" lines, and checks the whole. The error names each key that is
// wrong.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		if err := unmarshal(b, &c); err != nil {
			return Config{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	env := environment(environ)
	if err := env.override(&c); err != nil {
		return Config{}, err
	}
	if err := env.ros(&c); err != nil {
		return Config{}, err
	}
	env.docker(&c)
	if c.Inventory != "" {
		robots, err := LoadInventory(c.Inventory)
		if err != nil {
			return Config{}, err
		}
		c.Robots = append(c.Robots, robots...)
	}
	c.place()
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// unmarshal reads exactly one YAML document without unknown keys.
func unmarshal(b []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s", clean(err.Error()))
	}
	return nil
}

// clean turns the YAML library's words into those of the file: "line 3: field
// lisen not found in type config.Config" becomes "line 3: unknown key lisen".
func clean(text string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "yaml: "), "\n") {
		line = strings.TrimSpace(line)
		if line == "unmarshal errors:" || line == "" {
			continue
		}
		if before, key, ok := strings.Cut(line, "field "); ok {
			if key, _, ok := strings.Cut(key, " not found in type"); ok {
				line = before + "unknown key " + key
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

type environment []string

func (e environment) get(name string) string {
	for _, kv := range e {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// ros takes the domain from ROS_DOMAIN_ID, as every ROS 2 program does, unless
// the file lists domains; and how to discover from ROS 2's other variables, unless
// the file says it.
func (e environment) ros(c *Config) error {
	if len(c.Domains) == 0 {
		id := 0
		if v := e.get("ROS_DOMAIN_ID"); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil {
				return fmt.Errorf("ROS_DOMAIN_ID: %q is not a number", v)
			}
			id = n
		}
		c.Domains = []Domain{{ID: id}}
	}
	reach := strings.ToLower(e.get("ROS_AUTOMATIC_DISCOVERY_RANGE"))
	if reach != "" && !ranges[reach] {
		return fmt.Errorf("ROS_AUTOMATIC_DISCOVERY_RANGE: %q is none of SUBNET, LOCALHOST, OFF, SYSTEM_DEFAULT", e.get("ROS_AUTOMATIC_DISCOVERY_RANGE"))
	}
	var peers []string
	for peer := range strings.SplitSeq(e.get("ROS_STATIC_PEERS"), ";") {
		if peer = strings.TrimSpace(peer); peer != "" {
			peers = append(peers, peer)
		}
	}
	if e.get("ROS_LOCALHOST_ONLY") == "1" { // deprecated since Iron, and before the others where it is set
		reach, peers = "localhost", nil
	}
	if err := e.security(c); err != nil {
		return err
	}
	for i := range c.Domains {
		if d := &c.Domains[i]; d.Cyclone == "" && d.Range == "" && len(d.Peers) == 0 {
			d.Range, d.Peers = reach, peers
		}
	}
	return nil
}

// security takes the keystore from SROS 2's variables, unless the file names one.
func (e environment) security(c *Config) error {
	if c.Security.Keystore != "" || !strings.EqualFold(e.get("ROS_SECURITY_ENABLE"), "true") {
		return nil
	}
	c.Security.Keystore = e.get("ROS_SECURITY_KEYSTORE")
	if c.Security.Keystore == "" {
		return errors.New("ROS_SECURITY_KEYSTORE: it is not set, and ROS_SECURITY_ENABLE is true")
	}
	if v := e.get("ROS_SECURITY_ENCLAVE_OVERRIDE"); v != "" {
		c.Security.Enclave = v
	}
	// Whatever is not Enforce is permissive, as in rcl.
	c.Security.Strategy = "permissive"
	if e.get("ROS_SECURITY_STRATEGY") == "Enforce" {
		c.Security.Strategy = "enforce"
	}
	return nil
}

// ranges are the values of ROS_AUTOMATIC_DISCOVERY_RANGE.
var ranges = map[string]bool{"off": true, "localhost": true, "subnet": true, "system_default": true}

// docker follows the engine that the docker command would use, unless engines
// are listed: DOCKER_HOST, else the default socket where there is one.
func (e environment) docker(c *Config) {
	if len(c.Engines) > 0 {
		return
	}
	const socket = "/var/run/docker.sock"
	host := e.get("DOCKER_HOST")
	if _, err := os.Stat(socket); host == "" && err == nil {
		host = "unix://" + socket
	}
	if host == "" {
		return
	}
	en := Engine{Name: "local", URL: host}
	if dir := e.get("DOCKER_CERT_PATH"); dir != "" && e.get("DOCKER_TLS_VERIFY") != "" {
		en.TLS = TLS{CA: dir + "/ca.pem", Cert: dir + "/cert.pem", Key: dir + "/key.pem"}
	}
	c.Engines = []Engine{en}
}
