package main_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/sim/images"
)

// site is a whole installation on a network of its own: three robots with an
// engine each, a registry, a cluster of three etcds and two managers, all on
// hosts whose cable can be pulled. The test itself sits on the hub, which is
// never cut.
type site struct {
	t        testing.TB // of the trial under way
	hub      *ddstest.Host
	registry *depot
	members  []*memberHost
	robots   []*robotHost
	managers []*managerHost
	journal  string // directory in which the robots say when they began and ended
	layer    v1.Layer
	pushed   int
	dead     time.Duration   // the longest that a robot was without its container
	kills    int             // of managers with a call on its way
	takeover []time.Duration // from there to the successor's next action
}

type memberHost struct {
	*etcdtest.Server
	host *ddstest.Host
}

// robotHost is a robot with its engine.
type robotHost struct {
	id     string
	host   *ddstest.Host
	engine *dockertest.Engine
	docker *client.Client
}

// managerHost is a manager; it reaches each engine by a proxy of its own.
type managerHost struct {
	*manager
	host    *ddstest.Host
	proxies []*dockertest.Proxy // in the robots' order
}

// ethernet is how robots and managers join the domain: with a lease that ends
// soon, and soon found again.
const ethernet = `<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="eth0"/></Interfaces></General>` +
	`<Discovery><LeaseDuration>5s</LeaseDuration><SPDPInterval>1s</SPDPInterval><ParticipantIndex>auto</ParticipantIndex>` +
	`<MaxAutoParticipantIndex>119</MaxAutoParticipantIndex></Discovery></Domain></CycloneDDS>`

// leaseTTL is that of the managers.
const leaseTTL = 2 * time.Second

func newSite(t testing.TB) *site {
	t.Helper()
	network := ddstest.NewNetwork(t)
	s := &site{t: t, hub: network.Host(), journal: t.TempDir()}
	s.registry = newDepot(t, s.hub)
	var err error
	s.layer, err = images.Layer(program(t, "muster-sim"))
	require.NoError(t, err)
	var places []etcdtest.Place
	for range 3 {
		h := network.Host()
		s.members = append(s.members, &memberHost{host: h})
		places = append(places, etcdtest.Place{Client: h.Address + ":2379", Peer: h.Address + ":2380", Enter: h.Enter()})
	}
	for i, m := range etcdtest.StartClusterAt(t, places...) {
		s.members[i].Server = m
	}
	image, digest := s.push("")
	for i := range 3 {
		r := &robotHost{id: fmt.Sprintf("robot%d", i+1), host: network.Host()}
		// A Docker 20.10 that was killed stops its containers when it comes back,
		// takes that for a person's wish and leaves them stopped, rollout or not.
		// With this, which robots should have, it finds them again.
		r.engine = dockertest.StartEngineAt(t, r.host.Enter(), "--live-restore", "--insecure-registry", s.registry.host)
		r.docker, err = client.New(client.WithHost(r.engine.URL()))
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.docker.Close() })
		s.robots = append(s.robots, r)
		s.startRobot(i, image+"@"+digest)
	}
	for range 2 {
		s.startManager(network.Host())
	}
	for _, m := range s.managers {
		m.awaitReady()
	}
	return s
}

// push offers a version of the robots' software that no engine has.
func (s *site) push(fault string) (repository, digest string) {
	s.t.Helper()
	s.pushed++
	img, err := images.Image(s.layer, fmt.Sprintf("v%d", s.pushed), fault)
	require.NoError(s.t, err)
	repository = s.registry.host + "/site/robot"
	ref, err := name.ParseReference(fmt.Sprintf("%s:v%d", repository, s.pushed))
	require.NoError(s.t, err)
	require.NoError(s.t, remote.Write(ref, img, remote.WithContext(s.t.Context()),
		remote.WithTransport(&http.Transport{DialContext: s.hub.Dial, DisableKeepAlives: true})))
	d, err := img.Digest()
	require.NoError(s.t, err)
	config, err := img.ConfigName()
	require.NoError(s.t, err)
	s.registry.newest = config.String()
	return repository, d.String()
}

func (s *site) startRobot(index int, image string) {
	s.t.Helper()
	ctx, r := s.t.Context(), s.robots[index]
	pull, err := r.docker.ImagePull(ctx, image, client.ImagePullOptions{})
	require.NoError(s.t, err)
	require.NoError(s.t, pull.Wait(ctx))
	c, err := r.docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: "amr-" + r.id,
		Config: &container.Config{Image: image, Env: []string{
			"ROBOT_ID=" + r.id, "ROS_DOMAIN_ID=0", fmt.Sprintf("SIM_INDEX=%d", index),
			"SIM_JOURNAL=/journal", "CYCLONEDDS_URI=" + ethernet,
		}},
		HostConfig: &container.HostConfig{
			NetworkMode: "host", RestartPolicy: container.RestartPolicy{Name: "unless-stopped"},
			Binds: []string{s.journal + ":/journal"},
		},
	})
	require.NoError(s.t, err)
	_, err = r.docker.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	require.NoError(s.t, err)
}

func (s *site) startManager(host *ddstest.Host) {
	s.t.Helper()
	m := &managerHost{host: host, manager: &manager{
		t: s.t, url: "http://127.0.0.1:8480", enter: host.Enter(),
		// No connection is kept: a manager that was killed must not be asked by an old one.
		http: &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: host.Dial, DisableKeepAlives: true}},
	}}
	var engines []settings
	for _, r := range s.robots {
		l, err := r.host.Listen("tcp", net.JoinHostPort(r.host.Address, fmt.Sprint(2375+len(s.managers))))
		require.NoError(s.t, err)
		p := dockertest.StartProxyAt(s.t, l, r.engine.Socket())
		m.proxies = append(m.proxies, p)
		engines = append(engines, settings{"name": r.id, "url": p.URL()})
	}
	var endpoints []string
	for _, e := range s.members {
		endpoints = append(endpoints, e.Endpoint)
	}
	m.configure(settings{
		"listen": "127.0.0.1:8480", "name": fmt.Sprintf("manager%d", len(s.managers)+1),
		"log":     settings{"level": "debug", "format": "text"},
		"domains": []settings{{"id": 0, "cyclone": ethernet}},
		"etcd":    settings{"endpoints": endpoints, "lease_ttl": leaseTTL.String()},
		"engines": engines,
	})
	m.launch()
	s.managers = append(s.managers, m)
}

// at makes t the test that the site's parts belong to.
func (s *site) at(t testing.TB) {
	s.t = t
	for _, m := range s.managers {
		m.t = t
	}
}

// acting is the manager that runs the rollouts, and the other one.
func (s *site) acting() (acting, other *managerHost) {
	s.t.Helper()
	a, b := s.managers[0], s.managers[1]
	a.eventually("a manager leads", func() bool {
		if leads(b) {
			a, b = b, a
			return true
		}
		return leads(a)
	})
	return a, b
}

func leads(m *managerHost) bool { return strings.Contains(get(m.manager, "/system"), `"self":true`) }

// awaitSite waits until the manager sees all engines, and all robots with their
// container, nodes and odometry.
func (m *managerHost) awaitSite(s *site) {
	m.t.Helper()
	for _, r := range s.robots {
		m.eventually("the manager sees "+r.id+" and its engine", func() bool {
			seen, known := m.robot(r.id)
			odom, _ := seen.Topic("/" + r.id + "/odom")
			return m.sees(r) && known && seen.Quality == fleet.QualityLive && len(seen.Containers) == 1 &&
				len(seen.Nodes) == 3 && odom.UsualHz > 1
		})
	}
}

// sees reports whether the robot's engine is up for the manager.
func (m *managerHost) sees(r *robotHost) bool {
	var all struct{ Engines []fleet.Engine }
	status, body := m.call(http.MethodGet, "/engines", nil, &all)
	require.Equal(m.t, http.StatusOK, status, body)
	return slices.ContainsFunc(all.Engines, func(e fleet.Engine) bool { return e.Name == r.id && e.State == fleet.EngineUp })
}

// containers lists all containers of a robot, whatever their state.
func (r *robotHost) containers(t testing.TB) (all []container.InspectResponse) {
	t.Helper()
	list, err := r.docker.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	require.NoError(t, err)
	for _, c := range list.Items {
		got, err := r.docker.ContainerInspect(t.Context(), c.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		all = append(all, got.Container)
	}
	return all
}

// spec is a rollout to all robots of the site, one at a time, with short windows.
func (s *site) spec(image string, silent bool) rollout.Spec {
	spec := rollout.Spec{
		Image: image, Robots: "all",
		Before:    rollout.Before{Moving: true}, // these robots hardly ever stop
		After:     rollout.After{Window: new(rollout.Duration(500 * time.Millisecond)), MinRate: new(0.3)},
		Deadlines: rollout.Deadlines{Verify: rollout.Duration(30 * time.Second)},
	}
	if silent {
		spec.Deadlines.Verify = rollout.Duration(2 * time.Second)
	}
	return spec
}
