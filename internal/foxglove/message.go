package foxglove

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/muster-fleet/muster/internal/ros"
)

// The messages to a client.
type (
	serverInfo struct {
		Op                 string   `json:"op"`
		Name               string   `json:"name"`
		Capabilities       []string `json:"capabilities"`
		SupportedEncodings []string `json:"supportedEncodings"`
	}
	advertise struct {
		Op       string    `json:"op"`
		Channels []channel `json:"channels"`
	}
	channel struct {
		ID             uint32 `json:"id"`
		Topic          string `json:"topic"`
		Encoding       string `json:"encoding"`
		SchemaName     string `json:"schemaName"`
		Schema         string `json:"schema"`
		SchemaEncoding string `json:"schemaEncoding"`
		kind           kind
	}
	unadvertise struct {
		Op         string   `json:"op"`
		ChannelIDs []uint32 `json:"channelIds"`
	}
	status struct {
		Op      string `json:"op"`
		Level   int    `json:"level"`
		Message string `json:"message"`
	}
	parameterValues struct {
		Op         string     `json:"op"`
		Parameters []struct{} `json:"parameters"`
		ID         string     `json:"id,omitempty"`
	}
)

// Levels of a status.
const (
	levelWarning = 1
	levelError   = 2
)

// request is a message from a client.
type request struct {
	Op            string `json:"op"`
	Subscriptions []struct {
		ID        uint32 `json:"id"`
		ChannelID uint32 `json:"channelId"`
	} `json:"subscriptions"`
	SubscriptionIDs []uint32 `json:"subscriptionIds"`
	ID              string   `json:"id"`
}

func parse(text []byte) (request, error) {
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("the message is not JSON of the protocol: %w", err)
	}
	if r.Op == "" {
		return r, fmt.Errorf("the message has no op")
	}
	return r, nil
}

// opData is the opcode of a message with a sample.
const opData = 1

// frame is a sample as the protocol has it: opcode, subscription, log time, CDR.
func frame(subscription uint32, s ros.RawSample) []byte {
	b := make([]byte, 0, 13+len(s.CDR))
	b = append(b, opData)
	b = binary.LittleEndian.AppendUint32(b, subscription)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Receive))
	return append(b, s.CDR...)
}
