package msgs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/dynamic"
)

// seed adds the golden samples, in both byte orders.
func seed(f *testing.F) {
	f.Helper()
	for _, v := range vectors(f) {
		f.Add(v.Type, v.CDR)
		m := generated[v.Type]()
		if m.UnmarshalCDR(v.CDR) != nil {
			continue
		}
		w := cdr.NewWriter(nil, cdr.BigEndian)
		m.EncodeCDR(&w)
		big, err := w.Finish(v.Type)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v.Type, big)
	}
	f.Add("rcl_interfaces/srv/GetParameters_Response", []byte{0, 1, 0, 0, 255, 255, 255, 255})
	f.Add("rmw_dds_common/msg/ParticipantEntitiesInfo", []byte{0, 1, 0, 0})
}

// Whatever the bytes, a generated decoder ends with a message that can be
// written and read back, or with a *cdr.Error that names the type; and the
// dynamic decoder is of the same opinion.
func FuzzGenerated(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, name string, sample []byte) {
		makeOne, ok := generated[name]
		if !ok {
			t.Skip()
		}
		c, err := dynamic.New(msgs.Default().Set(), name)
		if err != nil {
			t.Fatal(err)
		}
		o, dynamicErr := c.Decode(sample)
		m := makeOne()
		if err := m.UnmarshalCDR(sample); err != nil {
			checkError(t, name, err)
			if dynamicErr == nil {
				t.Fatalf("only the generated decoder refuses: %v", err)
			}
			if err.Error() != dynamicErr.Error() {
				t.Fatalf("errors differ:\n%v\n%v", err, dynamicErr)
			}
			return
		}
		if dynamicErr != nil {
			t.Fatalf("only the dynamic decoder refuses: %v", dynamicErr)
		}
		once, err := m.MarshalCDR(nil)
		if err != nil {
			t.Fatal(err)
		}
		again := makeOne()
		if err := again.UnmarshalCDR(once); err != nil {
			t.Fatal(err)
		}
		twice, err := again.MarshalCDR(nil)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not stable (%v):\n%x\n%x", err, once, twice)
		}
		other, err := c.Encode(nil, o)
		if err != nil || !bytes.Equal(once, other) {
			t.Fatalf("encoders differ (%v):\n%x\n%x", err, once, other)
		}
	})
}

// Whatever the bytes, the dynamic decoder ends with a value that has JSON, or
// with a *cdr.Error; a preview accepts and refuses the same samples.
func FuzzDynamic(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, name string, sample []byte) {
		registry := msgs.Humble()
		if _, ok := registry.Lookup(name); !ok {
			t.Skip()
		}
		c, err := dynamic.New(registry.Set(), name)
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Decode(sample)
		short, shortErr := c.Preview(sample, 2)
		if (err == nil) != (shortErr == nil) {
			t.Fatalf("decode says %v, preview says %v", err, shortErr)
		}
		if err != nil {
			checkError(t, name, err)
			checkError(t, name, shortErr)
			return
		}
		if text := dynamic.AppendJSON(nil, short); !json.Valid(text) {
			t.Fatalf("preview is no JSON: %s", text)
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.EncodeJSON(nil, text); err != nil {
			t.Fatalf("own JSON refused: %v\n%s", err, text)
		}
	})
}

func checkError(t *testing.T, name string, err error) {
	t.Helper()
	var e *cdr.Error
	if !errors.As(err, &e) || e.Type != name {
		t.Fatalf("error is a %T: %v", err, err)
	}
}
