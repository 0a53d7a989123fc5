package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// A hardware address that the user set stands in Config.MacAddress before API
// 1.44; from then on each endpoint has one, which may be the user's or
// generated. From 1.52 on Config.MacAddress is gone, and an endpoint of a
// container that does not run tells none. An engine that is asked in the way of
// 1.51 still tells the user's of the network mode's network.
const (
	apiEndpointMAC = "1.44"
	apiRandomMAC   = "1.48"
	apiNoConfigMAC = "1.52"
	apiLastConfig  = "1.51"
)

// userMAC is the hardware address that the user set for the network of the
// network mode; empty where there is none, and before API 1.52.
func (w *work) userMAC(ctx context.Context, c container.InspectResponse) (string, error) {
	mode := c.HostConfig.NetworkMode
	if versions.LessThan(w.s.api, apiNoConfigMAC) || mode.IsHost() || mode.IsNone() || mode.IsContainer() {
		return "", nil
	}
	older, err := client.New(client.WithHost(w.endpoint.library()), client.WithHTTPClient(w.s.http), client.WithAPIVersion(apiLastConfig))
	if err != nil {
		return "", err
	}
	ctx, cancel := w.timed(ctx)
	defer cancel()
	r, err := older.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("inspect container %.12s by API %s: %w", c.ID, apiLastConfig, err)
	}
	var is struct{ Config struct{ MacAddress string } }
	if err := json.Unmarshal(r.Raw, &is); err != nil {
		return "", fmt.Errorf("read container %.12s: %w", c.ID, err)
	}
	return is.Config.MacAddress, nil
}

// tellsMAC reports whether the engine tells the user's hardware address for a
// network: it does for the one that the network mode has by its name.
func (o original) tellsMAC(network string) bool {
	return isMode(string(o.seen.HostConfig.NetworkMode), network, "")
}

// setMAC leaves a network's endpoint the hardware address that the user may have
// set.
func (o original) setMAC(network string, e fields) error {
	exact := o.tellsMAC(network) && !versions.LessThan(o.api, apiNoConfigMAC)
	switch {
	case exact && o.mac != "":
		return e.set("MacAddress", o.mac)
	case exact, !o.keepsMAC(e):
		delete(e, "MacAddress")
	}
	return nil
}

// keepsMAC reports whether an endpoint's hardware address may be the user's.
// From API 1.48 on, generated ones are random, so keeping any is safe; before,
// they follow from the IPv4 address.
func (o original) keepsMAC(e fields) bool {
	if versions.LessThan(o.api, apiEndpointMAC) {
		return false
	}
	if !versions.LessThan(o.api, apiRandomMAC) {
		return true
	}
	var mac, ip string
	_, _ = json.Unmarshal(e["MacAddress"], &mac), json.Unmarshal(e["IPAddress"], &ip)
	a, err := netip.ParseAddr(ip)
	if err != nil || !a.Is4() {
		return true
	}
	b := a.As4()
	return mac != fmt.Sprintf("02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
}

// untoldMAC is a network for which the engine does not tell whether the user set
// a hardware address; empty where there is none. A container that was never
// started has what it was created with.
func (o *original) untoldMAC() string {
	if versions.LessThan(o.api, apiEndpointMAC) || o.found == foundRunning || o.seen.State.Status == container.StateCreated {
		return ""
	}
	all := o.seen.NetworkSettings.Networks
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if e := all[name]; e != nil && len(e.MacAddress) == 0 && !o.tellsMAC(name) {
			return name
		}
	}
	return ""
}
