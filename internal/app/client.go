package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/rollout"
)

// client speaks the HTTP API of a manager.
type client struct {
	base  string
	token string
	http  http.Client
}

// clientFlags adds the flags by which a command finds its manager.
func clientFlags(cmd *cobra.Command) {
	cmd.PersistentFlags().String("server", envOr("MUSTER_SERVER", "http://127.0.0.1:8480"), "the manager's address (MUSTER_SERVER)")
	cmd.PersistentFlags().String("token-file", os.Getenv("MUSTER_TOKEN_FILE"), "file with the access token (MUSTER_TOKEN_FILE)")
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func newClient(cmd *cobra.Command) (*client, error) {
	base, _ := cmd.Flags().GetString("server")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("--server %q: want an address like http://127.0.0.1:8480", base)
	}
	c := &client{base: strings.TrimRight(base, "/"), http: http.Client{Timeout: time.Minute}}
	if file, _ := cmd.Flags().GetString("token-file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
		c.token = strings.TrimSpace(string(b))
	}
	return c, nil
}

// apiError is the body of a refusal.
type apiError struct {
	Error struct {
		Code    string `json:"code"`
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"error"`
}

// call makes one request and reads its JSON answer into out.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from the manager at %s: %w", c.base, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return refusal(resp)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func refusal(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var e apiError
	if json.Unmarshal(b, &e) != nil || e.Error.Message == "" {
		return fmt.Errorf("the manager answered %s", resp.Status)
	}
	if e.Error.Field != "" && !strings.HasPrefix(e.Error.Message, e.Error.Field) {
		return fmt.Errorf("%s: %s", e.Error.Field, e.Error.Message)
	}
	return errors.New(e.Error.Message)
}

func (c *client) start(ctx context.Context, spec rollout.Spec, dryRun bool) (r rollout.Report, err error) {
	path := "/rollouts"
	if dryRun {
		path += "?dry_run=1"
	}
	err = c.call(ctx, http.MethodPost, path, spec, &r)
	return r, err
}

func (c *client) rollout(ctx context.Context, id string) (r rollout.Report, err error) {
	err = c.call(ctx, http.MethodGet, "/rollouts/"+url.PathEscape(id), nil, &r)
	return r, err
}

func (c *client) rollouts(ctx context.Context) ([]rollout.Report, error) {
	var out struct{ Rollouts []rollout.Report }
	err := c.call(ctx, http.MethodGet, "/rollouts", nil, &out)
	return out.Rollouts, err
}

// named is the rollout that a command's arguments name; the newest without one.
func (c *client) named(ctx context.Context, args []string) (id string, err error) {
	if len(args) > 0 {
		return args[0], nil
	}
	all, err := c.rollouts(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errors.New("there is no rollout yet")
	default:
		return all[0].ID, nil
	}
}

func (c *client) wish(ctx context.Context, id string, w rollout.Wish) (r rollout.Report, err error) {
	in := map[string]any{"reason": w.Reason}
	if w.Robot != "" {
		in["robot"] = w.Robot
	}
	if w.Wave != nil {
		in["wave"] = *w.Wave
	}
	err = c.call(ctx, http.MethodPost, "/rollouts/"+url.PathEscape(id)+"/"+string(w.Action), in, &r)
	return r, err
}

func (c *client) lock(ctx context.Context, robot, reason string) error {
	in := map[string]string{"reason": reason}
	return c.call(ctx, http.MethodPost, "/robots/"+url.PathEscape(robot)+"/lock", in, new(any))
}

func (c *client) unlock(ctx context.Context, robot string) error {
	return c.call(ctx, http.MethodPost, "/robots/"+url.PathEscape(robot)+"/unlock", nil, new(any))
}

func (c *client) locks(ctx context.Context) ([]rollout.Hold, error) {
	var out struct{ Locks []rollout.Hold }
	err := c.call(ctx, http.MethodGet, "/locks", nil, &out)
	return out.Locks, err
}
