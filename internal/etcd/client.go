package etcd

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Options say how to reach an etcd.
type Options struct {
	Endpoints          []string
	TLS                *tls.Config
	Username, Password string
	// Prefix is put before every key.
	Prefix string
	// LeaseTTL is how long the runner's lease outlives it; at least 2 s, which is
	// etcd's own least.
	LeaseTTL time.Duration
	// ID names this manager in leases and locks.
	ID  string
	Log *slog.Logger
}

// Client is a connection to an etcd.
type Client struct {
	opt Options
	kv  *clientv3.Client
}

// Limits of calls.
const (
	dialTimeout = 5 * time.Second
	callTimeout = 5 * time.Second
	// saveTimeout is less than a lease's margin: a write that a dying leader of the
	// cluster took with it is never answered, and is then made again.
	saveTimeout = 1500 * time.Millisecond
	minTTL      = 2 * time.Second
)

// Dial connects; it does not wait until the cluster answers.
func Dial(o Options) (*Client, error) {
	if !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	o.LeaseTTL = max(o.LeaseTTL, minTTL)
	kv, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password,
		DialTimeout: dialTimeout, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd.endpoints: %w", err)
	}
	return &Client{opt: o, kv: kv}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.kv.Close() }

// Health asks the etcd for one small read.
func (c *Client) Health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := c.kv.Get(ctx, c.key("health")); err != nil {
		return fmt.Errorf("etcd does not answer: %w", err)
	}
	return nil
}

func (c *Client) key(parts ...string) string { return c.opt.Prefix + strings.Join(parts, "/") }

// compressFrom is the size from which values are compressed: a plan of thousands
// of robots would not fit into a request of etcd's (1.5 MiB) otherwise.
const compressFrom = 32 << 10

// maxValue bounds what a compressed value may grow to.
const maxValue = 256 << 20

// encode makes a value of JSON.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil || len(b) < compressFrom {
		return string(b), err
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return z.String(), nil
}

// decode reads a value of either form.
func decode(key string, value []byte, v any) error {
	if bytes.HasPrefix(value, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(value))
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if value, err = io.ReadAll(io.LimitReader(z, maxValue)); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
	}
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}
