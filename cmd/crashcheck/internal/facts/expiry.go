package facts

import (
	"context"
	"net/http"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/wire"
)

// expiry are objects with a time to live, set by Swift. A fact is "content"
// with " dies" while it has one, as the drive and Swift show it; one whose time
// is short is looked at when that is over.
type expiry struct{}

func (expiry) setup(ctx context.Context, b *book) error { return b.container(ctx, "due") }

func (s expiry) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(4) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, absent)
	}
	if time.Now().Before(f.late) {
		return // may go at any moment
	}
	text, certain := f.certain()
	switch n := b.rng.IntN(6); {
	case certain && strings.HasSuffix(text, " dies") && n < 2:
		b.change(ctx, "spare", f, wire.Request{Door: wire.Swift, Method: http.MethodPost, Container: "due", Object: f.name},
			func(old string) string { return strings.TrimSuffix(old, " dies") })
	case n == 2:
		// Counted by the gateway: on a slow machine a moment that is near when it
		// is written down may be over when it is read.
		b.change(ctx, "put briefly", f, b.put(wire.Swift, "due", f.name, b.token(false), "X-Delete-After: 2"), func(string) string { return absent })
		f.late = time.Now().Add(3 * time.Second)
	default:
		token := b.token(false)
		b.change(ctx, "put", f, b.put(wire.Swift, "due", f.name, token, "X-Delete-After: 86400"), func(string) string { return token + " dies" })
	}
}

func (expiry) read(ctx context.Context, b *book, name string) (string, error) {
	content, err := b.fetch(ctx, b.shower(), "due", name)
	if err != nil || content == absent {
		return content, err
	}
	a := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodHead, Container: "due", Object: name})
	if a.Header.Get("X-Delete-At") != "" {
		content += " dies"
	}
	return content, b.unread("HEAD", a, http.StatusOK)
}
