package observe

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/stream"
)

// Sources are where the metrics come from; each is asked at a scrape. None has
// one value per robot.
type Sources struct {
	Version string
	Fleet   func() fleet.Snapshot
	Stream  func() stream.Stats
	Domains func() []Domain
	// Leading says whether this manager runs the rollouts.
	Leading func() bool
	// Rollouts counts the rollouts by state.
	Rollouts func() map[string]int
	// Relayed counts the bytes that the relay sent, by site.
	Relayed func() map[string]uint64
}

// Domain is what a ROS domain's metrics tell.
type Domain struct {
	ID                             int
	Participants, Endpoints, Nodes int
	Samples                        uint64
	Refused                        map[string]uint64 // by reason
}

// Metrics are the process's metrics, in a registry of their own: libraries fill
// the default one with theirs.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	log      *slog.Logger
}

// NewMetrics makes the metrics.
func NewMetrics(s Sources, log *slog.Logger) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: log}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "muster_http_request_duration_seconds", Help: "Time to answer a request.",
		Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
	}, []string{"method", "route", "status"})
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, &collector{s},
	)
	return m
}

// Observe notes a request that was answered.
func (m *Metrics) Observe(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// collector reads the sources at a scrape.
type collector struct{ Sources }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("muster_"+name, help, labels, nil)
}

var (
	buildInfo       = desc("build_info", "The version that runs; always 1.", "version")
	robots          = desc("robots", "Robots by the quality of their data.", "quality")
	engines         = desc("engines", "Docker Engines by state.", "state")
	participants    = desc("ros_participants", "Participants known in a ROS domain.", "domain")
	endpoints       = desc("ros_endpoints", "Readers and writers known in a ROS domain.", "domain")
	nodes           = desc("ros_nodes", "Nodes known in a ROS domain.", "domain")
	samples         = desc("ros_samples_total", "Samples taken from a ROS domain.", "domain")
	refused         = desc("ros_refused_total", "Samples and facts that a limit kept out, by reason.", "domain", "reason")
	sessions        = desc("stream_sessions", "Open telemetry streams.")
	frames          = desc("stream_frames_total", "Frames sent on telemetry streams.", "lane")
	sent            = desc("stream_sent_bytes_total", "Bytes sent on telemetry streams.", "lane")
	dropped         = desc("stream_dropped_total", "What was not sent to a telemetry stream, by reason.", "reason")
	leading         = desc("rollout_runner", "1 on the manager that runs the rollouts.")
	rolloutsByState = desc("rollouts", "Rollouts by state.", "state")
	relayed         = desc("relay_sent_bytes_total", "Bytes of images sent to the engines of a site that has a bandwidth.", "site")
)

// Describe sends nothing: the labels' values are not known beforehand.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads all sources.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(buildInfo, 1, c.Version)
	c.collectFleet(gauge)
	for _, d := range c.Domains() {
		id := strconv.Itoa(d.ID)
		gauge(participants, float64(d.Participants), id)
		gauge(endpoints, float64(d.Endpoints), id)
		gauge(nodes, float64(d.Nodes), id)
		counter(samples, d.Samples, id)
		for reason, n := range d.Refused {
			counter(refused, n, id, reason)
		}
	}
	st := c.Stream()
	gauge(sessions, float64(st.Sessions))
	for lane, n := range st.Frames {
		counter(frames, n, lane)
	}
	for lane, n := range st.Bytes {
		counter(sent, n, lane)
	}
	for reason, n := range st.Dropped {
		counter(dropped, n, reason)
	}
	lead := 0.0
	if c.Leading() {
		lead = 1
	}
	gauge(leading, lead)
	for state, n := range c.Rollouts() {
		gauge(rolloutsByState, float64(n), state)
	}
	for site, n := range c.Relayed() {
		counter(relayed, n, site)
	}
}

func (c *collector) collectFleet(gauge func(*prometheus.Desc, float64, ...string)) {
	snap := c.Fleet()
	byQuality := map[fleet.Quality]int{
		fleet.QualityLive: 0, fleet.QualityLate: 0, fleet.QualityStale: 0, fleet.QualityOffline: 0, fleet.QualityUnseen: 0,
	}
	for i := range snap.Robots {
		byQuality[snap.Robots[i].Quality]++
	}
	for q, n := range byQuality {
		gauge(robots, float64(n), string(q))
	}
	byState := make(map[fleet.EngineState]int)
	for _, e := range snap.Engines {
		byState[e.State]++
	}
	for state, n := range byState {
		gauge(engines, float64(n), string(state))
	}
}
