package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/wire"
)

// snapshots are spaces with one file whose past DuraCloud's tasks keep. A fact
// is "content;s1=content,s2=content": the file and each snapshot as the drive
// shows them.
type snapshots struct{ last time.Time }

func (*snapshots) setup(ctx context.Context, b *book) error { return nil }

func (s *snapshots) step(ctx context.Context, b *book) {
	if len(b.facts) < 3 {
		name := "snap-" + b.next()
		a := b.Own.Do(ctx, wire.Request{Door: wire.Dura, Method: http.MethodPut, Container: name})
		if b.judge("space", name, a) == wire.OK {
			b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, absent+";")
		}
		return
	}
	f, _ := b.any()
	text, certain := f.certain()
	content, past, _ := strings.Cut(text, ";")
	switch n := b.rng.IntN(8); {
	case certain && content != absent && n == 0:
		b.change(ctx, "delete", f, wire.Request{Door: b.remover(), Method: http.MethodDelete, Container: f.name, Object: "f"},
			func(string) string { return absent + ";" + past })
	case certain && n < 3 && strings.Count(past, "=") < 5 && time.Since(s.last) > 1100*time.Millisecond:
		s.take(ctx, b, f)
	case certain && past != "" && n == 3:
		s.recover(ctx, b, f, past)
	default:
		token := b.token(b.rng.IntN(2) == 0)
		b.change(ctx, "put", f, b.put(b.writer(), f.name, "f", token), func(old string) string {
			_, past, _ := strings.Cut(old, ";")
			return token + ";" + past
		})
	}
}

// take makes a snapshot. Their names have the second in them, so it makes one a
// second.
func (s *snapshots) take(ctx context.Context, b *book, f *fact) {
	defer func() { s.last = time.Now() }()
	name := b.next()
	body, err := json.Marshal(map[string]string{"spaceId": f.name, "description": name})
	if err != nil {
		b.crew.violation("%v", err)
		return
	}
	b.change(ctx, "snapshot", f, wire.Request{
		Door: wire.Dura, Method: http.MethodPost, Container: "task", Object: "create-snapshot", Body: bytes.NewReader(body), Size: int64(len(body)),
	}, func(old string) string {
		content, past, _ := strings.Cut(old, ";")
		shot := name + "=" + content
		if past != "" {
			shot = past + "," + shot
		}
		return content + ";" + shot
	})
}

// recover copies the file out of a snapshot.
func (s *snapshots) recover(ctx context.Context, b *book, f *fact, past string) {
	list, err := s.list(ctx, b, f.name)
	shots := strings.Split(past, ",")
	if err != nil || len(list) != len(shots) {
		return // the fact tells
	}
	i := b.rng.IntN(len(shots))
	_, content, _ := strings.Cut(shots[i], "=")
	if content == absent {
		return
	}
	b.change(ctx, "recover", f, wire.Request{
		Door: wire.DAV, Method: "COPY", Container: f.name, Object: ".zfs/snapshot/" + list[i].ID + "/f",
		Header: map[string]string{"Destination": b.Own.Target(wire.DAV, f.name, "f")},
	}, func(old string) string { return content + ";" + past })
}

// shot is a snapshot in DuraCloud's list.
type shot struct {
	ID          string `json:"snapshotId"`
	Description string
	Space       string `json:"sourceSpaceId"`
}

// list returns the snapshots of a space, oldest first.
func (s *snapshots) list(ctx context.Context, b *book, space string) ([]shot, error) {
	a := b.Own.Do(ctx, wire.Request{Door: wire.Dura, Method: http.MethodPost, Container: "task", Object: "get-snapshots"})
	if err := b.unread("get-snapshots", a, http.StatusOK); err != nil {
		return nil, err
	}
	var all struct{ Snapshots []shot }
	if err := json.Unmarshal(a.Body, &all); err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(all.Snapshots, func(s shot) bool { return s.Space != space })
	slices.SortFunc(own, func(a, b shot) int { return strings.Compare(a.ID, b.ID) })
	return own, nil
}

func (s *snapshots) read(ctx context.Context, b *book, space string) (string, error) {
	content, err := b.fetch(ctx, wire.DAV, space, "f")
	if err != nil {
		return "", err
	}
	list, err := s.list(ctx, b, space)
	if err != nil {
		return "", err
	}
	var past []string
	for _, shot := range list {
		was, err := b.fetch(ctx, wire.DAV, space, ".zfs/snapshot/"+shot.ID+"/f")
		if err != nil {
			return "", err
		}
		past = append(past, shot.Description+"="+was)
	}
	return fmt.Sprintf("%s;%s", content, strings.Join(past, ",")), nil
}
