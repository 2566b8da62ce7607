package facts

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"entrepot/cmd/crashcheck/internal/wire"
)

// items are content items of DuraCloud with a property. A fact is
// "content color" as Swift shows it.
type items struct{}

func (items) setup(ctx context.Context, b *book) error {
	a := b.Own.Do(ctx, wire.Request{Door: wire.Dura, Method: http.MethodPut, Container: "item"})
	if a.Outcome() != wire.OK {
		return fmt.Errorf("making a space: status %d %.300s", a.Status, a.Body)
	}
	return nil
}

func (s items) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(4) == 0 {
		f = s.new(b)
	}
	text, certain := f.certain()
	switch n := b.rng.IntN(8); {
	case certain && text != absent && n < 1:
		b.change(ctx, "delete", f, wire.Request{Door: wire.Dura, Method: http.MethodDelete, Container: "item", Object: f.name},
			func(string) string { return absent })
	case certain && text != absent && n < 3:
		color := b.next()
		content, _, _ := strings.Cut(text, " ")
		b.change(ctx, "post", f, wire.Request{
			Door: wire.Dura, Method: http.MethodPost, Container: "item", Object: f.name,
			Header: map[string]string{"x-dura-meta-color": color},
		}, func(string) string { return content + " " + color })
	case certain && text != absent && n < 5:
		s.copy(ctx, b, f, text)
	default:
		token, color := b.token(b.rng.IntN(3) == 0), b.next()
		b.change(ctx, "put", f, b.put(wire.Dura, "item", f.name, token, "x-dura-meta-color: "+color),
			func(string) string { return token + " " + color })
	}
}

func (s items) new(b *book) *fact {
	name := b.next()
	return b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, absent)
}

// copy copies one item over another.
func (s items) copy(ctx context.Context, b *book, from *fact, text string) {
	to, _ := b.any()
	if to == from {
		if len(b.facts) >= most {
			return
		}
		to = s.new(b)
	}
	b.change(ctx, "copy", to, wire.Request{
		Door: wire.Dura, Method: http.MethodPut, Container: "item", Object: to.name,
		Header: map[string]string{"x-dura-meta-copy-source": "item/" + from.name},
	}, func(string) string { return text })
}

func (items) read(ctx context.Context, b *book, name string) (string, error) {
	q := wire.Request{Door: wire.Swift, Container: "item", Object: name}
	content, err := b.get(ctx, q)
	if err != nil || content == absent {
		return content, err
	}
	q.Method = http.MethodHead
	a := b.Own.Do(ctx, q)
	if err := b.unread("HEAD", a, http.StatusOK); err != nil {
		return "", err
	}
	return content + " " + a.Header.Get("X-Object-Meta-Color"), nil
}

// chunks are files in chunks as DuraCloud's tools put them: two chunks and a
// manifest, which a drive shows as one file, moves and deletes. A fact is what
// lies under the two names that such a file takes in turn: its items as Swift
// lists them, and the file as the drive shows it.
type chunks struct{}

func (chunks) setup(ctx context.Context, b *book) error { return b.container(ctx, "chunk") }

// file is the text of a file under a name: "name=a+b", and what Swift lists.
func file(name, content string) string {
	return fmt.Sprintf("%s=%s: %[1]s.dura-chunk-0000 %[1]s.dura-chunk-0001 %[1]s.dura-manifest", name, content)
}

func (s chunks) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(3) == 0 {
		s.make(ctx, b)
		return
	}
	text, certain := f.certain()
	if !certain || text == "" {
		return
	}
	name, rest, _ := strings.Cut(text, "=")
	content, _, _ := strings.Cut(rest, ":")
	if content == absent {
		b.drop(f) // the manifest never came: chunks alone
		return
	}
	if b.rng.IntN(5) == 0 {
		b.change(ctx, "delete", f, wire.Request{Door: wire.DAV, Method: http.MethodDelete, Container: "chunk", Object: name},
			func(string) string { return "" })
		return
	}
	to := f.name + "-b"
	if name == to {
		to = f.name + "-a"
	}
	b.change(ctx, "move", f, wire.Request{
		Door: wire.DAV, Method: "MOVE", Container: "chunk", Object: name,
		Header: map[string]string{"Destination": b.Own.Target(wire.DAV, "chunk", to)},
	}, func(string) string { return file(to, content) })
}

// make puts a file's chunks, and then its manifest, which makes it a file.
func (s chunks) make(ctx context.Context, b *book) {
	base := b.next()
	name := base + "-a"
	var content []string
	var list, whole bytes.Buffer
	for i := range 2 {
		token := b.token(false)
		item := fmt.Sprintf("%s.dura-chunk-%04d", name, i)
		if b.judge("chunk", item, b.Own.Do(ctx, b.put(wire.Dura, "chunk", item, token))) != wire.OK {
			return
		}
		content = append(content, token)
		fmt.Fprintf(&list, `<chunk chunkId=%q index="%d"><byteSize>%d</byteSize><md5>%s</md5></chunk>`, item, i, len(b.pack(token)), b.digest(token))
		whole.Write(b.pack(token))
	}
	manifest := fmt.Sprintf(`<dur:chunksManifest xmlns:dur="duracloud.org"><header schemaVersion="0.2"><sourceContent contentId=%q>`+
		`<mimetype>application/x-fact</mimetype><byteSize>%d</byteSize><md5>%s</md5></sourceContent></header><chunks>%s</chunks></dur:chunksManifest>`,
		name, whole.Len(), wire.MD5(whole.Bytes()), &list)
	f := b.add(base, func(ctx context.Context) (string, error) { return s.read(ctx, b, base) },
		fmt.Sprintf("%s=%s: %[1]s.dura-chunk-0000 %[1]s.dura-chunk-0001", name, absent))
	a := b.change(ctx, "manifest", f, wire.Request{
		Door: wire.Dura, Method: http.MethodPut, Container: "chunk", Object: name + ".dura-manifest",
		Header: map[string]string{"Content-Type": "application/xml"}, Body: strings.NewReader(manifest), Size: int64(len(manifest)),
	}, func(string) string { return file(name, strings.Join(content, "+")) })
	if a.Outcome() == wire.Refused {
		b.drop(f)
	}
}

func (chunks) read(ctx context.Context, b *book, base string) (string, error) {
	rows, err := b.rows(ctx, "chunk", base+"-")
	if err != nil || len(rows) == 0 {
		return "", err
	}
	var listed []string
	for _, row := range rows {
		listed = append(listed, row.Name)
	}
	name, _, _ := strings.Cut(listed[0], ".")
	content, err := b.fetch(ctx, wire.DAV, "chunk", name)
	return fmt.Sprintf("%s=%s: %s", name, content, strings.Join(listed, " ")), err
}
