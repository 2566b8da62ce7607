package gateway_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

// world is a fixture with a container "c" of account test and shorthands.
type world struct {
	*gatewaytest.Fixture
	t   *testing.T
	g   *gateway.Gateway
	ctx context.Context // tester's
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, t)
}

// newWorldIn is newWorld for a world that ends with its scope.
func newWorldIn(t *testing.T, scope testing.TB) *world {
	t.Helper()
	f := gatewaytest.New(scope)
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	return w
}

func (w *world) container(name string) {
	w.t.Helper()
	if _, err := w.g.Containers.Create(w.ctx, ref(name, ""), gateway.ContainerChange{}); err != nil {
		w.t.Fatal(err)
	}
}

func ref(container, object string) gateway.Ref {
	return gateway.Ref{Account: "test", Container: container, Object: object}
}

func (w *world) put(name, body string) gateway.Object {
	w.t.Helper()
	r, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader(body), gateway.PutOptions{Size: -1})
	if err != nil {
		w.t.Fatalf("put %q: %v", name, err)
	}
	return r.Object
}

// drivePut puts as a drive does.
func (w *world) drivePut(name, body string) error {
	_, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader(body), gateway.PutOptions{Size: -1, Drive: true})
	return err
}

func (w *world) get(name string) string {
	w.t.Helper()
	body, err := w.read("c", name)
	if err != nil {
		w.t.Fatalf("get %q: %v", name, err)
	}
	return body
}

func (w *world) read(container, name string) (string, error) {
	_, content, err := w.g.Objects.Open(w.ctx, ref(container, name), gateway.Conditions{})
	if err != nil {
		return "", err
	}
	defer content.Close()
	var b strings.Builder
	if _, err := content.WriteRange(&b, 0, content.Size()); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (w *world) names(container string) []string {
	w.t.Helper()
	_, list, err := w.g.Objects.List(w.ctx, ref(container, ""), gateway.ListOptions{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{}
	for _, e := range list {
		out = append(out, e.Object.Name)
	}
	return out
}

// counts checks the container's counters against what it holds.
func (w *world) counts(container string) {
	w.t.Helper()
	c, list, err := w.g.Objects.List(w.ctx, ref(container, ""), gateway.ListOptions{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	var bytes int64
	for _, e := range list {
		bytes += e.Object.Size
	}
	if c.Objects != int64(len(list)) || c.Bytes != bytes {
		w.t.Errorf("%s counts %d objects, %d bytes; it has %d, %d", container, c.Objects, c.Bytes, len(list), bytes)
	}
}

func wantKind(t *testing.T, err error, kind errs.Kind, reason errs.Reason) {
	t.Helper()
	if errs.Of(err) != kind || errs.ReasonOf(err) != reason || err == nil {
		t.Errorf("got %v (%v, %q), want %v, %q", err, errs.Of(err), errs.ReasonOf(err), kind, reason)
	}
}

const long = "a body that is longer than the inline limit of the fixture, which has sixty-four bytes only"

func TestWhatWasPutIsRead(t *testing.T) {
	w := newWorld(t)
	for name, body := range map[string]string{"empty": "", "inline": "x", "blob": long, "//a/../b/": "odd", "a\nb": "line"} {
		o := w.put(name, body)
		if o.Size != int64(len(body)) {
			t.Errorf("%q: size %d", name, o.Size)
		}
		if got := w.get(name); got != body {
			t.Errorf("%q: %q", name, got)
		}
	}
	w.counts("c")
}

func TestOverwriteReplacesContentAndProperties(t *testing.T) {
	w := newWorld(t)
	first, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(long), gateway.PutOptions{
		Size: int64(len(long)), ContentType: "text/plain", Properties: gateway.Properties{"k": "v"},
	})
	if err != nil || !first.Created {
		t.Fatal(first, err)
	}
	second, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("new"), gateway.PutOptions{Size: 3})
	if err != nil || second.Created {
		t.Fatal(second, err)
	}
	o, err := w.g.Objects.Head(w.ctx, ref("c", "o"), gateway.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Properties) != 0 || o.ContentType != "application/octet-stream" || w.get("o") != "new" {
		t.Errorf("%+v", o)
	}
	if !o.Timestamp.After(first.Object.Timestamp) {
		t.Errorf("timestamp %v is not after %v on a clock that stands still", o.Timestamp, first.Object.Timestamp)
	}
	w.counts("c")
}

func TestPutKeepsOldObjectWhenBodyFails(t *testing.T) {
	w := newWorld(t)
	old := w.put("o", "old")
	broken := errors.New("connection lost")
	for _, body := range []io.Reader{
		strings.NewReader("short"),
		io.MultiReader(strings.NewReader(long), errReader{io.ErrUnexpectedEOF}),
		io.MultiReader(strings.NewReader("x"), errReader{broken}),
	} {
		_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), body, gateway.PutOptions{Size: 1000})
		wantKind(t, err, errs.Incomplete, "")
	}
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{
		Size: 1, Digests: []gateway.Digest{{Algorithm: "md5", Sum: strings.Repeat("0", 32)}},
	})
	wantKind(t, err, errs.Mismatch, "")
	o, err := w.g.Objects.Head(w.ctx, ref("c", "o"), gateway.Conditions{})
	if err != nil || w.get("o") != "old" || o.MD5 != old.MD5 || !o.Timestamp.Equal(old.Timestamp) {
		t.Errorf("the old object changed: %+v %v", o, err)
	}
	w.counts("c")
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestConditionsGuardWrites(t *testing.T) {
	w := newWorld(t)
	o := w.put("o", "old")
	put := func(name string, c gateway.Conditions) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader("new"), gateway.PutOptions{Size: 3, Conditions: c})
		return err
	}
	wantKind(t, put("o", gateway.Conditions{IfNoneMatch: []string{"*"}}), errs.Precondition, "")
	wantKind(t, put("o", gateway.Conditions{IfMatch: []string{"bogus"}}), errs.Precondition, "")
	wantKind(t, put("none", gateway.Conditions{IfMatch: []string{"*"}}), errs.Precondition, "")
	if got := w.get("o"); got != "old" {
		t.Errorf("content %q", got)
	}
	if err := put("o", gateway.Conditions{IfMatch: []string{o.MD5}}); err != nil {
		t.Error(err)
	}
	if err := put("new", gateway.Conditions{IfNoneMatch: []string{"*"}}); err != nil {
		t.Error(err)
	}
}

func TestOfManyCreateExclusiveOnlyOneWins(t *testing.T) {
	w := newWorld(t)
	const writers = 16
	won := make(chan bool, writers)
	for range writers {
		go func() {
			_, err := w.g.Objects.Put(w.ctx, ref("c", "once"), strings.NewReader("x"), gateway.PutOptions{
				Size: 1, Conditions: gateway.Conditions{IfNoneMatch: []string{"*"}},
			})
			won <- err == nil
		}()
	}
	wins := 0
	for range writers {
		if <-won {
			wins++
		}
	}
	if wins != 1 {
		t.Errorf("%d writers created the same name", wins)
	}
	w.counts("c")
}

func TestExpiredObjectIsGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(long), gateway.PutOptions{
		Size: -1, DeleteAt: w.Clock.Now().Add(time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Second)
	_, err = w.read("c", "o")
	wantKind(t, err, errs.NotFound, errs.NoObject)
	wantKind(t, w.g.Objects.Delete(w.ctx, ref("c", "o"), nil), errs.NotFound, errs.NoObject)
	if got := w.names("c"); len(got) != 0 {
		t.Errorf("listed: %q", got)
	}
	r, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{
		Size: 1, Conditions: gateway.Conditions{IfNoneMatch: []string{"*"}},
	})
	if err != nil || !r.Created {
		t.Error(r, err)
	}
	w.counts("c")
}

func TestCopySharesContentUntilTheLastOwnerGoes(t *testing.T) {
	w := newWorld(t)
	w.container("c2")
	for _, body := range []string{"small", long} {
		w.put("a", body)
		for range 2 { // the second copy replaces the first
			if _, _, err := w.g.Objects.Copy(w.ctx, ref("c", "a"), ref("c2", "b"), gateway.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		w.put("a", "other")
		w.Store.Drain(t.Context())
		if got, err := w.read("c2", "b"); err != nil || got != body {
			t.Errorf("copy reads %q, %v", got, err)
		}
		if err := w.g.Objects.Delete(w.ctx, ref("c", "a"), nil); err != nil {
			t.Fatal(err)
		}
		if err := w.g.Objects.Delete(w.ctx, ref("c2", "b"), nil); err != nil {
			t.Fatal(err)
		}
		w.Store.Drain(t.Context())
		w.counts("c")
		w.counts("c2")
	}
	if left := w.leftovers(); left != "" {
		t.Error(left)
	}
}

// leftovers tells what content rows and blobs are left although no object is.
func (w *world) leftovers() string {
	n, err := w.Store.ContentCount(w.t.Context())
	if err != nil {
		return err.Error()
	}
	if n != (0) {
		return "content without an object is left"
	}
	return ""
}

func TestCopyMergesProperties(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "a"), strings.NewReader("x"), gateway.PutOptions{
		Size: 1, ContentType: "text/x", Properties: gateway.Properties{"a": "1", "b": "1"},
		Headers: gateway.Properties{"content-encoding": "gzip"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := w.g.Objects.Copy(w.ctx, ref("c", "a"), ref("c", "b"), gateway.CopyOptions{Properties: gateway.Properties{"b": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(gateway.Properties{"a": "1", "b": "2"}, r.Object.Properties); d != "" || r.Object.Headers["content-encoding"] != "gzip" {
		t.Error(d, r.Object.Headers)
	}
	_, r, err = w.g.Objects.Copy(w.ctx, ref("c", "a"), ref("c", "a"), gateway.CopyOptions{Fresh: true, Properties: gateway.Properties{"n": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(gateway.Properties{"n": "3"}, r.Object.Properties); d != "" || r.Object.ContentType != "text/x" {
		t.Error(d, r.Object)
	}
	if w.get("a") != "x" {
		t.Error("copy onto itself lost the content")
	}
}

func TestListingFollowsSwiftsRules(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"a", "b/1", "b/2", "b/c/3", "d"} {
		w.put(n, "x")
	}
	for _, c := range []struct {
		opt  gateway.ListOptions
		want []string
	}{
		{gateway.ListOptions{}, []string{"a", "b/1", "b/2", "b/c/3", "d"}},
		{gateway.ListOptions{Limit: 2, Marker: "b/1"}, []string{"b/2", "b/c/3"}},
		{gateway.ListOptions{EndMarker: "b/2"}, []string{"a", "b/1"}},
		{gateway.ListOptions{Delimiter: "/"}, []string{"a", "+b/", "d"}},
		{gateway.ListOptions{Delimiter: "/", Prefix: "b"}, []string{"+b/"}},
		{gateway.ListOptions{Delimiter: "/", Prefix: "b/"}, []string{"b/1", "b/2", "+b/c/"}},
		{gateway.ListOptions{Delimiter: "/", Marker: "b/"}, []string{"d"}},
		{gateway.ListOptions{Delimiter: "/", Marker: "b/1"}, []string{"+b/", "d"}},
		{gateway.ListOptions{Prefix: "b/", Direct: true}, []string{"b/1", "b/2"}},
		{gateway.ListOptions{Reverse: true, Limit: 2, Marker: "d"}, []string{"b/c/3", "b/2"}},
		{gateway.ListOptions{Reverse: true, Delimiter: "/", Prefix: "b/", Limit: 1}, []string{"+b/c/"}},
		{gateway.ListOptions{Reverse: true, Delimiter: "/", EndMarker: "a"}, []string{"d", "+b/"}},
		{gateway.ListOptions{Prefix: "zz"}, nil},
		{gateway.ListOptions{Marker: "z", EndMarker: "a"}, nil},
	} {
		if c.opt.Limit == 0 {
			c.opt.Limit = 100
		}
		_, list, err := w.g.Objects.List(w.ctx, ref("c", ""), c.opt)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			if e.Subdir != "" {
				got = append(got, "+"+e.Subdir)
			} else {
				got = append(got, e.Object.Name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.opt, got, c.want)
		}
	}
}

func TestReadConditions(t *testing.T) {
	w := newWorld(t)
	o := w.put("o", "x")
	head := func(c gateway.Conditions) error {
		_, err := w.g.Objects.Head(w.ctx, ref("c", "o"), c)
		return err
	}
	wantKind(t, head(gateway.Conditions{IfNoneMatch: []string{o.MD5}}), errs.NotModified, "")
	wantKind(t, head(gateway.Conditions{IfMatch: []string{"no"}}), errs.Precondition, "")
	wantKind(t, head(gateway.Conditions{IfModifiedSince: o.Timestamp.Add(time.Hour)}), errs.NotModified, "")
	wantKind(t, head(gateway.Conditions{IfUnmodifiedSince: o.Timestamp.Add(-time.Hour)}), errs.Precondition, "")
	if err := head(gateway.Conditions{IfMatch: []string{o.MD5}, IfModifiedSince: o.Timestamp.Add(-time.Hour)}); err != nil {
		t.Error(err)
	}
	_, err := w.g.Objects.Head(w.ctx, ref("c", "none"), gateway.Conditions{IfMatch: []string{"*"}})
	wantKind(t, err, errs.Precondition, errs.NoObject)
}

func TestModificationTimeComesFromTheMtimeProperty(t *testing.T) {
	w := newWorld(t)
	r, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{
		Size: 1, Properties: gateway.Properties{"mtime": "1420070400.25"},
	})
	want := time.Date(2015, 1, 1, 0, 0, 0, 250_000_000, time.UTC)
	if err != nil || !r.Object.Modified.Equal(want) {
		t.Error(r.Object.Modified, err)
	}
	r, err = w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{Size: 1, Drive: true, Modified: want})
	if err != nil || r.Object.Properties["mtime"] != "1420070400.250000" {
		t.Error(r.Object.Properties, err)
	}
	o, err := w.g.Objects.SetMeta(w.ctx, ref("c", "o"), gateway.MetaChange{})
	if err != nil || o.Modified.Equal(want) {
		t.Error("POST without mtime kept it", o.Modified, err)
	}
}
