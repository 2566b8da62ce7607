package facts

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"entrepot/cmd/crashcheck/internal/wire"
)

// props are files with a dead property and a mapped one, which are set by one
// PROPPATCH and travel when the file is moved between two folders. A fact is
// "folder:dead/mapped" of one file: the drive shows the dead property, Swift
// the mapped one.
type props struct{}

func (props) setup(ctx context.Context, b *book) error {
	if err := b.container(ctx, "prop"); err != nil {
		return err
	}
	return b.folders(ctx, "prop", "x", "y")
}

// folders makes folders by the drive.
func (b *book) folders(ctx context.Context, container string, names ...string) error {
	for _, name := range names {
		if a := b.Own.Do(ctx, wire.Request{Door: wire.DAV, Method: "MKCOL", Container: container, Object: name + "/"}); a.Outcome() != wire.OK {
			return fmt.Errorf("making the folder %s: status %d %.300s", name, a.Status, a.Body)
		}
	}
	return nil
}

func (s props) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(6) == 0 {
		s.make(ctx, b)
		return
	}
	text, certain := f.certain()
	if !certain || text == absent {
		return
	}
	folder, _, _ := strings.Cut(text, ":")
	if b.rng.IntN(3) == 0 {
		to := map[string]string{"x": "y", "y": "x"}[folder]
		b.change(ctx, "move", f, wire.Request{
			Door: wire.DAV, Method: "MOVE", Container: "prop", Object: folder + "/" + f.name,
			Header: map[string]string{"Destination": b.Own.Target(wire.DAV, "prop", to+"/"+f.name)},
		}, func(old string) string { return to + strings.TrimPrefix(old, folder) })
		return
	}
	value := b.next()
	body := fmt.Sprintf(`<D:propertyupdate xmlns:D="DAV:" xmlns:f="urn:fact" xmlns:m="urn:duracloud:meta"><D:set><D:prop>`+
		`<f:note>%[1]s</f:note><m:tag>%[1]s</m:tag></D:prop></D:set></D:propertyupdate>`, value)
	a := b.Own.Do(ctx, wire.Request{
		Door: wire.DAV, Method: "PROPPATCH", Container: "prop", Object: folder + "/" + f.name, Body: strings.NewReader(body), Size: int64(len(body)),
	})
	if a.Status == http.StatusMultiStatus && !strings.Contains(string(a.Body), "HTTP/1.1 200 ") {
		a.Status = http.StatusInsufficientStorage // stands with each property
	}
	f.apply(b.judge("patch", f.name, a), func(string) []string { return []string{folder + ":" + value + "/" + value} })
}

func (s props) make(ctx context.Context, b *book) {
	name := b.next()
	a := b.Own.Do(ctx, b.put(wire.DAV, "prop", "x/"+name, b.token(false)))
	if o := b.judge("file", name, a); o == wire.OK {
		b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, "x:/")
	}
}

const propsQuery = `<D:propfind xmlns:D="DAV:"><D:prop><f:note xmlns:f="urn:fact"/></D:prop></D:propfind>`

func (props) read(ctx context.Context, b *book, name string) (string, error) {
	var texts []string
	for _, folder := range []string{"x", "y"} {
		a := b.Own.Do(ctx, wire.Request{
			Door: wire.DAV, Method: "PROPFIND", Container: "prop", Object: folder + "/" + name, Header: map[string]string{"Depth": "0"},
			Body: strings.NewReader(propsQuery), Size: int64(len(propsQuery)),
		})
		if err := b.unread("PROPFIND", a, http.StatusMultiStatus, http.StatusNotFound); err != nil {
			return "", err
		}
		head := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodHead, Container: "prop", Object: folder + "/" + name})
		if err := b.unread("HEAD", head, http.StatusOK, http.StatusNotFound); err != nil {
			return "", err
		}
		if a.Status == http.StatusNotFound && head.Status == http.StatusNotFound {
			continue
		}
		var shown struct {
			Note string `xml:"response>propstat>prop>note"`
		}
		if err := xml.Unmarshal(a.Body, &shown); err != nil {
			return "", err
		}
		texts = append(texts, folder+":"+shown.Note+"/"+head.Header.Get("X-Object-Meta-Tag"))
	}
	return strings.Join(texts, " and "), nil
}

// treeLocks are folders that the drive locks with all that is below them. A
// fact is "locked" or "free", as Swift finds out who writes there.
type treeLocks struct{ tokens map[string]string }

const lockTree = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`

func (s *treeLocks) setup(ctx context.Context, b *book) error {
	s.tokens = map[string]string{}
	return b.container(ctx, "tree")
}

func (s *treeLocks) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < 6 {
		name := b.next()
		a := b.Own.Do(ctx, wire.Request{Door: wire.DAV, Method: "MKCOL", Container: "tree", Object: name + "/"})
		if b.judge("folder", name, a) == wire.OK {
			b.add(name, func(ctx context.Context) (string, error) { return s.read(ctx, b, name) }, "free")
		}
		return
	}
	text, certain := f.certain()
	switch token := s.tokens[f.name]; {
	case certain && text == "free":
		a := b.change(ctx, "lock", f, wire.Request{
			Door: wire.DAV, Method: "LOCK", Container: "tree", Object: f.name + "/", Body: strings.NewReader(lockTree), Size: int64(len(lockTree)),
			Header: map[string]string{"Depth": "infinity", "Timeout": "Second-3600"},
		}, func(string) string { return "locked" })
		s.tokens[f.name] = a.Header.Get("Lock-Token")
	case certain && token != "":
		b.change(ctx, "unlock", f, wire.Request{
			Door: wire.DAV, Method: "UNLOCK", Container: "tree", Object: f.name + "/", Header: map[string]string{"Lock-Token": token},
		}, func(string) string { return "free" })
	case certain:
		b.drop(f) // locked by a request without an answer: nobody knows the token
	}
}

func (s *treeLocks) read(ctx context.Context, b *book, name string) (string, error) {
	a := b.Own.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodPut, Container: "tree", Object: name + "/below/probe"})
	switch a.Status {
	case http.StatusLocked:
		return "locked", nil
	case http.StatusCreated:
		return "free", nil
	}
	if a.Status >= 500 || a.Status == http.StatusRequestEntityTooLarge {
		return "", fmt.Errorf("%w: status %d", errUnread, a.Status) // writing has stopped, or the disk is full
	}
	return "", b.unread("PUT below a lock", a)
}

// pieces are files that the drive takes in pieces and joins, and changes in
// parts. A fact is the content as Swift or DuraCloud show it.
type pieces struct{}

const uploads = "/remote.php/dav/uploads/" + User + "/"

func (pieces) setup(ctx context.Context, b *book) error { return b.container(ctx, "piece") }

func (s pieces) step(ctx context.Context, b *book) {
	f, ok := b.any()
	if !ok || len(b.facts) < most && b.rng.IntN(6) == 0 {
		name := b.next()
		f = b.add(name, func(ctx context.Context) (string, error) {
			return b.fetch(ctx, []wire.Door{wire.Swift, wire.Dura}[b.rng.IntN(2)], "piece", name)
		}, absent)
	}
	text, certain := f.certain()
	if certain && text != absent && strings.Count(text, "+") < 4 && b.rng.IntN(3) == 0 {
		token := b.token(false)
		q := b.put(wire.DAV, "piece", f.name, token, "Content-Type: application/x-sabredav-partialupdate", "X-Update-Range: append")
		q.Method = http.MethodPatch
		b.change(ctx, "append", f, q, func(old string) string { return old + "+" + token })
		return
	}
	s.upload(ctx, b, f)
}

// upload sends a file in pieces and has them joined.
func (pieces) upload(ctx context.Context, b *book, f *fact) {
	dir := uploads + b.next()
	destination := map[string]string{"Destination": "/remote.php/dav/files/" + User + "/piece/" + f.name}
	if b.judge("upload", dir, b.Own.Do(ctx, wire.Request{Door: wire.DAV, Method: "MKCOL", Path: dir, Header: destination})) != wire.OK {
		return
	}
	var whole []string
	total := 0
	for i := range 2 {
		token := b.token(false)
		q := b.put(wire.DAV, "", "", token)
		q.Path = dir + "/" + strconv.Itoa(i+1)
		if b.judge("piece", q.Path, b.Own.Do(ctx, q)) != wire.OK {
			return
		}
		whole, total = append(whole, token), total+int(q.Size)
	}
	b.change(ctx, "join", f, wire.Request{
		Door: wire.DAV, Method: "MOVE", Path: dir + "/.file",
		Header: map[string]string{"Destination": destination["Destination"], "OC-Total-Length": strconv.Itoa(total)},
	}, func(string) string { return strings.Join(whole, "+") })
}
