package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/muster-fleet/muster/internal/api"
	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/foxglove"
	"github.com/muster-fleet/muster/internal/observe"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs"
)

// The functions by which the API, the Foxglove server and the metrics ask the
// rooms.

var _ foxglove.Source = (*app)(nil)

// Robot gives a robot of the fleet.
func (a *app) Robot(id string) (fleet.Robot, bool) { return a.registry.Robot(id) }

// PublishedType is the type of a topic of a domain, and the hash announced for it.
func (a *app) PublishedType(domain int, topic string) (typ, hash string, ok bool) {
	if f := a.follower(domain); f != nil {
		return f.PublishedType(topic)
	}
	return "", "", false
}

// TellType asks the nodes at a topic's ends for a type.
func (a *app) TellType(ctx context.Context, domain int, topic, typ, hash string) (msgs.Type, error) {
	if f := a.follower(domain); f != nil {
		return f.TellType(ctx, topic, typ, hash)
	}
	return msgs.Type{}, fmt.Errorf("ask for the type of %s: ROS domain %d is not joined", topic, domain)
}

// Open reads any topic of a domain that was joined.
func (a *app) Open(domain int, topic string, bound int) (*ros.RawStream, error) {
	if f := a.follower(domain); f != nil {
		return f.Open(topic, bound)
	}
	return nil, fmt.Errorf("open %s: ROS domain %d is not joined", topic, domain)
}

// follower is that of a domain, nil when it was not joined.
func (a *app) follower(domain int) *ros.Follower {
	for _, d := range a.domains {
		if d.Transport.DomainID() == domain {
			return d.follower
		}
	}
	return nil
}

func (a *app) domainStates() []api.Domain {
	all := make([]api.Domain, 0, len(a.domains))
	for _, d := range a.domains {
		s := d.follower.Stats()
		out := api.Domain{ID: d.Transport.DomainID(), Participants: s.Participants, Endpoints: s.Endpoints, Nodes: s.Nodes}
		out.OK = a.following.Load() && s.Participants > 0
		switch {
		case s.Participants == 0:
			out.Text = "nobody else is in this domain: check ROS_DOMAIN_ID, the network interface and multicast"
		case s.Nodes == 0:
			out.Text = "participants are there, and none has told its nodes yet"
		default:
			out.Text = fmt.Sprintf("%d nodes of %d participants", s.Nodes, s.Participants)
		}
		all = append(all, out)
	}
	return all
}

func (a *app) domainMetrics() []observe.Domain {
	all := make([]observe.Domain, 0, len(a.domains))
	for _, d := range a.domains {
		s := d.follower.Stats()
		samples, refused := d.Counts()
		by := s.RefusedBy
		by["samples"] = refused
		all = append(all, observe.Domain{
			ID: d.Transport.DomainID(), Participants: s.Participants, Endpoints: s.Endpoints, Nodes: s.Nodes,
			Samples: samples, Refused: by,
		})
	}
	return all
}

// storeHealth asks the store, and knows why an embedded one does not answer.
func (a *app) storeHealth(ctx context.Context) error {
	if a.embedded != nil {
		if err := a.embedded.Err(); err != nil {
			return fmt.Errorf("the embedded etcd has ended, start the manager again once that is mended: %w", err)
		}
	}
	return a.etcd.Health(ctx)
}

func (a *app) storeState() api.Check {
	ok, text := a.health.Result("store")
	if ok {
		text = "etcd answers"
	}
	return api.Check{OK: ok, Text: text}
}

func (a *app) runnerState() api.Runner {
	if a.runner.Leading() {
		return api.Runner{ID: a.id, Self: true}
	}
	return api.Runner{}
}

func (a *app) rolloutCounts() map[string]int {
	counts := make(map[string]int)
	ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	all, err := a.rollouts.List(ctx)
	if err != nil {
		return counts
	}
	for _, r := range all {
		counts[string(r.State)]++
	}
	return counts
}

// audit keeps who did what; a store that is away loses no request, only the log
// line stays.
func (a *app) audit(ctx context.Context, e api.AuditEntry) {
	a.log.InfoContext(ctx, "audit", "user", e.User.Name, "method", e.Method, "path", e.Path, "detail", e.Detail,
		"status", e.Status, "outcome", e.Outcome, "request_id", e.RequestID)
	b, err := json.Marshal(e)
	if err == nil {
		err = a.etcd.Append(ctx, b)
	}
	if err != nil {
		a.log.WarnContext(ctx, "write the audit log", "request_id", e.RequestID, "err", err)
	}
}

// tlsOf makes a client's TLS configuration; nil when no file is named.
func tlsOf(field string, t config.TLS) (*tls.Config, error) {
	if t == (config.TLS{}) {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("%s.ca: %w", field, err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s.ca: %s holds no certificate", field, t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("%s.cert: %w", field, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

func readSecret(field, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", errors.New(field + ": the file is empty")
	}
	return secret, nil
}
