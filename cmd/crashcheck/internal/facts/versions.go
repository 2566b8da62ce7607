package facts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"entrepot/cmd/crashcheck/internal/wire"
)

// marker stands for a deletion among versions.
const marker = "-"

// deletedType is the content type of Swift's markers of deletions.
const deletedType = "application/x-deleted;swift_versions_deleted=1"

// kept is a container that keeps the versions of its objects
// (X-Versions-Enabled). A fact is all versions of one name, the newest first;
// objects are written through any door, versions listed by Swift, and the
// drive shows the newest.
type kept struct{ known names }

const keptContainer = "kept"

func (s *kept) setup(ctx context.Context, b *book) error {
	s.known = names{}
	if err := b.container(ctx, keptContainer); err != nil {
		return err
	}
	a := b.Own.Do(ctx, wire.Request{
		Door: wire.Swift, Method: "POST", Container: keptContainer, Header: map[string]string{"X-Versions-Enabled": "true"},
	})
	if a.Outcome() != wire.OK {
		return fmt.Errorf("keeping versions: status %d %.300s", a.Status, a.Body)
	}
	return nil
}

func (s *kept) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < 5 && b.rng.IntN(4) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, "")
	}
	text, certain := f.certain()
	versions := strings.Count(text, ",")
	switch n := b.rng.IntN(10); {
	case certain && versions > 6 || certain && versions > 0 && n < 2:
		s.removeOldest(ctx, b, f)
	case certain && n < 4 && text != "" && !strings.HasPrefix(text, marker):
		b.change(ctx, "delete", f, wire.Request{Door: b.remover(), Method: http.MethodDelete, Container: keptContainer, Object: f.name},
			func(old string) string { return marker + "," + old })
	default:
		token := s.known.note(b, b.token(b.rng.IntN(3) == 0))
		b.change(ctx, "put", f, b.put(b.writer(), keptContainer, f.name, token), func(old string) string { return before(token, old) })
	}
}

// before puts a token before a list of them.
func before(token, list string) string {
	if list == "" {
		return token
	}
	return token + "," + list
}

// version is a row of Swift's listing of versions.
type version struct {
	Name    string
	Hash    string
	Type    string `json:"content_type"`
	Version string `json:"version_id"`
	Latest  bool   `json:"is_latest"`
}

func (s *kept) list(ctx context.Context, b *book, name string) ([]version, error) {
	a := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: "GET", Container: keptContainer, Query: "versions&format=json&prefix=" + name})
	if err := b.unread("listing versions", a, http.StatusOK); err != nil {
		return nil, err
	}
	var rows []version
	err := json.Unmarshal(a.Body, &rows)
	return slices.DeleteFunc(rows, func(v version) bool { return v.Name != name }), err
}

func (s *kept) read(ctx context.Context, b *book, name string) (string, error) {
	rows, err := s.list(ctx, b, name)
	if err != nil {
		return "", err
	}
	var tokens []string
	for i, v := range rows {
		if v.Latest != (i == 0) {
			return fmt.Sprintf("version %d of %d says latest: %v", i, len(rows), v.Latest), nil
		}
		if v.Type == deletedType {
			tokens = append(tokens, marker)
		} else {
			tokens = append(tokens, tokenOf(s.known, v.Hash))
		}
	}
	shown, err := b.fetch(ctx, wire.DAV, keptContainer, name)
	if err != nil {
		return "", err
	}
	want := absent
	if len(tokens) > 0 && tokens[0] != marker {
		want = tokens[0]
	}
	text := strings.Join(tokens, ",")
	if shown != want {
		return fmt.Sprintf("%s, and the drive shows %s", text, shown), nil
	}
	return text, nil
}

// tokenOf is the content with a digest.
func tokenOf(known names, digest string) string {
	if token, ok := known[digest]; ok {
		return token
	}
	return "unknown content " + digest
}

// removeOldest removes a version for good.
func (s *kept) removeOldest(ctx context.Context, b *book, f *fact) {
	rows, err := s.list(ctx, b, f.name)
	if err != nil || len(rows) < 2 {
		return
	}
	b.change(ctx, "remove version", f, wire.Request{
		Door: wire.Swift, Method: http.MethodDelete, Container: keptContainer, Object: f.name, Query: "version-id=" + rows[len(rows)-1].Version,
	}, func(old string) string { return old[:strings.LastIndex(old, ",")] })
}

// archived is a container whose replaced objects go to another one: with
// X-Versions-Location a deletion brings the version before back, with
// X-History-Location it is a version as well. A fact is "current|older": the
// drive shows the current one, Swift lists the archive.
type archived struct {
	history bool
	known   names
}

func (s *archived) archive(b *book) string { return b.name + "-old" }

func (s *archived) setup(ctx context.Context, b *book) error {
	s.known = names{}
	if err := b.container(ctx, s.archive(b)); err != nil {
		return err
	}
	header := "X-Versions-Location: "
	if s.history {
		header = "X-History-Location: "
	}
	return b.container(ctx, b.name, header+s.archive(b))
}

func (s *archived) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < 5 && b.rng.IntN(4) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, marker+"|")
	}
	text, certain := f.certain()
	current, older, _ := strings.Cut(text, "|")
	n := b.rng.IntN(10)
	switch {
	case certain && (strings.Count(older, ",") > 5 || older != "" && n == 0):
		s.forget(ctx, b, f)
	case certain && current != marker && n < 5:
		b.change(ctx, "delete", f, wire.Request{Door: wire.Swift, Method: http.MethodDelete, Container: b.name, Object: f.name}, s.deleted)
	default:
		token := s.known.note(b, b.token(b.rng.IntN(3) == 0))
		b.change(ctx, "put", f, b.put(b.writer(), b.name, f.name, token), func(old string) string {
			current, older, _ := strings.Cut(old, "|")
			if current != marker {
				older = before(current, older)
			}
			return token + "|" + older
		})
	}
}

// deleted is what a DELETE by Swift leaves.
func (s *archived) deleted(old string) string {
	current, older, _ := strings.Cut(old, "|")
	if s.history {
		return marker + "|" + before(marker, before(current, older))
	}
	if older == "" {
		return marker + "|"
	}
	newest, rest, _ := strings.Cut(older, ",")
	return newest + "|" + rest
}

// forget removes the oldest object of a name from the archive.
func (s *archived) forget(ctx context.Context, b *book, f *fact) {
	rows, err := s.rows(ctx, b, f.name)
	if err != nil || len(rows) == 0 {
		return
	}
	b.change(ctx, "forget", f, wire.Request{Door: wire.Dura, Method: http.MethodDelete, Container: s.archive(b), Object: rows[len(rows)-1].Name},
		func(old string) string {
			if i := strings.LastIndex(old, ","); i >= 0 {
				return old[:i]
			}
			current, _, _ := strings.Cut(old, "|")
			return current + "|"
		})
}

// rows returns what the archive has of a name, newest first.
func (s *archived) rows(ctx context.Context, b *book, name string) ([]wire.Entry, error) {
	rows, err := b.rows(ctx, s.archive(b), fmt.Sprintf("%03x%s/", len(name), name))
	slices.Reverse(rows)
	return rows, err
}

func (s *archived) read(ctx context.Context, b *book, name string) (string, error) {
	current, err := b.fetch(ctx, wire.DAV, b.name, name)
	if err != nil {
		return "", err
	}
	if current == absent {
		current = marker
	}
	rows, err := s.rows(ctx, b, name)
	if err != nil {
		return "", err
	}
	older := make([]string, len(rows))
	for i, row := range rows {
		older[i] = marker
		if row.Size > 0 {
			older[i] = tokenOf(s.known, row.MD5)
		}
	}
	return current + "|" + strings.Join(older, ","), nil
}
