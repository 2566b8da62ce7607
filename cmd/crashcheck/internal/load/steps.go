package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/body"
	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/wire"
)

// SeenOf reads what an answer to HEAD or GET through Swift shows of an object.
func SeenOf(status int, h http.Header) model.Seen {
	if status != http.StatusOK {
		return model.Seen{}
	}
	size, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		size = -1
	}
	return model.Seen{
		Exists: true, Size: size, MD5: h.Get("Etag"), Type: h.Get("Content-Type"), Tag: h.Get("X-Object-Meta-Tag"),
		Modified: h.Get("Last-Modified"), Timestamp: h.Get("X-Timestamp"),
	}
}

// step sends the next request of the mix; false tells that there was no
// answer.
func (c *client) step(ctx context.Context, w *wire.Client) bool {
	if c.cfg.Mix == Files {
		sizes := []int64{inlineLimit + 1, 20_000, 30_000}
		return c.put(ctx, w, c.fresh(), wire.Swift, sizes[c.rng.IntN(len(sizes))], 0).Status != 0
	}
	a := c.pick(ctx, w)
	return a.Status != 0
}

// pick draws an operation by its weight. One that lacks what it needs is
// replaced by a PUT.
func (c *client) pick(ctx context.Context, w *wire.Client) wire.Answer {
	old, ok := c.present(false)
	n := c.rng.IntN(105)
	switch {
	case n < 25 || !ok:
		return c.upload(ctx, w, c.fresh())
	case n < 40:
		return c.upload(ctx, w, old)
	case n < 50:
		return c.delete(ctx, w, old, c.door())
	case n < 70:
		return c.get(ctx, w, c.readable(old), c.door())
	case n < 75:
		return c.getRange(ctx, w, old)
	case n < 80:
		return c.head(ctx, w, c.readable(old))
	case n < 85:
		return c.list(ctx, w)
	case n < 90:
		return c.post(ctx, w, old)
	case n < 95:
		if to := c.name(); to != old {
			return c.copy(ctx, w, old, to, c.door())
		}
		return c.upload(ctx, w, old)
	case n < 100:
		return c.rename(ctx, w, old)
	}
	return c.lockStep(ctx, w)
}

// readable is a name to read: now and then one that need not exist.
func (c *client) readable(present string) string {
	if c.rng.IntN(5) == 0 {
		return c.name()
	}
	return present
}

// upload puts a body of any size, and hangs up in the middle of one in ten.
func (c *client) upload(ctx context.Context, w *wire.Client, name string) wire.Answer {
	size, cutAt := c.size(), int64(0)
	if size > 1 && c.rng.IntN(10) == 0 {
		cutAt = 1 + c.rng.Int64N(size-1)
	}
	return c.put(ctx, w, name, c.door(), size, cutAt)
}

func (c *client) rename(ctx context.Context, w *wire.Client, old string) wire.Answer {
	if c.rng.IntN(2) == 0 || len(c.folders) == 0 {
		if to := c.name(); to != old {
			return c.move(ctx, w, old, to)
		}
		return c.post(ctx, w, old)
	}
	from := c.folders[c.rng.IntN(len(c.folders))]
	to := c.folders[c.rng.IntN(len(c.folders))]
	if c.rng.IntN(4) != 0 || to == from {
		c.serial++
		to = c.own(Containers()[c.rng.IntN(2)], fmt.Sprintf("m%d", c.serial))
	}
	return c.moveFolder(ctx, w, from, to)
}

// get reads an object whole and compares every byte.
func (c *client) get(ctx context.Context, w *wire.Client, name string, door wire.Door) wire.Answer {
	return c.read(ctx, w, "get", request(door, http.MethodGet, name), name, func(q *wire.Request, h http.Header, r io.Reader) error {
		fitting := c.fitting(name, q.Door, h)
		if len(fitting) == 0 {
			return nil // judged by the header
		}
		return fitting[0].Body.Check(r, 0, fitting[0].Body.Size)
	})
}

// fitting returns the states of a name that an answer's header fits. WebDAV
// quotes its entity tag and shows no properties, so only size and digest
// count there.
func (c *client) fitting(name string, door wire.Door, h http.Header) model.Set {
	seen := SeenOf(http.StatusOK, h)
	if door == wire.Swift {
		return c.model.Of(name).Fitting(seen)
	}
	var out model.Set
	for _, s := range c.model.Of(name) {
		if s.Exists && s.Body.Size == seen.Size && `"`+s.MD5+`"` == h.Get("Etag") {
			out = append(out, s)
		}
	}
	return out
}

// getRange reads a part of an object and compares it.
func (c *client) getRange(ctx context.Context, w *wire.Client, name string) wire.Answer {
	state, certain := c.model.Of(name).Certain()
	if !certain || state.Body.Size == 0 {
		return c.head(ctx, w, name)
	}
	from := c.rng.Int64N(state.Body.Size)
	n := 1 + c.rng.Int64N(min(state.Body.Size-from, 100_000))
	q := request(c.door(), http.MethodGet, name)
	q.Header["Range"] = fmt.Sprintf("bytes=%d-%d", from, from+n-1)
	return c.read(ctx, w, "range", q, name, func(_ *wire.Request, _ http.Header, r io.Reader) error {
		return state.Body.Check(r, from, n)
	})
}

func (c *client) head(ctx context.Context, w *wire.Client, name string) wire.Answer {
	return c.read(ctx, w, "head", request(wire.Swift, http.MethodHead, name), name,
		func(_ *wire.Request, _ http.Header, r io.Reader) error { return wire.Discard(r) })
}

// read sends a request that changes nothing and judges the answer; check
// judges a body that was sent with 200 or 206.
func (c *client) read(ctx context.Context, w *wire.Client, op string, q wire.Request, name string,
	check func(*wire.Request, http.Header, io.Reader) error) wire.Answer {
	start := time.Now()
	c.model.Touch(name)
	var header http.Header
	var a wire.Answer
	a.Status, a.Header, a.Err = w.Stream(ctx, q, func(status int, h http.Header, r io.Reader) error {
		header = h
		if status != http.StatusOK && status != http.StatusPartialContent {
			return wire.Discard(r)
		}
		return check(&q, h, r)
	})
	outcome := a.Outcome()
	must, may := c.model.Of(name).Exists()
	switch {
	case errors.Is(a.Err, body.ErrDiffers):
		c.fleet.violation("%s of %s by %s: %v", op, name, q.Door, a.Err)
	case a.Status == 0, a.Status >= 500 && c.fleet.unreadable.Load():
	case a.Status >= 500:
		c.fleet.violation("%s of %s by %s: status %d", op, name, q.Door, a.Status)
	case a.Status == http.StatusNotFound && must:
		c.fleet.violation("%s of %s by %s: 404, but it is %s", op, name, q.Door, c.model.Of(name))
	case a.Status == http.StatusOK && !may:
		c.fleet.violation("%s of %s by %s: 200, but it is absent", op, name, q.Door)
	case a.Status == http.StatusOK && len(c.fitting(name, q.Door, header)) == 0:
		c.fleet.violation("%s of %s by %s shows %s; expected %s", op, name, q.Door, SeenOf(a.Status, header), c.model.Of(name))
	case a.Status != http.StatusOK && a.Status != http.StatusPartialContent && a.Status != http.StatusNotFound:
		c.fleet.violation("%s of %s by %s: status %d", op, name, q.Door, a.Status)
	}
	c.note(op, q, "", start, outcome, a)
	return a
}

// list lists one of the client's folders in any format and compares the names.
func (c *client) list(ctx context.Context, w *wire.Client) wire.Answer {
	if len(c.folders) == 0 {
		return wire.Answer{Status: http.StatusOK}
	}
	folder := c.folders[c.rng.IntN(len(c.folders))]
	container, prefix := cut(folder + "/")
	start, q := time.Now(), wire.Request{Door: wire.Swift, Container: container, Object: prefix}
	var rows []wire.Entry
	var err error
	if n := c.rng.IntN(4); n < len(wire.Formats()) {
		rows, err = w.List(ctx, container, wire.Formats()[n], prefix, 1+c.rng.IntN(20))
	} else if q.Door = wire.DAV; n == 3 {
		rows, err = w.Tree(ctx, container, prefix, "1")
	}
	if err != nil {
		c.note("list", q, "", start, wire.Unknown, wire.Answer{Err: err})
		return wire.Answer{Err: err}
	}
	c.compare(folder, q.Door, rows)
	a := wire.Answer{Status: http.StatusOK}
	c.note("list", q, "", start, wire.OK, a)
	return a
}

// compare judges the names of a listing of one folder.
func (c *client) compare(folder string, door wire.Door, rows []wire.Entry) {
	container, _ := cut(folder)
	listed := map[string]bool{}
	for i, row := range rows {
		if i > 0 && rows[i-1].Name >= row.Name {
			c.fleet.violation("listing %s by %s: %q comes after %q", folder, door, row.Name, rows[i-1].Name)
		}
		name := container + "/" + row.Name
		listed[name] = true
		if _, may := c.model.Of(name).Exists(); !may && !strings.HasSuffix(name, "/") {
			c.fleet.violation("listing %s by %s shows %q, which is absent", folder, door, name)
		}
	}
	for _, name := range c.model.Below(folder + "/") {
		if must, _ := c.model.Of(name).Exists(); must && !listed[name] {
			c.fleet.violation("listing %s by %s skips %q", folder, door, name)
		}
	}
}

const lockBody = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
	`<D:locktype><D:write/></D:locktype></D:lockinfo>`

// lockStep makes an object, locks it, sees that the lock holds, and now and
// then ends it. One lock in four is short.
func (c *client) lockStep(ctx context.Context, w *wire.Client) wire.Answer {
	if n := len(c.locks); n > 0 && c.rng.IntN(2) == 0 {
		lock := c.locks[n-1]
		c.locks = c.locks[:n-1] // ended, or not known to hold
		return Unlock(ctx, w, lock)
	}
	c.serial++
	name := c.own(Containers()[c.rng.IntN(2)], fmt.Sprintf("lock-%d", c.serial))
	if a := c.put(ctx, w, name, wire.Swift, 100, 0); a.Outcome() != wire.OK {
		return a
	}
	q := request(wire.DAV, "LOCK", name)
	q.Body, q.Size = strings.NewReader(lockBody), int64(len(lockBody))
	q.Header["Timeout"] = "Second-3600"
	lock := Lock{Name: name}
	if c.rng.IntN(4) == 0 {
		q.Header["Timeout"] = "Second-1"
		lock.Expires = time.Now().Add(1200 * time.Millisecond)
	}
	start := time.Now()
	a := w.Do(ctx, q)
	c.note("lock", q, "", start, a.Outcome(), a)
	if a.Outcome() != wire.OK {
		return a
	}
	lock.Token = a.Header.Get("Lock-Token")
	c.locks = append(c.locks, lock)
	if lock.Expires.IsZero() {
		q := request(c.door(), http.MethodPut, name)
		if a := w.Do(ctx, q); a.Outcome() == wire.OK {
			c.fleet.violation("%s was written without the token of its lock", name)
		}
	}
	return a
}

// Unlock ends a lock.
func Unlock(ctx context.Context, w *wire.Client, lock Lock) wire.Answer {
	q := request(wire.DAV, "UNLOCK", lock.Name)
	q.Header["Lock-Token"] = lock.Token
	return w.Do(ctx, q)
}

// Overwrite puts an empty body over a locked object; token is "" or the lock's.
func Overwrite(ctx context.Context, w *wire.Client, name, token string) wire.Answer {
	if token == "" {
		q := request(wire.Swift, http.MethodPut, name)
		q.Body = strings.NewReader("")
		return w.Do(ctx, q)
	}
	q := request(wire.DAV, http.MethodPut, name)
	q.Body = strings.NewReader("")
	q.Header["If"] = "(" + token + ")"
	return w.Do(ctx, q)
}
