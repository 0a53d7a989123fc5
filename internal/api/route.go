package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/stream"
)

// route is one line of the API. Its path is the one in openapi.yaml.
type route struct {
	method  string
	path    string
	role    stream.Role // the least that may call it; empty: anybody
	handler func(w http.ResponseWriter, r *http.Request) error
	audited bool
	socket  bool // upgrades: no deadline
}

// requestTime bounds a request; startTime one that asks registries.
const (
	requestTime = 10 * time.Second
	startTime   = 30 * time.Second
)

func (s *Server) routes() []route {
	const (
		viewer, operator, engineer = stream.RoleViewer, stream.RoleOperator, stream.RoleEngineer
		get, post                  = http.MethodGet, http.MethodPost
	)
	return []route{
		{method: get, path: "/api/v1/robots", role: viewer, handler: s.listRobots},
		{method: get, path: "/api/v1/robots/{id}", role: viewer, handler: s.getRobot},
		{method: get, path: "/api/v1/robots/{id}/nodes", role: viewer, handler: s.listNodes},
		{method: get, path: "/api/v1/robots/{id}/echo", role: viewer, handler: s.echoTopic},
		{method: post, path: "/api/v1/robots/{id}/publish", role: engineer, handler: s.publishTopic, audited: true},
		{method: post, path: "/api/v1/robots/{id}/call", role: engineer, handler: s.callService, audited: true},
		{method: get, path: "/api/v1/robots/{id}/parameters", role: viewer, handler: s.listParameters},
		{method: post, path: "/api/v1/robots/{id}/parameters", role: engineer, handler: s.setParameter, audited: true},
		{method: get, path: "/api/v1/robots/{id}/lifecycle", role: viewer, handler: s.getLifecycle},
		{method: post, path: "/api/v1/robots/{id}/lifecycle", role: engineer, handler: s.changeLifecycle, audited: true},
		{method: get, path: "/api/v1/domains/{id}/nodes", role: viewer, handler: s.listDomainNodes},
		{method: get, path: "/api/v1/domains/{id}/topics", role: viewer, handler: s.listDomainTopics},
		{method: get, path: "/api/v1/domains/{id}/topic", role: viewer, handler: s.getDomainTopic},
		{method: get, path: "/api/v1/engines", role: viewer, handler: s.listEngines},
		{method: get, path: "/api/v1/maps", role: viewer, handler: s.listMaps},
		{method: get, path: "/api/v1/maps/{hash}/{col}/{row}.png", role: viewer, handler: s.getTile},
		{method: get, path: "/api/v1/events", role: viewer, handler: s.listEvents},
		{method: get, path: "/api/v1/rollouts", role: viewer, handler: s.listRollouts},
		{method: post, path: "/api/v1/rollouts", role: operator, handler: s.startRollout, audited: true}, // more in the handler
		{method: get, path: "/api/v1/rollouts/{id}", role: viewer, handler: s.getRollout},
		{method: post, path: "/api/v1/rollouts/{id}/{action}", role: operator, handler: s.steerRollout, audited: true}, // more in the handler
		{method: get, path: "/api/v1/locks", role: viewer, handler: s.listLocks},
		{method: post, path: "/api/v1/robots/{id}/lock", role: operator, handler: s.lockRobot, audited: true},
		{method: post, path: "/api/v1/robots/{id}/unlock", role: operator, handler: s.unlockRobot, audited: true},
		{method: get, path: "/api/v1/images", role: viewer, handler: s.listImages},
		{method: get, path: "/api/v1/system", role: viewer, handler: s.getSystem},
		{method: get, path: "/api/v1/me", role: viewer, handler: s.getMe},
		{method: post, path: "/api/v1/stream/ticket", role: viewer, handler: s.createTicket},
		{method: get, path: "/api/v1/stream", role: viewer, handler: s.openStream, socket: true},
		{method: get, path: "/foxglove/robots/{id}", role: viewer, handler: s.openFoxglove, socket: true},
		{method: get, path: "/api/v1/openapi.yaml", handler: s.getDescription},
		{method: get, path: "/health/live", handler: probe(s.opt.Live)},
		{method: get, path: "/health/ready", handler: probe(s.opt.Ready)},
		{method: get, path: "/health/startup", handler: probe(s.opt.Startup)},
		{method: get, path: "/metrics", handler: s.metrics},
	}
}

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// echoPath is the path in the router's syntax. A parameter takes a whole
// segment there, so a suffix like ".png" is left to the handler.
func (rt *route) echoPath() string {
	return strings.TrimSuffix(parameter.ReplaceAllString(rt.path, ":$1"), ".png")
}

// timeout gives a request its deadline. The ResponseWriter is not wrapped.
func (rt *route) timeout(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case rt.socket:
		return context.WithCancel(ctx)
	case rt.method == http.MethodPost:
		return context.WithTimeout(ctx, startTime)
	default:
		return context.WithTimeout(ctx, requestTime)
	}
}
