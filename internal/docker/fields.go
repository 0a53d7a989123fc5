package docker

import (
	"encoding/json"
	"fmt"
)

// fields is a JSON object whose unknown members survive: a container made with
// options that this program has never heard of keeps them.
type fields map[string]json.RawMessage

func (f fields) set(key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	f[key] = b
	return nil
}

// part is the object under key, empty where there is none.
func (f fields) part(key string) (fields, error) {
	var out fields
	if raw, ok := f[key]; ok {
		if err := json.Unmarshal(raw, &out); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	if out == nil {
		out = make(fields)
	}
	return out, nil
}
