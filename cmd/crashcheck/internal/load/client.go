package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/body"
	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/wire"
)

// inlineLimit is the gateway's default: up to it content lies in the database.
const inlineLimit = 16384

// client is one sender of requests with the names that it alone uses.
type client struct {
	id      int
	cfg     Config
	rng     *rand.Rand
	fleet   *Fleet
	model   *model.Model
	folders []string // that it puts objects into, with their containers
	version int      // of the last body
	serial  int      // of the last new name
	locks   []Lock
}

// A Lock is one that a client was given.
type Lock struct {
	Name    string // container/object
	Token   string
	Expires time.Time // by the checker's clock; zero: not while a run lasts
}

func newClient(id int, cfg Config, f *Fleet) *client {
	c := &client{id: id, cfg: cfg, rng: source(cfg.Seed, id), fleet: f, model: model.New()}
	for _, k := range Containers() {
		for n := range foldersOfClient {
			c.folders = append(c.folders, c.own(k, fmt.Sprintf("d%d", n)))
		}
	}
	return c
}

// tops returns the client's own folder in each container.
func (c *client) tops() []string {
	var out []string
	for _, k := range Containers() {
		out = append(out, strings.TrimSuffix(c.own(k, ""), "/"))
	}
	return out
}

// own returns a name of the client in a container.
func (c *client) own(container, name string) string {
	return fmt.Sprintf("%s/c%d/%s", container, c.id, name)
}

// cut splits a name into container and object.
func cut(name string) (container, object string) {
	container, object, _ = strings.Cut(name, "/")
	return container, object
}

// request begins a request for a name.
func request(door wire.Door, method, name string) wire.Request {
	container, object := cut(name)
	return wire.Request{Door: door, Method: method, Container: container, Object: object, Header: map[string]string{}}
}

// fileNames are the names in a folder; some need care on their way through
// URLs, XML and listings.
func fileNames() []string {
	return []string{"f0", "f1", "f2", "f3", "a b", "é ü", "x&<y>", "50%25 #?", "z.txt"}
}

// name returns a name in one of the client's folders.
func (c *client) name() string {
	if len(c.folders) == 0 {
		return c.own(Containers()[0], fileNames()[c.rng.IntN(3)])
	}
	names := fileNames()
	return c.folders[c.rng.IntN(len(c.folders))] + "/" + names[c.rng.IntN(len(names))]
}

// fresh returns a name that was never used.
func (c *client) fresh() string {
	c.serial++
	return c.name() + fmt.Sprintf("-%d", c.serial)
}

// present returns a name that exists; certain asks for one of which all is
// known. Locked names are left alone.
func (c *client) present(certain bool) (string, bool) {
	var names []string
	for _, name := range c.model.Names() {
		set := c.model.Of(name)
		must, _ := set.Exists()
		if must && (!certain || len(set) == 1) && !strings.Contains(name, "/lock-") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return names[c.rng.IntN(len(names))], true
}

func (c *client) door() wire.Door {
	if c.rng.IntN(2) == 0 {
		return wire.Swift
	}
	return wire.DAV
}

// size draws the size of an object, in bytes: most are small, one in some
// hundreds has the largest size.
func (c *client) size() int64 {
	largest := c.cfg.Largest
	if largest == 0 {
		largest = 20 << 20
	}
	switch n := c.rng.IntN(400); {
	case n == 0:
		return largest
	case n < 12:
		return min(largest, 1<<20)
	default:
		sizes := []int64{0, 1, 300, inlineLimit - 1, inlineLimit, inlineLimit + 1, 40_000, 64 << 10}
		return sizes[n%len(sizes)]
	}
}

// do sends a request that changes something and applies its outcome to the
// model: after gives the change when it was carried out.
func (c *client) do(ctx context.Context, w *wire.Client, op string, q wire.Request, to string, after func(wire.Answer) model.Change) wire.Answer {
	start := time.Now()
	a := w.Do(ctx, q)
	name := q.Container + "/" + q.Object
	change := after(a)
	for touched := range change {
		c.model.Touch(touched)
	}
	switch a.Outcome() {
	case wire.OK:
		c.model.Commit(change)
	case wire.Unknown:
		c.model.Doubt(fmt.Sprintf("%s of %s to %q by %s, status %d", op, name, to, q.Door, a.Status), change)
	case wire.Refused:
		c.judgeRefusal(op, name, a)
	}
	c.note(op, q, to, start, a.Outcome(), a)
	return a
}

// judgeRefusal knows which refusals no sound request of a client ends in.
func (c *client) judgeRefusal(op, name string, a wire.Answer) {
	switch a.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed,
		http.StatusUnprocessableEntity, http.StatusLocked:
		c.fleet.violation("%s of %s was refused with %d: %.200s", op, name, a.Status, a.Body)
	case http.StatusNotFound:
		if must, _ := c.model.Of(name).Exists(); must {
			c.fleet.violation("%s of %s: 404, but it is %s", op, name, c.model.Of(name))
		}
	}
}

func (c *client) note(op string, q wire.Request, to string, start time.Time, o wire.Outcome, a wire.Answer) {
	c.fleet.count(op, o)
	r := Record{
		Start: start, Millis: float64(time.Since(start).Microseconds()) / 1000, Client: c.id, Op: op, Door: q.Door,
		Name: q.Container + "/" + q.Object, To: to, Status: a.Status, Outcome: o,
	}
	if a.Err != nil {
		r.Error = a.Err.Error()
	}
	c.cfg.Journal.Add(r)
}

var errCut = errors.New("the client hung up")

// cutReader breaks a body off after n bytes.
type cutReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (r *cutReader) Read(p []byte) (int, error) {
	if r.n <= 0 {
		return 0, errCut
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.n)])
	r.n -= int64(n)
	return n, err
}

// put stores a new body under a name. With cutAt > 0 the client hangs up after
// that many bytes, which must leave no trace.
func (c *client) put(ctx context.Context, w *wire.Client, name string, door wire.Door, size, cutAt int64) wire.Answer {
	c.version++
	id := body.ID{Seed: c.cfg.Seed, Origin: name, Version: c.version, Size: size}
	next := model.State{Exists: true, Body: id, MD5: id.MD5(), Type: fmt.Sprintf("application/x-c%d", c.version)}
	q := request(door, http.MethodPut, name)
	q.Body, q.Size = id.Reader(), size
	q.Header["Content-Type"] = next.Type
	if door == wire.Swift && c.rng.IntN(2) == 0 {
		next.Tag = fmt.Sprintf("tag-%d", c.version)
		q.Header["X-Object-Meta-Tag"] = next.Tag
	}
	if cutAt > 0 {
		q.Body = &cutReader{q.Body, cutAt}
		start := time.Now()
		c.model.Touch(name)
		a := w.Do(ctx, q)
		if a.Outcome() == wire.OK {
			c.fleet.violation("a PUT of %s that ended after %d of %d bytes was answered with %d", name, cutAt, size, a.Status)
		}
		c.note("put cut", q, "", start, wire.Refused, a)
		return a
	}
	return c.do(ctx, w, "put", q, id.String(), func(a wire.Answer) model.Change {
		return model.Change{name: c.model.Of(name).Map(func(old model.State) model.State {
			s := next
			switch {
			case door == wire.DAV && old.Exists:
				s.Tag = old.Tag // a drive has no words for properties and keeps them
			case door == wire.Swift && a.Outcome() == wire.OK:
				s.Modified = a.Header.Get("Last-Modified")
			}
			return s
		})}
	})
}

func (c *client) delete(ctx context.Context, w *wire.Client, name string, door wire.Door) wire.Answer {
	return c.do(ctx, w, "delete", request(door, http.MethodDelete, name), "", func(wire.Answer) model.Change {
		return model.Change{name: model.Absent()}
	})
}

func (c *client) post(ctx context.Context, w *wire.Client, name string) wire.Answer {
	c.version++
	tag := fmt.Sprintf("post-%d", c.version)
	q := request(wire.Swift, http.MethodPost, name)
	q.Header["X-Object-Meta-Tag"] = tag
	return c.do(ctx, w, "post", q, "", func(wire.Answer) model.Change {
		return model.Change{name: c.model.Of(name).Map(func(s model.State) model.State {
			if s.Exists {
				s.Tag, s.Modified = tag, ""
			}
			return s
		})}
	})
}

// moved is a set under another name: all stays but the time.
func moved(s model.Set) model.Set {
	return s.Map(func(s model.State) model.State {
		s.Modified = ""
		return s
	})
}

func (c *client) copy(ctx context.Context, w *wire.Client, from, to string, door wire.Door) wire.Answer {
	q := request(door, "COPY", from)
	q.Header["Destination"] = destination(w, door, to)
	return c.do(ctx, w, "copy", q, to, func(wire.Answer) model.Change {
		return model.Change{to: moved(c.model.Of(from))}
	})
}

// destination is the header that says where a COPY or MOVE goes.
func destination(w *wire.Client, door wire.Door, to string) string {
	container, object := cut(to)
	path := w.Target(door, container, object)
	if door == wire.Swift {
		return strings.TrimPrefix(path, w.Target(door, "", "")+"/")
	}
	return path
}

func (c *client) move(ctx context.Context, w *wire.Client, from, to string) wire.Answer {
	q := request(wire.DAV, "MOVE", from)
	q.Header["Destination"] = destination(w, wire.DAV, to)
	return c.do(ctx, w, "move", q, to, func(wire.Answer) model.Change {
		return model.Change{from: model.Absent(), to: moved(c.model.Of(from))}
	})
}

// moveFolder renames a folder with all that is in it, in one step.
func (c *client) moveFolder(ctx context.Context, w *wire.Client, from, to string) wire.Answer {
	q := request(wire.DAV, "MOVE", from+"/")
	q.Header["Destination"] = destination(w, wire.DAV, to+"/")
	a := c.do(ctx, w, "move folder", q, to, func(wire.Answer) model.Change {
		change := model.Change{}
		for _, name := range c.model.Below(to + "/") {
			change[name] = model.Absent() // what was there is replaced whole
		}
		for _, name := range c.model.Below(from + "/") {
			change[name] = model.Absent()
			change[to+strings.TrimPrefix(name, from)] = moved(c.model.Of(name))
		}
		return change
	})
	if a.Outcome() == wire.OK || a.Status == http.StatusNotFound {
		c.dropFolder(from)
	}
	if a.Outcome() != wire.Refused {
		c.dropFolder(to)
		c.folders = append(c.folders, to)
	}
	return a
}

func (c *client) dropFolder(folder string) {
	kept := c.folders[:0]
	for _, f := range c.folders {
		if f != folder {
			kept = append(kept, f)
		}
	}
	c.folders = kept
}
