package rclerror_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
)

// stack is a dump as it stands in an error: a buffer of 2048 bytes.
func stack() string {
	dump := "goroutine 21 [running]:\nexample.org/x.f(0x65, {0xc000, 0x2})\n\t/go/src/x.go:31 +0x4f\nmain.main()\n\t/go/main.go:9 +0x1a\n"
	return dump + strings.Repeat("\x00", 2048-len(dump))
}

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain": {"node is gone", "node is gone"},
		"stack and NULs": {
			"[*rclgo.NodeInvalidName] failed to create node: node name must not be empty, at ./src/rcl/node.c:211\n" + stack() + "\n",
			"NodeInvalidName: failed to create node: node name must not be empty",
		},
		"a C object": {
			"[*rclgo.SubscriptionTakeFailed] rcl_take() failed for subscription='&{rosID:4 waitable:{v:1} TopicName:/a 0xc00}' error not set\n" + stack() + "\n",
			"SubscriptionTakeFailed: rcl_take() failed",
		},
		"a stack that fills its buffer": {
			"[*rclgo.Error] no context error not set\n" + strings.Repeat("goroutine 1 [running]:\nmain.f()\n", 60) + "mai\n\nnode: closed twice",
			"Error: no context; node: closed twice",
		},
		"two joined": {
			"[*rclgo.Timeout] a \n" + stack() + "\n\n[*rclgo.BadAlloc] b \n" + stack() + "\n",
			"Timeout: a; BadAlloc: b",
		},
		"wrapped":         {"spin node: [*rclgo.WaitSetEmpty]  error not set\n" + stack() + "\n", "spin node: WaitSetEmpty"},
		"nothing but NUL": {"\x00\x00\n", "unknown error"},
		"not UTF-8":       {"a\xff b", "a b"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, rclerror.Text(c.in)) })
	}
}

func TestTextIsBounded(t *testing.T) {
	got := rclerror.Text(strings.Repeat("ä", 5000))
	assert.LessOrEqual(t, len(got), 405)
	assert.NotContains(t, got, "\uFFFD")
}

func TestCleanKeepsTheCause(t *testing.T) {
	assert.NoError(t, rclerror.Clean(nil))
	cause := errors.New("cause")
	err := rclerror.Clean(fmt.Errorf("take: %w\n%s", cause, stack()))
	assert.ErrorIs(t, err, cause)
	assert.EqualError(t, err, "take: cause")
}

func FuzzText(f *testing.F) {
	f.Add("[*rclgo.Error] a\n" + stack())
	f.Fuzz(func(t *testing.T, s string) {
		got := rclerror.Text(s)
		assert.NotContains(t, got, "\x00")
		assert.NotContains(t, got, "\n")
		assert.NotEmpty(t, got)
	})
}
