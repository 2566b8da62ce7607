package httpkit

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"entrepot/gateway/errs"
)

// A PanicError is a panic that was caught: what it said and where it came
// from. It is the cause of an errs.Other error; both are for the log only.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says what the panic said, without the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Guard calls fn and returns a panic in it as an errs.Other error of the
// operation op with a *PanicError as its cause. The panic that net/http
// defines for giving a connection up, http.ErrAbortHandler, passes through.
func Guard(op string, fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(op, v)
		}
	}()
	return fn()
}

// caught makes an error of a recovered value.
func caught(op string, v any) error {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	return errs.Wrap(op, errs.Other, "", &PanicError{Value: v, Stack: debug.Stack()})
}

// Recover answers a panic of next with 500 in plain words, notes it in the
// request's event and writes the stack to the log. When part of an answer went
// out already, it gives the connection up instead, so that the client does not
// take the rest for whole.
func Recover(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				answerPanic(w, r, v, log)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func answerPanic(w http.ResponseWriter, r *http.Request, v any, log *slog.Logger) {
	e := EventOf(r.Context())
	err := caught("httpkit.Recover", v)
	e.Err = err
	LogPanic(r.Context(), log, err)
	if sent, ok := w.(*Response); ok && sent.Status() != 0 {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name := range h {
		if name != "X-Trans-Id" && name != "X-Openstack-Request-Id" { // what belonged to another answer
			delete(h, name)
		}
	}
	WriteText(w, http.StatusInternalServerError, "Something went wrong here. It was logged as "+e.ReqID+".")
}
