package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

func TestTheSampleFileShowsTheDefaults(t *testing.T) {
	b, err := os.ReadFile("../../deploy/muster.yaml")
	require.NoError(t, err)
	var sample Config
	require.NoError(t, unmarshal(b, &sample))
	want := Default()
	want.Domains, want.Engines, want.Robots, want.Groups = []Domain{}, []Engine{}, []Robot{}, []Group{}
	want.Signatures, want.Messages = []Signature{}, []string{}
	want.Pull.Sites, want.Pull.Registries = []Site{}, []Registry{}
	want.Etcd.Endpoints, want.Auth.Origins = []string{}, []string{}
	assert.Equal(t, want, sample)

	var keys, all map[string]any
	require.NoError(t, yaml.Unmarshal(b, &keys))
	text, err := yaml.Marshal(Default())
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &all))
	assert.ElementsMatch(t, paths("", all), paths("", keys), "the sample names every key")
}

func paths(prefix string, m map[string]any) []string {
	var list []string
	for k, v := range m {
		if sub, ok := v.(map[string]any); ok {
			list = append(list, paths(prefix+k+".", sub)...)
			continue
		}
		list = append(list, prefix+k)
	}
	return list
}

func load(t *testing.T, text string, env ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "muster.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Load(path, append(env, "DOCKER_HOST=unix:///nowhere.sock"))
}

func TestErrorsNameTheKey(t *testing.T) {
	robot := "robots: [{id: r1, namespace: /r1}, "
	for _, tc := range []struct{ file, want string }{
		{"lisen: :80", "line 1: unknown key lisen"},
		{"log: {levell: info}", "unknown key levell"},
		{"listen: nowhere", "listen: \"nowhere\" is not host:port"},
		{"log: {level: loud}", "log.level: \"loud\" is not one of debug, info, warn, error"},
		{"etcd: {lease_ttl: 1s}", "etcd.lease_ttl: 1s is not within 2s"},
		{"etcd: {lease_ttl: soon}", "line 1"},
		{"groups: [{topics: {speed: v}}]", "groups[0].labels: is missing"},
		{"groups: [{labels: {a: b}, topics: {speed: v}}]", "groups[0].topics: \"speed\" is no role; there are battery, diagnostics"},
		{"security: {strategy: maybe}", "security.strategy: \"maybe\" is none of enforce, permissive"},
		{"domains: [{id: 1, range: far}]", "domains[0].range: \"far\" is none of off, localhost, subnet, system_default"},
		{"domains: [{id: 1, range: off, cyclone: <x/>}]", "domains[0].cyclone: it says how to discover"},
		{"domains: [{id: 300}]", "domains[0].id: 300 is not within 0 and 232"},
		{"engines: [{name: a, url: ftp://x}]", "engines[0].url: scheme \"ftp\" is not supported"},
		{"engines: [{name: a, url: 'ssh://robot', ssh: {key: k, known_hosts: h}}]", "engines[0].url: \"ssh://robot\" is not ssh://user@host"},
		{"engines: [{name: a, url: 'ssh://u@robot', ssh: {key: k}}]", "engines[0].ssh: wants key and known_hosts"},
		{"engines: [{name: a, url: 'unix:///a', ssh: {key: k}}]", "engines[0].ssh: needs an ssh:// url"},
		{"engines: [{name: a, url: 'unix:///a'}, {name: a, url: 'unix:///b'}]", "engines[1].name: \"a\" is there twice"},
		{"signatures: [{key: k}]", "signatures[0].repository: is missing"},
		{"signatures: [{repository: '*', key: k, issuer: i}]", "signatures[0]: wants either key, or issuer, subject and trusted_root"},
		{"signatures: [{repository: '*', issuer: i}]", "signatures[0]: wants either key, or issuer, subject and trusted_root"},
		{"rollouts: {max_unavailable: some}", "rollouts.max_unavailable: \"some\": want a number of robots, or a share like \"10%\""},
		{"rollouts: {max_unavailable: -1}", "rollouts.max_unavailable: \"-1\": want a number of robots"},
		{"rollouts: {max_unavailable: 101%}", "rollouts.max_unavailable: \"101%\": want a percentage between 0% and 100%"},
		{"rollouts: {max_unavailable: 0}", "rollouts.max_unavailable: \"0\": at least 1; empty sets no limit"},
		{"rollouts: {max_unavailable: 0%}", "rollouts.max_unavailable: \"0%\": at least 1; empty sets no limit"},
		{"rollouts: {max_unavailable: [1]}", "line 1"},
		{"rollouts: {max: 1}", "unknown key max"},
		{"pull: {parallel: -1}", "pull.parallel: -1: at least 0"},
		{"pull: {mirror: 'https://m'}", "pull.mirror: \"https://m\" is not host[:port]"},
		{"pull: {sites: [{parallel: 2}]}", "pull.sites[0].name: is missing"},
		{"pull: {sites: [{name: a}, {name: a}]}", "pull.sites[1].name: \"a\" is there twice"},
		{"pull: {bandwidth_mib: 10}", "pull.bandwidth_mib: 10 needs pull.relay"},
		{"pull: {sites: [{name: a, bandwidth_mib: 0.5}]}", "pull.sites[0].bandwidth_mib: 0.5 needs pull.relay"},
		{"pull: {relay: {listen: 'h:1'}, bandwidth_mib: -1}", "pull.bandwidth_mib: -1: at least 0"},
		{"pull: {relay: {listen: 'h:1'}, bandwidth_mib: .nan}", "pull.bandwidth_mib: NaN: at least 0"},
		{"pull: {relay: {listen: h}}", "pull.relay.listen: \"h\" is not host:port"},
		{"pull: {relay: {address: 'h:1'}}", "pull.relay.listen: is missing"},
		{"pull: {relay: {listen: ':8481'}}", "pull.relay.address: is missing"},
		{"pull: {relay: {listen: '[::]:8481'}}", "pull.relay.address: is missing"},
		{"pull: {relay: {listen: ':1', address: h}}", "pull.relay.address: \"h\" is not host:port"},
		{"pull: {relay: {listen: ':1', address: 'https://h:1'}}", "pull.relay.address: \"https://h:1\" is not host:port"},
		{"pull: {relay: {listen: ':1', address: 'my_host:1'}}", "pull.relay.address: \"my_host:1\" is not host:port"},
		{"pull: {relay: {listen: 'h:1', tls: {cert: c}}}", "pull.relay.tls: cert and key go together"},
		{"pull: {registries: [{host: r, username: u}]}", "pull.registries[0]: wants username and password_file"},
		{robot + "{id: r1, namespace: /r2}]", "robot r1: id: is there twice, as robots[0] and robots[1]"},
		{robot + "{id: r2, namespace: /r1}]", "robot r2: namespace: /r1 in domain 0 is robot r1 already"},
		{robot + "{id: r2, namespace: r2}]", "robot r2: namespace: \"r2\" is not an absolute ROS namespace"},
		{robot + "{namespace: /r2}]", "robots[1]: id: is missing"},
		{robot + "{id: r2, namespace: /r2, engine: e9}]", "robot r2: engine: there is no engine \"e9\""},
		{robot + "{id: r2, namespace: /r2, topics: {battry: x}}]", "robot r2: topics: \"battry\" is no role"},
		{robot + "{id: r2, namespace: /r2, tpics: {}}]", "unknown key tpics"},
	} {
		_, err := load(t, tc.file)
		assert.ErrorContains(t, err, tc.want, tc.file)
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	_, err := load(t, "listen: x\nstream: {max_clients: 0}")
	require.ErrorContains(t, err, "listen")
	require.ErrorContains(t, err, "stream.max_clients")
}

func TestTheEnvironmentWins(t *testing.T) {
	c, err := load(t, "listen: 127.0.0.1:1", "MUSTER_LISTEN=127.0.0.1:2", "MUSTER_ETCD_LEASE_TTL=9s",
		"MUSTER_AUTH_ORIGINS=https://a, https://b", "MUSTER_PULL_BANDWIDTH_MIB=0.5", "MUSTER_PULL_RELAY_LISTEN=127.0.0.1:0",
		"ROS_DOMAIN_ID=42")
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:2", c.Listen)
	assert.Equal(t, "9s", c.Etcd.LeaseTTL.String())
	assert.Equal(t, []string{"https://a", "https://b"}, c.Auth.Origins)
	assert.InDelta(t, 0.5, c.Pull.BandwidthMiB, 0)
	assert.Equal(t, "127.0.0.1:0", c.Pull.Relay.Listen)
	assert.Equal(t, []Domain{{ID: 42}}, c.Domains)
	assert.Equal(t, []Engine{{Name: "local", URL: "unix:///nowhere.sock"}}, c.Engines)

	_, err = load(t, "", "MUSTER_LISTN=x")
	require.ErrorContains(t, err, "MUSTER_LISTN names no key")
	_, err = load(t, "", "MUSTER_PULL_BANDWIDTH_MIB=fast")
	require.ErrorContains(t, err, "MUSTER_PULL_BANDWIDTH_MIB: \"fast\" is not a number")
	_, err = load(t, "", "ROS_DOMAIN_ID=x")
	require.ErrorContains(t, err, "ROS_DOMAIN_ID: \"x\" is not a number")
}

func TestTheFleetsLimitIsANumberOrAShare(t *testing.T) {
	for text, want := range map[string]rollout.Share{
		"":                                 {},
		"rollouts: {max_unavailable: ''}":  {},
		"rollouts: {max_unavailable: 5}":   rollout.Robots(5),
		"rollouts: {max_unavailable: 10%}": {Percent: 10},
	} {
		c, err := load(t, text)
		require.NoError(t, err, text)
		got, err := c.Rollouts.Limit()
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	c, err := load(t, "rollouts: {max_unavailable: 5}", "MUSTER_ROLLOUTS_MAX_UNAVAILABLE=20%")
	require.NoError(t, err)
	assert.Equal(t, "20%", c.Rollouts.MaxUnavailable)
	_, err = load(t, "", "MUSTER_ROLLOUTS_MAX_UNAVAILABLE=many")
	require.ErrorContains(t, err, "rollouts.max_unavailable: \"many\"")
}

func TestAnInventoryFileAddsRobots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "robots.yaml")
	require.NoError(t, os.WriteFile(path, []byte("robots: [{id: r2, namespace: /r2}]"), 0o600))
	c, err := load(t, "robots: [{id: r1, namespace: /r1}]\ninventory: "+path)
	require.NoError(t, err)
	assert.Len(t, c.Robots, 2)
	require.NoError(t, os.WriteFile(path, []byte("robts: []"), 0o600))
	_, err = load(t, "inventory: "+path)
	require.ErrorContains(t, err, "unknown key robts")
}

func TestARobotWithoutADomainIsInTheOnlyOne(t *testing.T) {
	const robot = "robots: [{id: r1, namespace: /r1}]"
	for _, c := range []struct {
		file string
		env  []string
		want int
	}{
		{robot, nil, 0},
		{robot, []string{"ROS_DOMAIN_ID=7"}, 7},
		{robot + "\ndomains: [{id: 42}]", []string{"ROS_DOMAIN_ID=7"}, 42},
		{"robots: [{id: r1, namespace: /r1, domain: 2}]\ndomains: [{id: 1}, {id: 2}]", nil, 2},
	} {
		got, err := load(t, c.file, c.env...)
		require.NoError(t, err, c.file)
		require.NotNil(t, got.Robots[0].Domain, c.file)
		assert.Equal(t, c.want, *got.Robots[0].Domain, c.file)
	}
	for file, want := range map[string]string{
		robot + "\ndomains: [{id: 1}, {id: 2}]":                     "robot r1: domain: is missing, and there are several: 1, 2",
		"robots: [{id: r1, namespace: /r1, domain: 9}]":             "robot r1: domain: 9 is not joined: domains lists 0",
		"robots: [{namespace: /r1, domain: 0}]\ndomains: [{id: 1}]": "robots[0]: domain: 0 is not joined",
	} {
		_, err := load(t, file)
		assert.ErrorContains(t, err, want)
	}
}

func TestROSVariablesAreHonoured(t *testing.T) {
	c, err := Load("", []string{
		"ROS_DOMAIN_ID=7", "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST", "ROS_STATIC_PEERS=10.0.0.1;amr.example; ",
		"ROS_SECURITY_ENABLE=true", "ROS_SECURITY_KEYSTORE=/keys", "ROS_SECURITY_STRATEGY=Enforce", "ROS_SECURITY_ENCLAVE_OVERRIDE=/muster",
	})
	require.NoError(t, err)
	assert.Equal(t, []Domain{{ID: 7, Range: "localhost", Peers: []string{"10.0.0.1", "amr.example"}}}, c.Domains)
	assert.Equal(t, Security{Keystore: "/keys", Enclave: "/muster", Strategy: "enforce"}, c.Security)

	c, err = Load("", []string{"ROS_LOCALHOST_ONLY=1", "ROS_STATIC_PEERS=10.0.0.1", "ROS_SECURITY_ENABLE=true", "ROS_SECURITY_KEYSTORE=/keys"})
	require.NoError(t, err)
	assert.Equal(t, []Domain{{Range: "localhost"}}, c.Domains)
	assert.Equal(t, Security{Keystore: "/keys", Enclave: "/", Strategy: "permissive"}, c.Security)

	for env, want := range map[string]string{
		"ROS_AUTOMATIC_DISCOVERY_RANGE=FAR": "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_SECURITY_ENABLE=true": "ROS_SECURITY_KEYSTORE",
		"ROS_DOMAIN_ID=x": "ROS_DOMAIN_ID",
	} {
		_, err := Load("", []string{env})
		assert.ErrorContains(t, err, want)
	}
}

func TestGroupsSetTopics(t *testing.T) {
	c := Config{Groups: []Group{
		{Labels: map[string]string{"model": "mower"}, Topics: map[string]string{"fix": "gps", "battery": "power"}},
		{Labels: map[string]string{"model": "mower", "year": "2026"}, Topics: map[string]string{"battery": "pack"}},
	}}
	mower := Robot{Labels: map[string]string{"model": "mower", "year": "2026"}, Topics: map[string]string{"map": "plan"}}
	assert.Equal(t, map[string]string{"fix": "gps", "battery": "pack", "map": "plan"}, c.TopicsOf(mower))
	assert.Empty(t, c.TopicsOf(Robot{}))
}
