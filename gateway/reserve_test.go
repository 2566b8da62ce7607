package gateway_test

import (
	"io"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/blob/memblob"
)

func TestUploadsOnTheirWayReserveTheirRoom(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Accounts.SetProperties(w.Ctx("admin"), "test", gateway.Properties{"quota-bytes": "100"}))
	put := func(name string, body io.Reader, size int64) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", name), body, gateway.PutOptions{Size: size})
		return err
	}
	r, pipe := io.Pipe()
	first := make(chan error)
	go func() { first <- put("first", r, 80) }()
	if _, err := pipe.Write([]byte(strings.Repeat("x", 40))); err != nil {
		t.Fatal(err)
	}
	wantKind(t, put("second", strings.NewReader(strings.Repeat("y", 30)), 30), errs.OverQuota, "")
	wantKind(t, put("chunked", strings.NewReader(strings.Repeat("y", 30)), -1), errs.OverQuota, "")
	w.must(put("small", strings.NewReader(strings.Repeat("y", 20)), 20))
	if _, err := pipe.Write([]byte(strings.Repeat("x", 40))); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	w.must(<-first)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "first"), nil))
	w.must(put("second", strings.NewReader(strings.Repeat("y", 80)), 80))
	w.counts("c")
}

func TestRoomThatWasReservedIsNotCountedAgainOnceItIsUsed(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Accounts.SetProperties(w.Ctx("admin"), "test", gateway.Properties{"quota-bytes": "100"}))
	begin := func(name string, size int64) (*io.PipeWriter, chan error) {
		r, pipe := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := w.g.Objects.Put(w.ctx, ref("c", name), r, gateway.PutOptions{Size: size})
			done <- err
		}()
		if _, err := pipe.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		return pipe, done
	}
	end := func(pipe *io.PipeWriter, size int, done chan error) {
		if _, err := pipe.Write([]byte(strings.Repeat("x", size-1))); err != nil {
			t.Fatal(err)
		}
		pipe.Close()
		w.must(<-done)
	}
	first, firstDone := begin("first", 60)
	second, secondDone := begin("second", 40) // its room is left beside the first
	end(first, 60, firstDone)
	end(second, 40, secondDone)
	w.counts("c")
}

func TestFullVolumeRefusesGrowthAndLetsDelete(t *testing.T) {
	blobs := memblob.New(memblob.Options{Capacity: int64(len(long))})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.put("o", long)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "small"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	wantKind(t, err, errs.OverQuota, errs.DiskFull)
	wantKind(t, w.g.Trees.MakeFolder(w.ctx, ref("c", "d"), gateway.Conditions{}), errs.OverQuota, errs.DiskFull)
	_, err = w.g.Trees.Copy(w.ctx, ref("c", "o"), ref("c", "o2"), gateway.TreeOptions{})
	wantKind(t, err, errs.OverQuota, errs.DiskFull)
	if w.get("o") != long {
		t.Error("reading fails")
	}
	_, err = w.g.Trees.Move(w.ctx, ref("c", "o"), ref("c", "moved"), gateway.TreeOptions{})
	w.must(err)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "moved"), nil))
	w.Store.Drain(t.Context())
	w.put("small", "x")
}

func TestSmallBodyIsReadFirstOnlyWhenItIsOnItsWay(t *testing.T) {
	w := newWorld(t)
	w.put("warm", "x") // the container is known now
	none := "none"
	refuse := gateway.Conditions{IfMatch: []string{none}}
	read := &watchedBody{}
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), read, gateway.PutOptions{Size: 4, Waiting: true, Conditions: refuse})
	wantKind(t, err, errs.Precondition, "")
	_, err = w.g.Objects.Put(w.Ctx(""), ref("c", "o"), read, gateway.PutOptions{Size: 4})
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), read, gateway.PutOptions{Size: 1 << 20, Conditions: refuse})
	wantKind(t, err, errs.Precondition, "")
	if read.n != 0 {
		t.Error("the body was read before the write was judged")
	}
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("body"), gateway.PutOptions{Size: 4, Conditions: refuse})
	wantKind(t, err, errs.Precondition, "")
	_, err = w.g.Objects.Put(w.Ctx("tester3"), ref("c", "o"), strings.NewReader("body"), gateway.PutOptions{Size: 4})
	wantKind(t, err, errs.Forbidden, "")

	// The container that was known goes away, or becomes another.
	w.must(w.g.Trees.Delete(w.ctx, ref("c", ""), gateway.Conditions{}))
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("body"), gateway.PutOptions{Size: 4})
	wantKind(t, err, errs.NotFound, errs.NoContainer)
	w.container("c")
	w.put("o", "body")
	w.counts("c")
}

type watchedBody struct{ n int }

func (w *watchedBody) Read(p []byte) (int, error) { w.n++; return 0, io.EOF }
