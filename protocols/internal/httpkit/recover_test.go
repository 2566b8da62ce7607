package httpkit_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

func TestPanicIsAnsweredInPlainWordsAndLoggedWithItsStack(t *testing.T) {
	var text bytes.Buffer
	h := httpkit.Recover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Trans-Id", "tx1")
		w.Header().Set("Etag", "abc")
		panic("secret detail")
	}), slog.New(slog.NewTextHandler(&text, nil)))
	event := &httpkit.Event{ReqID: "tx1"}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(httpkit.NewResponse(w, httpkit.Deadlines{}), r.WithContext(httpkit.WithEvent(r.Context(), event)))

	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("answer %d %q, want 500 without the cause", w.Code, w.Body)
	}
	if !strings.Contains(w.Body.String(), "tx1") || w.Header().Get("X-Trans-Id") != "tx1" || w.Header().Get("Etag") != "" {
		t.Errorf("answer %q with %v; want the request's ID and nothing of the other answer", w.Body, w.Header())
	}
	if log := text.String(); !strings.Contains(log, "secret detail") || !strings.Contains(log, "recover_test.go") || !strings.Contains(log, "req=tx1") {
		t.Errorf("the log lacks cause, stack or request: %s", log)
	}
	if errs.Of(event.Err) != errs.Other {
		t.Errorf("the event has %v, want errs.Other", event.Err)
	}
}

func TestPanicBehindASentHeaderAbortsTheConnection(t *testing.T) {
	h := httpkit.Recover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("late")
	}), slog.New(slog.DiscardHandler))
	if v := recovered(func() {
		h.ServeHTTP(httpkit.NewResponse(httptest.NewRecorder(), httpkit.Deadlines{}), httptest.NewRequest(http.MethodGet, "/", nil))
	}); v != http.ErrAbortHandler {
		t.Errorf("the panic became %v, want http.ErrAbortHandler", v)
	}
}

func TestAbortHandlerPassesThrough(t *testing.T) {
	abort := func() error { panic(http.ErrAbortHandler) }
	h := httpkit.Recover(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { _ = abort() }), slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	if v := recovered(func() { h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil)) }); v != http.ErrAbortHandler {
		t.Errorf("Recover turned it into %v", v)
	}
	if v := recovered(func() { _ = httpkit.Guard("op", abort) }); v != http.ErrAbortHandler {
		t.Errorf("Guard turned it into %v", v)
	}
}

func TestGuardReturnsPanicsAsErrors(t *testing.T) {
	err := httpkit.Guard("depot.call", func() error { panic(errors.New("broken")) })
	var p *httpkit.PanicError
	if errs.Of(err) != errs.Other || !errors.As(err, &p) || len(p.Stack) == 0 || errs.TextOf(err) != "" {
		t.Errorf("Guard = %v, want errs.Other with the panic as its hidden cause", err)
	}
	plain := errs.New("x", errs.NotFound, "", "")
	if err := httpkit.Guard("x", func() error { return plain }); err != error(plain) {
		t.Errorf("Guard changed an ordinary error into %v", err)
	}
}

func recovered(fn func()) (v any) {
	defer func() { v = recover() }()
	fn()
	return nil
}
