package rollout

import "context"

type leaseKey struct{}

// WithLease gives a context that ends with a lease the means to ask whether that
// one still lives: alive says so at once, by the clock. A process that was
// paused runs on before the end of its context reaches it.
func WithLease(ctx context.Context, alive func() error) context.Context {
	return context.WithValue(ctx, leaseKey{}, alive)
}

// MayAct is an error when the context has ended, or its lease. An engine asks it
// before each change.
func MayAct(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if alive, ok := ctx.Value(leaseKey{}).(func() error); ok {
		return alive()
	}
	return nil
}
