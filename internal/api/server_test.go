package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rollouts is a small rollout service in memory.
type rollouts struct {
	mu      sync.Mutex
	reports []rollout.Report
	err     error
	holds   map[string]rollout.Hold
	journal fleet.Journal // for its subscribers
}

func (f *rollouts) Start(_ context.Context, spec rollout.Spec, by string, dryRun bool) (rollout.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return rollout.Report{}, f.err
	}
	if spec.Image == "" {
		return rollout.Report{}, fmt.Errorf("plan: %w", &rollout.FieldError{Field: "image", Why: "is missing"})
	}
	r := rollout.Report{ID: "r1", State: rollout.StateRunning, CreatedBy: by, Spec: spec, Robots: []rollout.RobotReport{{Robot: "a", Step: rollout.StepQueued}, {Robot: "b", Step: rollout.StepQueued}}}
	if !dryRun {
		f.reports = append([]rollout.Report{r}, f.reports...)
	}
	return r, nil
}

func (f *rollouts) List(context.Context) ([]rollout.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]rollout.Report(nil), f.reports...), f.err
}

func (f *rollouts) Get(_ context.Context, id string) (rollout.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reports {
		if r.ID == id {
			return r, nil
		}
	}
	return rollout.Report{}, rollout.ErrNotFound
}

func (f *rollouts) Wish(ctx context.Context, id string, w rollout.Wish) (rollout.Report, error) {
	if w.Action == rollout.ActionApprove && w.Role != "engineer" {
		return rollout.Report{}, rollout.ErrForbidden
	}
	r, err := f.Get(ctx, id)
	r.Reason = fmt.Sprintf("%s by %s: %s%s", w.Action, w.By, w.Robot, w.Reason)
	return r, err
}

func (f *rollouts) Hold(_ context.Context, robot, by, reason string) error {
	f.holds[robot] = rollout.Hold{Robot: robot, By: by, Reason: reason, At: t0}
	return nil
}

func (f *rollouts) Release(_ context.Context, robot string) error {
	delete(f.holds, robot)
	return nil
}

func (f *rollouts) Holds() map[string]rollout.Hold { return f.holds }

func (f *rollouts) Subscribe() *fleet.Subscription { return f.journal.Subscribe() }
func (f *rollouts) Held() string                   { return "" }

func (f *rollouts) set(change func(*rollout.Report)) {
	f.mu.Lock()
	r := f.reports[0]
	r.Robots = append([]rollout.RobotReport(nil), r.Robots...)
	change(&r)
	f.reports[0] = r
	f.mu.Unlock()
	f.journal.Record(fleet.Event{})
}

// byName authenticates "Bearer <role>" as a user of that role.
type byName struct{}

func (byName) Authenticate(r *http.Request) (stream.User, error) {
	name := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if name == "" {
		name = r.URL.Query().Get("ticket")
	}
	if role := stream.Role(name); role.Valid() {
		return stream.User{Name: "u-" + name, Role: role}, nil
	}
	return stream.User{}, errors.New("who are you")
}

func (byName) Ticket(u stream.User) (string, time.Time) {
	return string(u.Role), time.Now().Add(30 * time.Second)
}

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type world struct {
	*Server
	t        testing.TB
	reg      *fleet.Registry
	hub      *stream.Hub
	rollouts *rollouts
	audits   chan AuditEntry
	ticks    chan time.Time
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	w := &world{
		t: t, reg: fleet.NewRegistry(&fleet.Journal{}), rollouts: &rollouts{holds: make(map[string]rollout.Hold)},
		audits: make(chan AuditEntry, 100), ticks: make(chan time.Time),
	}
	charge := 0.5
	at := fleet.At{Namespace: "/r1"}
	w.reg.Apply(t0,
		fleet.InventoryObserved{ID: "r1", Namespace: "/r1", Name: "Anna", Labels: map[string]string{"hall": "1"}},
		fleet.PoseObserved{At: at, Pose: fleet.Pose{X: 1, Frame: "map", Localised: true, Source: t0, Receive: t0}},
		fleet.BatteryObserved{At: at, Battery: fleet.Battery{Charge: &charge, Status: "discharging", Receive: t0}},
		fleet.DiagnosticsObserved{At: at, Items: []fleet.Diagnostic{{Name: "motor", Level: fleet.LevelError, Message: "hot"}}, Receive: t0},
		fleet.GraphObserved{At: at, Nodes: []fleet.Node{{Name: "driver", Namespace: "/r1"}}, Robot: true},
		fleet.TopicsObserved{At: at, Topics: []fleet.Topic{{Name: "/r1/odom", Type: "nav_msgs/msg/Odometry", Publishers: 1, Hz: 20}}},
		fleet.EngineObserved{
			Engine: fleet.Engine{Name: "e1", Endpoint: "tcp://e1", State: fleet.EngineUp, Since: t0},
			Containers: []fleet.Container{{
				ID: "c", Name: "amr", Engine: "e1", RobotID: "r1", Image: fleet.Image{Ref: "amr:1"}, Role: fleet.RoleCurrent,
				State: "running", Devices: []fleet.Device{{Kind: fleet.DeviceNode, Host: "/dev/lidar"}},
			}},
		},
	)
	w.hub = stream.NewHub(w.reg, stream.Options{Version: "test", Ticks: w.ticks})
	opt := Options{
		Registry: w.reg, Hub: w.hub, Rollouts: w.rollouts, Auth: byName{}, Version: "test", Started: t0,
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Domains: func() []Domain { return []Domain{{ID: 0, Participants: 3, OK: true}} },
		Audit:   func(_ context.Context, e AuditEntry) { w.audits <- e },
		Images:  func(context.Context, string) ([]string, error) { return []string{"1", "2"}, nil },
	}
	for _, c := range change {
		c(&opt)
	}
	w.Server = New(opt)
	return w
}

// call makes a request as a user of a role and returns the reply.
func (w *world) call(role, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+role)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	return rec
}

func errorOf(t testing.TB, rec *httptest.ResponseRecorder) errorBody {
	t.Helper()
	var b struct{ Error errorBody }
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &b), rec.Body.String())
	return b.Error
}

// serve runs server and hub, with a tick every few milliseconds, until the test
// ends; stop ends them earlier.
func (w *world) serve() (address string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(w.t, w.Run(ctx, l)) })
	hubCtx, hubCancel := context.WithCancel(context.Background())
	all.Go(func() { _ = w.hub.Run(hubCtx) })
	all.Go(func() {
		for {
			select {
			case <-hubCtx.Done():
				return
			case w.ticks <- time.Now():
				time.Sleep(5 * time.Millisecond)
			}
		}
	})
	stop = sync.OnceFunc(func() { cancel(); hubCancel(); all.Wait() })
	w.t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestErrorsBecomeStatusesInOnePlace(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   string
		field  string
	}{
		{fmt.Errorf("x: %w", &rollout.FieldError{Field: "deadlines.verify", Why: "is short"}), 400, "invalid", "deadlines.verify"},
		{fmt.Errorf("x: %w", rollout.ErrNotFound), 404, "not_found", ""},
		{rollout.ErrConflict, 409, "conflict", ""},
		{&rollout.LockedError{Robot: "r1", Owner: "ada"}, 409, "conflict", ""},
		{rollout.ErrFenced, 503, "unavailable", ""},
		{stream.ErrFull, 503, "unavailable", ""},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), 504, "unavailable", ""},
		{errors.New("secret detail"), 500, "internal", ""},
	} {
		w := newWorld(t)
		w.rollouts.err = tc.err
		rec := w.call("engineer", "POST", "/api/v1/rollouts", `{"image":"a","robots":"all"}`)
		assert.Equal(t, tc.status, rec.Code, tc.err)
		e := errorOf(t, rec)
		assert.Equal(t, tc.code, e.Code)
		assert.Equal(t, tc.field, e.Field)
		assert.Equal(t, rec.Header().Get("X-Request-Id"), e.RequestID)
		assert.NotEmpty(t, e.RequestID)
		assert.NotContains(t, e.Message, "secret")
		assert.Equal(t, tc.status, (<-w.audits).Status)
	}
}

func TestABodyIsReadStrictly(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		body, field string
		status      int
	}{
		{`{"imgae":"x"}`, "imgae", 400},
		{`{"image":"x","before":{"stationery":true}}`, "stationery", 400},
		{`{"image":"x","canary":"one"}`, "canary", 400},
		{`{"image":"x"} {}`, "body", 400},
		{`{"image":`, "body", 400},
		{`{"image":"` + strings.Repeat("x", maxBody) + `"}`, "", 413},
	} {
		rec := w.call("engineer", "POST", "/api/v1/rollouts", tc.body)
		assert.Equal(t, tc.status, rec.Code, rec.Body.String())
		assert.Equal(t, tc.field, errorOf(t, rec).Field)
	}
	rec := w.call("engineer", "POST", "/api/v1/rollouts", `{}`, "Content-Type", "text/plain")
	assert.Equal(t, 415, rec.Code, "a form on another site can send text/plain")
	rec = w.call("viewer", "GET", "/api/v1/events?since=x", "")
	assert.Equal(t, "since", errorOf(t, rec).Field)
}

func TestRolesAreAskedFor(t *testing.T) {
	spec := `{"image":"amr:2","robots":"all"}`
	for _, tc := range []struct {
		role, method, target, body string
		want                       int
	}{
		{"", "GET", "/api/v1/robots", "", 401},
		{"", "GET", "/api/v1/stream", "", 401},
		{"", "GET", "/health/ready", "", 200},
		{"", "GET", "/api/v1/openapi.yaml", "", 200},
		{"viewer", "GET", "/api/v1/robots", "", 200},
		{"viewer", "POST", "/api/v1/rollouts?dry_run=1", spec, 403},
		{"operator", "POST", "/api/v1/rollouts?dry_run=1", spec, 200},
		{"operator", "POST", "/api/v1/rollouts", spec, 403},
		{"engineer", "POST", "/api/v1/rollouts", spec, 201},
		{"viewer", "POST", "/api/v1/rollouts/r1/pause", `{}`, 403},
		{"operator", "POST", "/api/v1/rollouts/r1/pause", `{"reason":"x"}`, 200},
		{"operator", "POST", "/api/v1/rollouts/r1/resume", `{}`, 403},
		{"operator", "POST", "/api/v1/rollouts/r1/abort", `{}`, 200},
		{"operator", "POST", "/api/v1/rollouts/r2/abort", `{}`, 404},
		{"operator", "POST", "/api/v1/rollouts/r1/explode", `{}`, 404},
		{"operator", "POST", "/api/v1/rollouts/r1/rollback", `{}`, 403},
		{"engineer", "POST", "/api/v1/rollouts/r1/rollback", `{}`, 200},
		{"operator", "POST", "/api/v1/rollouts/r1/skip", `{"robot":"r1"}`, 403},
		{"engineer", "POST", "/api/v1/rollouts/r1/skip", `{"robot":"r1"}`, 200},
		{"engineer", "POST", "/api/v1/rollouts/r1/skip", `{"bot":"r1"}`, 400},
		{"viewer", "POST", "/api/v1/rollouts/r1/approve", `{}`, 403},
		{"operator", "POST", "/api/v1/rollouts/r1/approve", `{}`, 403}, // says the plan
		{"engineer", "POST", "/api/v1/rollouts/r1/approve", `{}`, 200},
		{"viewer", "POST", "/api/v1/robots/r1/lock", `{"reason":"x"}`, 403},
		{"operator", "POST", "/api/v1/robots/r1/lock", `{"reason":"x"}`, 200},
		{"operator", "POST", "/api/v1/robots/r1/unlock", ``, 200},
	} {
		w := newWorld(t)
		w.rollouts.reports = []rollout.Report{{ID: "r1"}}
		rec := w.call(tc.role, tc.method, tc.target, tc.body)
		assert.Equal(t, tc.want, rec.Code, "%s %s %s", tc.role, tc.method, tc.target)
		if rec.Code == 401 {
			assert.Equal(t, "Bearer", rec.Header().Get("WWW-Authenticate"))
		}
	}
}

func TestMutatingCallsAreAudited(t *testing.T) {
	w := newWorld(t)
	w.call("engineer", "POST", "/api/v1/rollouts", `{"image":"amr:2","robots":"all","note":"fix"}`)
	e := <-w.audits
	assert.Equal(t, "u-engineer", e.User.Name)
	assert.Equal(t, "start amr:2 on all: fix", e.Detail)
	assert.Equal(t, 201, e.Status)
	assert.Equal(t, "done", e.Outcome)
	w.call("viewer", "POST", "/api/v1/rollouts/r1/abort", `{}`)
	e = <-w.audits
	assert.Equal(t, 403, e.Status)
	assert.Contains(t, e.Outcome, "needs the role operator")
	w.call("viewer", "GET", "/api/v1/robots", "")
	assert.Empty(t, w.audits)
}

func TestOtherSitesMayNotAct(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Origins = []string{"https://ops.example.org"} })
	post := func(origin string) int {
		return w.call("engineer", "POST", "/api/v1/stream/ticket", "", "Origin", origin).Code
	}
	assert.Equal(t, 200, post(""))
	assert.Equal(t, 200, post("http://example.com"), "the server's own")
	assert.Equal(t, 200, post("https://ops.example.org"))
	assert.Equal(t, 403, post("https://evil.example"))
	assert.Equal(t, 403, w.call("viewer", "GET", "/api/v1/stream", "", "Origin", "https://evil.example").Code)
}

func TestThePanicOfAHandlerIsAReply(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Images = func(context.Context, string) ([]string, error) { panic("boom") }
	})
	rec := w.call("viewer", "GET", "/api/v1/images?repository=x", "")
	assert.Equal(t, 500, rec.Code)
	assert.NotContains(t, rec.Body.String(), "boom")
}

func TestAProxysRequestIDIsKept(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, "abcdef-123", w.call("viewer", "GET", "/api/v1/me", "", "X-Request-Id", "abcdef-123").Header().Get("X-Request-Id"))
	assert.NotEqual(t, "<script>", w.call("viewer", "GET", "/api/v1/me", "", "X-Request-Id", "<script>").Header().Get("X-Request-Id"))
}

func TestEventsOfAnEarlierRunAreAGap(t *testing.T) {
	w := newWorld(t)
	var list eventList
	require.NoError(t, json.Unmarshal(w.call("viewer", "GET", "/api/v1/events?since=100000", "").Body.Bytes(), &list))
	assert.True(t, list.Gap)
	require.NoError(t, json.Unmarshal(w.call("viewer", "GET", "/api/v1/events?limit=1", "").Body.Bytes(), &list))
	assert.False(t, list.Gap)
	assert.Len(t, list.Events, 1)
	assert.Greater(t, list.Last, uint64(1))
}

func TestWhatIsNotConfiguredSaysSo(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rollouts, o.Images = nil, nil })
	for _, target := range []string{"/api/v1/rollouts", "/api/v1/rollouts/x", "/api/v1/images?repository=x", "/foxglove/robots/r1"} {
		assert.Equal(t, 503, w.call("viewer", "GET", target, "").Code, target)
	}
	assert.Contains(t, w.call("viewer", "GET", "/api/v1/system", "").Body.String(), "rollouts are not configured")
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 5 s: %s", what)
}
