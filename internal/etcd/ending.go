package etcd

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"go.uber.org/zap/zapcore"
)

// ending is how an embedded etcd ends. By itself etcd ends the whole process when
// it cannot write: this ends only the goroutine that failed, so that telemetry
// goes on, and remembers why.
type ending struct {
	expected atomic.Bool // it is being closed
	failed   chan struct{}

	once sync.Once
	err  error // written before failed is closed
}

var _ zapcore.CheckWriteHook = (*ending)(nil)

// Err is why it failed, nil while it has not.
func (e *ending) Err() error {
	select {
	case <-e.failed:
		return e.err
	default:
		return nil
	}
}

func (e *ending) fail(err error) {
	e.once.Do(func() {
		e.err = err
		close(e.failed)
	})
}

// OnWrite is called in place of the end of the process.
func (e *ending) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(entry.Message)
	if cause, ok := fieldsOf(fields)["error"]; ok {
		err = fmt.Errorf("%s: %v", entry.Message, cause)
	}
	e.fail(err)
	runtime.Goexit()
}

// slogCore hands etcd's errors to our log; it is chatty below that, and calls its
// own orderly end an error.
type slogCore struct {
	log *slog.Logger
	end *ending
}

func (c slogCore) Enabled(l zapcore.Level) bool {
	return l >= zapcore.ErrorLevel && !c.end.expected.Load()
}

func (c slogCore) With([]zapcore.Field) zapcore.Core { return c }

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// firstStart is what etcd 3.7 reports of every new data directory, in vain: the
// version is written with the first snapshot.
const firstStart = "failed to update storage version"

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Message == firstStart {
		return nil
	}
	m := fieldsOf(fields)
	args := make([]any, 0, 2*len(m))
	for k, v := range m {
		args = append(args, k, v)
	}
	c.log.Warn("etcd: "+e.Message, args...)
	return nil
}

func (c slogCore) Sync() error { return nil }

func fieldsOf(fields []zapcore.Field) map[string]any {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	return m.Fields
}
