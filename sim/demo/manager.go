package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/muster-fleet/muster/internal/dds"
)

// startManager writes the manager's configuration and starts it; wait waits for
// its end.
func startManager(ctx context.Context, o Options, dir string, domain int, engines []engine, robots []robot) (url string, wait func() error, err error) {
	listen, err := freeAddress(o.Listen)
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, "muster.yaml")
	// JSON is YAML, and needs no care with quotes.
	text, err := json.MarshalIndent(configuration(listen, dir, domain, engines, robots), "", "  ")
	if err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", nil, err
	}
	logs, err := os.Create(filepath.Join(dir, "muster.log"))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, o.Muster, "serve", "--config", file)
	cmd.Stdout, cmd.Stderr = logs, logs
	// A session of its own: the terminal's Ctrl-C reaches us alone, and we end it
	// in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start the manager: %w", err)
	}
	return "http://" + listen, func() error {
		defer logs.Close()
		err := cmd.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		tail, _ := os.ReadFile(logs.Name())
		return fmt.Errorf("the manager has ended: %w\n%s", err, tail[max(0, len(tail)-4000):])
	}, nil
}

func configuration(listen, dir string, domain int, engines []engine, robots []robot) map[string]any {
	type object = map[string]any
	var list, fleet []object
	for _, e := range engines {
		list = append(list, object{"name": e.Name, "url": e.URL})
	}
	for _, r := range robots {
		fleet = append(fleet, object{
			"id": r.ID, "name": r.Name, "namespace": r.Namespace, "domain": r.Domain, "engine": r.Engine,
			"labels": object{"hall": r.Hall},
		})
	}
	return object{
		"listen": listen, "engines": list, "robots": fleet,
		"domains": []object{{"id": domain, "cyclone": dds.LoopbackConfig()}},
		"etcd":    object{"dir": filepath.Join(dir, "etcd")},
	}
}

// awaitReady waits until the manager is ready.
func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the manager at %s: %w", url, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
