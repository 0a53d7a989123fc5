package dds

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"strings"
)

// LoopbackConfig finds every participant on this host and no other, of any
// vendor, without root and without a change to the interface.
func LoopbackConfig() string {
	return configOf(`<General><Interfaces><NetworkInterface name="lo" multicast="true"/></Interfaces>`+
		`<AllowMulticast>spdp</AllowMulticast></General>`, autoIndex+peers("127.0.0.1"))
}

// DiscoveryConfig is the configuration for ROS 2's automatic discovery range and
// static peers (https://docs.ros.org/en/rolling/Tutorials/Advanced/
// Improved-Dynamic-Discovery.html): reach is off, localhost, subnet or
// system_default. It is empty where Cyclone's own defaults are meant.
func DiscoveryConfig(reach string, static []string) (string, error) {
	switch reach {
	case "off": // nobody at all: a tag of our own keeps even those out who look for us
		return configOf(`<General><AllowMulticast>false</AllowMulticast></General>`,
			`<ParticipantIndex>none</ParticipantIndex><Tag>muster_off_`+rand.Text()+`</Tag>`), nil
	case "localhost":
		if len(static) == 0 {
			return LoopbackConfig(), nil
		}
		return configOf(`<General><AllowMulticast>false</AllowMulticast></General>`,
			autoIndex+peers(append([]string{"127.0.0.1"}, static...)...)), nil
	case "", "subnet", "system_default":
		if len(static) == 0 {
			return "", nil
		}
		return configOf("", autoIndex+peers(static...)), nil
	}
	return "", fmt.Errorf("range %q is none of off, localhost, subnet, system_default", reach)
}

// autoIndex gives participants on one host ports that a peer can guess.
const autoIndex = `<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>119</MaxAutoParticipantIndex>`

func configOf(general, discovery string) string {
	return `<CycloneDDS><Domain>` + general + `<Discovery>` + discovery + `</Discovery></Domain></CycloneDDS>`
}

func peers(addresses ...string) string {
	var b strings.Builder
	b.WriteString("<Peers>")
	for _, a := range addresses {
		b.WriteString(`<Peer address="`)
		_ = xml.EscapeText(&b, []byte(a)) // a strings.Builder takes everything
		b.WriteString(`"/>`)
	}
	b.WriteString("</Peers>")
	return b.String()
}
