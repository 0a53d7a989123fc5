package docker

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/muster-fleet/muster/internal/rollout"
)

// successor is a container to create, in the Engine's terms.
type successor struct {
	body     fields            // of POST /containers/create
	networks map[string]fields // to connect afterwards, by name
}

// newSuccessor computes the configuration of the container that takes the
// old one's place: everything that the user set, the new image, and nothing of
// the old image's defaults. The error names the field that cannot be kept.
func newSuccessor(o original, t rollout.Target) (*successor, error) {
	config, err := o.raw.part("Config")
	if err != nil {
		return nil, err
	}
	if err := o.config(config, t); err != nil {
		return nil, fmt.Errorf("Config.%w", err)
	}
	host, err := o.raw.part("HostConfig")
	if err != nil {
		return nil, err
	}
	if err := o.hostConfig(host); err != nil {
		return nil, fmt.Errorf("HostConfig.%w", err)
	}
	first, further, err := o.networks()
	if err != nil {
		return nil, fmt.Errorf("NetworkSettings.%w", err)
	}
	if err := config.set("HostConfig", host); err != nil {
		return nil, err
	}
	if err := config.set("NetworkingConfig", map[string]any{"EndpointsConfig": first}); err != nil {
		return nil, err
	}
	return &successor{body: config, networks: further}, nil
}

// config changes the container's Config into what the user set of it.
func (o original) config(f fields, t rollout.Target) error {
	user := subtract(*o.seen.Config, o.image)
	user.Labels = o.labels(user.Labels, t)
	for key, v := range map[string]any{
		"Image":        t.Image.ByDigest(),
		"Env":          user.Env,
		"Cmd":          user.Cmd,
		"Entrypoint":   user.Entrypoint,
		"Labels":       user.Labels,
		"User":         user.User,
		"WorkingDir":   user.WorkingDir,
		"ExposedPorts": user.ExposedPorts,
		"Volumes":      user.Volumes,
		"Healthcheck":  user.Healthcheck,
		"StopSignal":   user.StopSignal,
		"StopTimeout":  user.StopTimeout,
		"Shell":        user.Shell,
		"ArgsEscaped":  user.ArgsEscaped,
		"OnBuild":      nil,
		"Hostname":     o.hostname(),
	} {
		if err := f.set(key, v); err != nil {
			return err
		}
	}
	if o.seen.HostConfig.NetworkMode.IsContainer() {
		delete(f, "Domainname") // the engine copied it from the other container
	}
	return nil
}

// labels are the user's and ours. Compose knows its containers by labels, and
// one of them names the image.
func (o original) labels(user map[string]string, t rollout.Target) map[string]string {
	out := make(map[string]string)
	maps.Copy(out, user) // an earlier rollout's labels are all set anew below
	if _, ok := out["com.docker.compose.image"]; ok {
		out["com.docker.compose.image"] = o.newID
	}
	maps.Copy(out, labelsOf(t))
	out[labelRestart] = formatRestart(o.restart)
	out[labelFound] = o.found
	return out
}

// hostname is the host name if the user set one: the engine fills in the
// container's short id, or the name of the host whose network is shared.
func (o original) hostname() string {
	h := o.seen.Config.Hostname
	mode := o.seen.HostConfig.NetworkMode
	switch {
	case h == shortID(o.seen.ID), mode.IsContainer(), o.seen.HostConfig.UTSMode.IsHost():
		return ""
	case mode.IsHost() && h == o.host:
		return ""
	default:
		return h
	}
}

// hostConfig keeps everything but the restart policy, which has to wait, and
// names the anonymous volumes so that the new container gets the same ones.
func (o original) hostConfig(f fields) error {
	if err := f.set("RestartPolicy", container.RestartPolicy{Name: container.RestartPolicyDisabled}); err != nil {
		return err
	}
	var mounts []fields
	if raw, ok := f["Mounts"]; ok {
		if err := json.Unmarshal(raw, &mounts); err != nil {
			return fmt.Errorf("field Mounts: %w", err)
		}
	}
	for _, m := range o.anonymousVolumes() {
		at := slices.IndexFunc(o.seen.HostConfig.Mounts, func(u mount.Mount) bool { return path.Clean(u.Target) == m.Destination })
		if at < 0 {
			mounts = append(mounts, make(fields))
			at = len(mounts) - 1
		}
		// A volume that the robot emptied stays empty: nothing is copied into it
		// from the new image.
		if err := nameVolume(mounts[at], m); err != nil {
			return fmt.Errorf("field Mounts: %w", err)
		}
	}
	if len(mounts) > 0 {
		return f.set("Mounts", mounts)
	}
	return nil
}

func nameVolume(f fields, m container.MountPoint) error {
	options, err := f.part("VolumeOptions")
	if err != nil {
		return err
	}
	if err := options.set("NoCopy", true); err != nil {
		return err
	}
	for k, v := range map[string]any{
		"Type": mount.TypeVolume, "Source": m.Name, "Target": m.Destination,
		"ReadOnly": !m.RW, "VolumeOptions": options,
	} {
		if err := f.set(k, v); err != nil {
			return err
		}
	}
	return nil
}

// anonymousVolumes are the volumes in use that no mount of the user's names and
// no other container lends.
func (o original) anonymousVolumes() []container.MountPoint {
	named := make(map[string]bool)
	for _, b := range o.seen.HostConfig.Binds {
		// "source:target[:options]"; an anonymous one has no source.
		if parts := strings.Split(b, ":"); len(parts) > 1 {
			named[path.Clean(parts[1])] = true
		}
	}
	for _, m := range o.seen.HostConfig.Mounts {
		if m.Source != "" {
			named[path.Clean(m.Target)] = true
		}
	}
	var out []container.MountPoint
	for _, m := range o.seen.Mounts {
		if m.Type == mount.TypeVolume && m.Name != "" && !named[m.Destination] && !o.borrowed[m.Name+":"+m.Destination] {
			out = append(out, m)
		}
	}
	return out
}

// operational are the members of an endpoint that the engine fills in.
var operational = []string{
	"NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen",
	"IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DNSNames",
}

// networks are the endpoints as the user configured them: those that create
// takes and those that are connected after. Before API 1.44 create takes that of
// the network mode alone; from then on all, and before 1.54 nothing but create
// takes a hardware address.
func (o original) networks() (first, further map[string]fields, err error) {
	settings, err := o.raw.part("NetworkSettings")
	if err != nil {
		return nil, nil, err
	}
	all, err := settings.part("Networks")
	if err != nil {
		return nil, nil, err
	}
	mode := o.seen.HostConfig.NetworkMode
	first, further = make(map[string]fields), make(map[string]fields)
	if mode.IsHost() || mode.IsNone() || mode.IsContainer() {
		return first, further, nil
	}
	for name := range all {
		e, err := all.part(name)
		if err != nil {
			return nil, nil, fmt.Errorf("Networks.%w", err)
		}
		if err := o.endpoint(name, e); err != nil {
			return nil, nil, fmt.Errorf("Networks.%s.%w", name, err)
		}
		// The mode may name its network by id.
		var id struct{ NetworkID string }
		_ = json.Unmarshal(all[name], &id)
		switch {
		case isMode(string(mode), name, id.NetworkID):
			first[string(mode)] = e
		case !versions.LessThan(o.api, apiEndpointMAC):
			first[name] = e
		default:
			further[name] = e
		}
	}
	return first, further, nil
}

func isMode(mode, name, id string) bool {
	switch mode {
	case "", "default", "bridge":
		return name == "bridge"
	default:
		return name == mode || id != "" && id == mode
	}
}

// endpoint drops what the engine made up: addresses from its pool and the alias
// that is the container's short id.
func (o original) endpoint(network string, e fields) error {
	if err := o.setMAC(network, e); err != nil {
		return err
	}
	for _, k := range operational {
		delete(e, k)
	}
	var aliases []string
	if raw, ok := e["Aliases"]; ok {
		if err := json.Unmarshal(raw, &aliases); err != nil {
			return fmt.Errorf("field Aliases: %w", err)
		}
	}
	aliases = slices.DeleteFunc(aliases, func(a string) bool { return a == shortID(o.seen.ID) })
	return e.set("Aliases", aliases)
}

func shortID(id string) string { return id[:min(12, len(id))] }
