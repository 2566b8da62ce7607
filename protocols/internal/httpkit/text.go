package httpkit

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
)

// WriteText answers with one line of plain text.
func WriteText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that is gone needs no answer
}

// LogPanic writes the stack of a panic that Guard caught to log; other errors
// are not written.
func LogPanic(ctx context.Context, log *slog.Logger, err error) {
	var p *PanicError
	if errors.As(err, &p) {
		log.ErrorContext(ctx, "panic", "req", RequestID(ctx), "err", p.Error(), "stack", string(p.Stack))
	}
}
