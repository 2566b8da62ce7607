package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"entrepot/cmd/crashcheck/internal/wire"
)

// static makes static large objects by Swift. A fact is the content of one as
// the drive shows it, or DuraCloud.
type static struct{}

func (static) setup(ctx context.Context, b *book) error {
	if err := b.container(ctx, "slo-parts"); err != nil {
		return err
	}
	return b.container(ctx, "slo")
}

func (s static) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(4) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return b.fetch(ctx, b.shower(), "slo", name) }, absent)
	}
	text, certain := f.certain()
	if !certain || text == absent || text == "broken" || b.rng.IntN(3) > 0 {
		s.make(ctx, b, f)
		return
	}
	if b.rng.IntN(2) == 0 {
		b.change(ctx, "delete", f, wire.Request{Door: b.remover(), Method: http.MethodDelete, Container: "slo", Object: f.name},
			func(string) string { return absent })
		return
	}
	a := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodDelete, Container: "slo", Object: f.name, Query: "multipart-manifest=delete"})
	if a.Status == http.StatusOK && !bytes.Contains(a.Body, []byte("Response Status: 200")) {
		a.Status = http.StatusBadGateway // the report tells what failed, the status does not
	}
	f.apply(b.judge("delete all", f.name, a), func(string) []string {
		if a.Outcome() == wire.OK {
			return []string{absent}
		}
		return []string{absent, "broken"} // one after the other: the segments first
	})
}

// shower is a door that joins what Swift's large objects are made of.
func (b *book) shower() wire.Door { return []wire.Door{wire.DAV, wire.Dura}[b.rng.IntN(2)] }

// make puts two segments and joins them.
func (static) make(ctx context.Context, b *book, f *fact) {
	type entry struct {
		Path string `json:"path"`
		ETag string `json:"etag"`
	}
	var manifest []entry
	var whole []string
	for range 2 {
		token := b.token(false)
		if b.judge("segment", token, b.Own.Do(ctx, b.put(b.writer(), "slo-parts", token, token))) != wire.OK {
			return
		}
		manifest = append(manifest, entry{"/slo-parts/" + token, b.digest(token)})
		whole = append(whole, token)
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		b.crew.violation("%v", err)
		return
	}
	b.change(ctx, "manifest", f, wire.Request{
		Door: wire.Swift, Method: http.MethodPut, Container: "slo", Object: f.name, Query: "multipart-manifest=put",
		Body: bytes.NewReader(text), Size: int64(len(text)),
	}, func(string) string { return strings.Join(whole, "+") })
}

// dynamic makes dynamic large objects by Swift, and writes and deletes their
// segments through other doors. A fact is the content of one as the drive
// shows it.
type dynamic struct{}

func (dynamic) setup(ctx context.Context, b *book) error {
	if err := b.container(ctx, "dlo-parts"); err != nil {
		return err
	}
	return b.container(ctx, "dlo")
}

func (dynamic) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(6) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return b.fetch(ctx, b.shower(), "dlo", name) }, absent)
		b.change(ctx, "manifest", f, wire.Request{
			Door: wire.Swift, Method: http.MethodPut, Container: "dlo", Object: name,
			Header: map[string]string{"X-Object-Manifest": "dlo-parts/" + name + "-"},
		}, func(string) string { return "" })
		return
	}
	text, certain := f.certain()
	parts := strings.Split(text, "+")
	switch {
	case !certain || text == absent:
	case b.rng.IntN(8) == 0:
		b.change(ctx, "delete", f, wire.Request{Door: b.remover(), Method: http.MethodDelete, Container: "dlo", Object: f.name},
			func(string) string { return absent })
	case len(parts) > 4 || text != "" && b.rng.IntN(3) == 0:
		i := b.rng.IntN(len(parts))
		b.change(ctx, "delete segment", f, wire.Request{
			Door: b.remover(), Method: http.MethodDelete, Container: "dlo-parts", Object: f.name + segment(parts[i]),
		}, func(string) string { return strings.Join(append(parts[:i:i], parts[i+1:]...), "+") })
	default:
		token := b.token(false)
		b.change(ctx, "segment", f, b.put(b.writer(), "dlo-parts", f.name+segment(token), token),
			func(old string) string { return strings.TrimPrefix(old+"+"+token, "+") })
	}
}

// segment names the segment that holds a token: later ones stand behind
// earlier ones.
func segment(token string) string {
	number := strings.TrimLeft(token, "abcdefghijklmnopqrstuvwxyz")
	return "-" + strings.Repeat("0", max(0, 6-len(number))) + number
}

// links makes symbolic links by Swift. A fact is "target/link", both as the
// drive shows them.
type links struct{}

func (links) setup(ctx context.Context, b *book) error { return b.container(ctx, "link") }

func (s links) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(6) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, absent+"/"+absent)
	}
	text, certain := f.certain()
	target, link, _ := strings.Cut(text, "/")
	switch n := b.rng.IntN(3); {
	case certain && link != absent && n == 0:
		b.change(ctx, "delete", f, wire.Request{Door: b.remover(), Method: http.MethodDelete, Container: "link", Object: f.name + "-link"},
			func(old string) string { return withLink(old, absent) })
	case certain && target != absent && n == 1:
		b.change(ctx, "link", f, wire.Request{
			Door: wire.Swift, Method: http.MethodPut, Container: "link", Object: f.name + "-link",
			Header: map[string]string{"X-Symlink-Target": "link/" + f.name},
		}, func(old string) string { target, _, _ := strings.Cut(old, "/"); return withLink(old, target) })
	default:
		token := b.token(false)
		b.change(ctx, "target", f, b.put(b.writer(), "link", f.name, token), func(old string) string {
			if strings.HasSuffix(old, "/"+absent) {
				return token + "/" + absent
			}
			return token + "/" + token
		})
	}
}

func withLink(text, link string) string {
	target, _, _ := strings.Cut(text, "/")
	return target + "/" + link
}

func (links) read(ctx context.Context, b *book, name string) (string, error) {
	door := b.shower()
	target, err := b.fetch(ctx, door, "link", name)
	if err != nil {
		return "", err
	}
	link, err := b.fetch(ctx, door, "link", name+"-link")
	return target + "/" + link, err
}
