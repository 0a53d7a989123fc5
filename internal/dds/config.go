package dds

// LoopbackConfig finds every participant on this host and no other, of any
// vendor, without root and without a change to the interface.
func LoopbackConfig() string {
	return `<CycloneDDS><Domain><General>` +
		`<Interfaces><NetworkInterface name="lo" multicast="true"/></Interfaces>` +
		`<AllowMulticast>spdp</AllowMulticast></General>` +
		`<Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>119</MaxAutoParticipantIndex>` +
		`<Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>`
}
