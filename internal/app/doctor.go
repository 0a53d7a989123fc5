package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/docker"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

// doctorCommand explains an empty map. It needs no manager: it looks with the
// same eyes.
func doctorCommand(o Options) *cobra.Command {
	var file string
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "doctor", Args: cobra.NoArgs, Short: "Explain why robots are not seen",
		Long: "Look at this host's interfaces, join the configured ROS domains for some seconds,\n" +
			"ask the engines, and say what is there and what is amiss.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, os.Environ())
			if err != nil {
				return err
			}
			d := &doctor{out: cmd.OutOrStdout(), join: o.Join, cfg: &cfg}
			d.environment(os.Getenv)
			d.interfaces(echoMulticast)
			for _, domain := range cfg.Domains {
				d.domain(cmd.Context(), domain, wait)
			}
			d.engines(cmd.Context(), cfg.Engines)
			if d.faults > 0 {
				return fmt.Errorf("%d faults were found", d.faults)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", os.Getenv("MUSTER_CONFIG"), "configuration file (MUSTER_CONFIG)")
	cmd.Flags().DurationVar(&wait, "wait", 6*time.Second, "how long to look at each domain")
	return cmd
}

// doctor writes findings: good ones, remarks, and faults, which it counts.
type doctor struct {
	out    io.Writer
	join   Join
	cfg    *config.Config
	faults int
}

func (d *doctor) section(format string, args ...any) {
	fmt.Fprintf(d.out, "\n"+format+"\n", args...)
}

func (d *doctor) good(format string, args ...any) {
	fmt.Fprintf(d.out, "  ok     "+format+"\n", args...)
}

func (d *doctor) remark(format string, args ...any) {
	fmt.Fprintf(d.out, "  note   "+format+"\n", args...)
}

func (d *doctor) fault(format string, args ...any) {
	d.faults++
	fmt.Fprintf(d.out, "  FAULT  "+format+"\n", args...)
}

// environment shows the variables that change how a domain is joined.
func (d *doctor) environment(get func(string) string) {
	d.section("Environment")
	set := false
	for _, name := range []string{
		"ROS_DOMAIN_ID", "CYCLONEDDS_URI", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS", "ROS_LOCALHOST_ONLY",
		"ROS_SECURITY_ENABLE", "RMW_IMPLEMENTATION", "DOCKER_HOST",
	} {
		if v := get(name); v != "" {
			set = true
			d.remark("%s=%s", name, v)
		}
	}
	if !set {
		d.good("nothing is set: domain 0, the default interface, the default socket")
	}
	if v := get("RMW_IMPLEMENTATION"); v != "" && v != "rmw_cyclonedds_cpp" && v != "rmw_fastrtps_cpp" {
		d.fault("RMW_IMPLEMENTATION=%s: this manager speaks DDS; for others run the one with the rclgo transport", v)
	}
}

// watched is what came from a domain while we looked.
type watched struct {
	mu    sync.Mutex
	robot map[string]bool            // namespaces that are robots', and whether anything of them was seen
	data  map[string]int             // observations by namespace
	skew  map[string][]time.Duration // receive less source time, by namespace
}

func (w *watched) apply(_ time.Time, observations ...fleet.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range observations {
		switch o := o.(type) {
		case fleet.GraphObserved:
			if _, listed := w.robot[o.Namespace]; o.Robot || listed && len(o.Nodes) > 0 {
				w.robot[o.Namespace] = true
			}
		case fleet.TopicsObserved:
			if _, listed := w.robot[o.Namespace]; listed && len(o.Topics) > 0 {
				w.robot[o.Namespace] = true
			}
		case fleet.PosesObserved:
			for i := range o.Poses {
				p := &o.Poses[i]
				w.data[p.Namespace]++
				w.skew[p.Namespace] = append(w.skew[p.Namespace], p.Pose.Receive.Sub(p.Pose.Source))
			}
		case fleet.BatteryObserved:
			w.data[o.Namespace]++
		}
	}
}

// Findings beyond these are remarks or faults.
const (
	maxSkew     = 500 * time.Millisecond
	maxFindings = 20 // of one kind
)

func (d *doctor) domain(ctx context.Context, c config.Domain, wait time.Duration) {
	d.section("ROS domain %d (looking for %v)", c.ID, wait)
	p, err := d.join(c, d.cfg.Security, slog.New(slog.DiscardHandler))
	if err != nil {
		d.fault("%v", err)
		return
	}
	defer func() {
		if err := p.leave(); err != nil {
			d.remark("leaving the domain: %v", err)
		}
	}()
	d.good("joined, UDP ports from %d", 7400+250*c.ID)
	w := &watched{robot: make(map[string]bool), data: make(map[string]int), skew: make(map[string][]time.Duration)}
	o := followerOptions(d.cfg, c.ID, nil)
	o.Node = "muster_doctor"
	for _, ns := range o.Robots {
		w.robot[ns] = false
	}
	f := ros.NewFollower(p.Transport, w.apply, o)
	looking, stop := context.WithTimeout(ctx, wait)
	defer stop()
	g, looking := errgroup.WithContext(looking)
	g.Go(func() error { return f.Run(looking) })
	<-looking.Done() // what is known stays after Run
	participants, mismatches := f.Participants(), f.Mismatches()
	if err := g.Wait(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		d.fault("%v", err)
	}
	d.participants(participants)
	d.robots(w)
	for i, m := range mismatches {
		if i == maxFindings {
			d.remark("and %d more of these", len(mismatches)-i)
			break
		}
		d.fault("%s: %s: %s", m.Topic, m.Policy, m.Text)
	}
	if s := f.Stats(); s.Refused > 0 {
		d.remark("%d facts or samples were refused by limits, or could not be read", s.Refused)
	}
}

func (d *doctor) participants(all []ros.ParticipantView) {
	if len(all) == 0 {
		d.fault("nobody else is here. Is it the right ROS_DOMAIN_ID? Does a firewall pass UDP and multicast 239.255.0.1? " +
			"Do containers use network_mode host? Robots elsewhere, or in a network without multicast, need static peers")
		return
	}
	vendors, nameless := make(map[string]int), 0
	for _, p := range all {
		vendors[p.Vendor]++
		if len(p.Nodes) == 0 && p.Endpoints > 0 {
			nameless++
		}
	}
	for _, v := range slices.Sorted(maps.Keys(vendors)) {
		d.good("%d participants on %s", vendors[v], v)
	}
	if nameless > 0 {
		d.remark("%d participants have told no nodes: they are no ROS 2 nodes, or their list is late (Fast DDS takes 3 s)", nameless)
	}
}

func (d *doctor) robots(w *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.robot) == 0 {
		d.fault("no namespace publishes odometry, a pose, a battery state or a satellite position under a usual name; " +
			"set robots[].topics where the names are others")
		return
	}
	for i, ns := range slices.Sorted(maps.Keys(w.robot)) {
		if i == maxFindings {
			d.remark("and %d more robots", len(w.robot)-i)
			break
		}
		skew := median(w.skew[ns])
		switch {
		case w.data[ns] == 0 && !w.robot[ns]:
			d.fault("robot %s is listed, and neither a node nor a topic of it is seen", ns)
		case w.data[ns] == 0:
			d.fault("robot %s: its topics are there, and no data comes: a firewall that passes discovery only, or a QoS mismatch", ns)
		case skew > maxSkew || skew < -maxSkew:
			d.fault("robot %s: %d samples, and its clock is %v off ours: synchronise both", ns, w.data[ns], -skew.Round(time.Millisecond))
		default:
			d.good("robot %s: %d samples", ns, w.data[ns])
		}
	}
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// engineWait is how long an engine may take to answer.
const engineWait = 6 * time.Second

func (d *doctor) engines(ctx context.Context, all []config.Engine) {
	d.section("Docker Engines")
	if len(all) == 0 {
		d.remark("none is configured, and there is no default socket: containers are not shown")
		return
	}
	var mu sync.Mutex
	seen := make(map[string]fleet.EngineObserved)
	engines, err := newEngines(&config.Config{Engines: all}, nil, func(o fleet.EngineObserved) {
		mu.Lock()
		defer mu.Unlock()
		if o.Containers == nil {
			o.Containers = seen[o.Engine.Name].Containers
		}
		seen[o.Engine.Name] = o
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		d.fault("%v", err)
		return
	}
	defer engines.Close()
	ctx, stop := context.WithTimeout(ctx, engineWait)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { _ = engines.Run(ctx) })
	answered := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range all {
			if o, ok := seen[e.Name]; !ok || o.Engine.State != fleet.EngineUp || o.Containers == nil {
				return false
			}
		}
		return true
	}
	for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil && !answered(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
		}
	}
	stop()
	running.Wait()
	for _, e := range all {
		if o := seen[e.Name]; o.Engine.State == fleet.EngineUp {
			d.good("%s (%s): version %s, %d containers of robots", e.Name, e.URL, o.Engine.Version, len(o.Containers))
			d.liveRestore(engines, e.Name)
		} else {
			d.fault("%s (%s): %s", e.Name, e.URL, cmp.Or(o.Engine.Error, "no answer"))
		}
	}
}

// liveRestore remarks that containers end with their engine.
func (d *doctor) liveRestore(engines *docker.Engines, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), engineWait)
	defer cancel()
	c, err := engines.Client(name)
	if err != nil {
		return
	}
	if on, err := c.LiveRestore(ctx); err == nil && !on {
		d.remark("%s: live-restore is off: its containers stop when the engine restarts; set it in daemon.json", name)
	}
}

// newEngines makes the adapters of the configured engines. The relay is nil where none
// is configured.
func newEngines(c *config.Config, relay docker.Relay, apply func(fleet.EngineObserved), log *slog.Logger) (*docker.Engines, error) {
	endpoints := make([]docker.Endpoint, 0, len(c.Engines))
	for _, e := range c.Engines {
		endpoints = append(endpoints, docker.Endpoint{
			Name: e.Name, URL: e.URL, TLS: docker.TLS(e.TLS), SSH: docker.SSH(e.SSH), Site: e.Site,
		})
	}
	signatures, err := newSignatures(c)
	if err != nil {
		return nil, err
	}
	o := docker.Options{
		Parallel: c.Pull.Parallel, Mirror: c.Pull.Mirror, Bandwidth: c.Pull.BandwidthMiB * (1 << 20), Relay: relay,
		Keychain: credentials(c.Pull), Signatures: signatures,
	}
	for _, s := range c.Pull.Sites {
		o.Sites = append(o.Sites, docker.Site{
			Name: s.Name, Parallel: s.Parallel, Mirror: s.Mirror, Bandwidth: s.BandwidthMiB * (1 << 20),
		})
	}
	return docker.NewEngines(endpoints, apply, o, log)
}

// newResolver makes what pins images to digests.
func newResolver(c *config.Config) (*docker.Resolver, error) {
	signatures, err := newSignatures(c)
	if err != nil {
		return nil, err
	}
	return &docker.Resolver{Keychain: credentials(c.Pull), Signatures: signatures}, nil
}

// newSignatures makes the rules about who must have signed images.
func newSignatures(c *config.Config) (*docker.Signatures, error) {
	rules := make([]docker.SignatureRule, 0, len(c.Signatures))
	for _, s := range c.Signatures {
		rules = append(rules, docker.SignatureRule(s))
	}
	return docker.NewSignatures(rules)
}

// credentials are those of the configured registries.
func credentials(pull config.Pull) docker.Credentials {
	all := make(docker.Credentials, len(pull.Registries))
	for _, r := range pull.Registries {
		all[r.Host] = docker.Credential{Username: r.Username, PasswordFile: r.PasswordFile}
	}
	return all
}
