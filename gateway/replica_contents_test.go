package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/store/blob"
)

// upload puts a file into the space in pieces, which stay parts of its content.
func (r *replicated) upload(name string, pieces ...string) (whole string) {
	r.t.Helper()
	ctx := r.Ctx("tester")
	r.must(r.Gateway.Objects.BeginUpload(ctx, "u"))
	for i, body := range pieces {
		_, err := r.Gateway.Objects.PutPiece(ctx, "u", fmt.Sprintf("%05d", i+1), strings.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
		r.must(err)
		whole += body
	}
	_, err := r.Gateway.Objects.Assemble(ctx, "u", r.at(name), -1, gateway.PutOptions{})
	r.must(err)
	return whole
}

// read reads an object as everybody sees it.
func (r *replicated) read(ref gateway.Ref) string {
	r.t.Helper()
	_, content, err := r.Gateway.Objects.Open(r.Ctx("admin"), ref, gateway.Conditions{})
	r.must(err)
	defer content.Close()
	b, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	r.must(err)
	return string(b)
}

// inCopy is the replica of an object.
func (r *replicated) inCopy(name string) gateway.Ref {
	ref := r.copy
	ref.Object = name
	return ref
}

func manyPieces(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = pieceOf(i + 1)
	}
	return list
}

// A file that came in pieces is one file in the replica, with the same digests,
// also where it is larger than one object may be.
func TestFileInPiecesIsReplicatedWhole(t *testing.T) {
	for _, before := range []bool{false, true} {
		t.Run(fmt.Sprintf("set before %v", before), func(t *testing.T) {
			r := newReplicated(t, func(c *gateway.Config) { c.MaxObject = 200 })
			if before {
				r.set(2)
				r.drain()
			}
			r.put("dir/", "", gateway.PutOptions{ContentType: "application/directory"})
			whole := r.upload("dir/whole", manyPieces(300)...)
			if !before {
				r.set(2)
			}
			r.drain()
			r.wantInStep()
			if got := r.read(r.inCopy("dir/whole")); got != whole {
				t.Errorf("the replica has %d bytes of %d", len(got), len(whole))
			}
			carried := r.carried()
			r.move("dir", "moved")
			_, _, err := r.Gateway.Objects.Copy(r.Ctx("tester"), r.at("moved/whole"), r.at("copy"), gateway.CopyOptions{})
			r.must(err)
			r.drain()
			r.wantInStep()
			if got := r.carried() - carried; got != 0 {
				t.Errorf("%d bytes were carried anew", got)
			}
			r.must(r.Gateway.Replication.Compare(r.Ctx("tester"), r.ref))
			r.drain()
			if got := r.carried() - carried; got != 0 {
				t.Errorf("the comparison carried %d bytes", got)
			}
			r.upload("moved/whole", manyPieces(4)...)
			r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at("copy"), nil))
			r.drain()
			r.wantInStep()
			r.wantSound()
		})
	}
}

// A damaged part makes a file whole again from the replica, and a damaged
// replica from the parts.
func TestFileInPiecesIsMendedFromTheOtherSide(t *testing.T) {
	for _, side := range []string{"source", "replica"} {
		t.Run(side, func(t *testing.T) {
			r := newReplicated(t, withReports)
			whole := r.upload("whole", manyPieces(5)...)
			r.set(2)
			r.drain()
			at := r.damaged(side, "whole")
			done, err := r.Gateway.Replication.Mend(r.Ctx("tester"), r.ref)
			if err != nil || done.Mended != 1 || done.Left != 0 {
				t.Fatalf("%+v, %v", done, err)
			}
			r.wantInStep()
			if got := r.read(r.at("whole")); got != whole {
				t.Errorf("%d bytes of %d", len(got), len(whole))
			}
			if got := r.report(at); !strings.Contains(got, "whole|SUCCESS|") {
				t.Errorf("after it was mended:\n%s", got)
			}
			r.Store.Drain(t.Context())
			list, err := r.Store.Quarantine(t.Context(), blob.ID{}, 10)
			if err != nil || len(list) == 0 {
				t.Errorf("quarantine %+v, %v", list, err)
			}
		})
	}
}

// DuraCloud's chunks and their manifest are items each; a drive shows one file
// on both sides, which is carried under its new name by reference.
func TestFileInChunksIsOneFileInTheReplica(t *testing.T) {
	r := newReplicated(t, func(c *gateway.Config) { c.Chunks = jsonChunks{} })
	w := &world{Fixture: r.Fixture, t: t, g: r.Gateway, ctx: r.Ctx("tester")}
	whole := w.putChunks(r.ref, "dir/big", 5)
	r.set(2)
	r.drain()
	r.wantInStep()
	w.ctx = r.Ctx("admin")
	if got := w.whole(r.inCopy("dir/big")); got != whole {
		t.Errorf("the replica's drive shows %q", got)
	}
	w.ctx = r.Ctx("tester")
	w.putChunks(r.ref, "dir/big", 7)
	r.move("dir/big", "small")
	r.drain()
	r.wantInStep()
	w.ctx = r.Ctx("admin")
	if got, want := w.whole(r.inCopy("small")), w.whole(r.at("small")); got != want || got == whole {
		t.Errorf("the replica's drive shows %q, want %q", got, want)
	}
	_, err := r.Gateway.Objects.Put(r.Ctx("tester"), r.at("small"), strings.NewReader("plain"), gateway.PutOptions{Size: 5, Drive: true})
	r.must(err)
	r.drain()
	r.wantInStep()
	if got := r.contents(r.copy); len(got) != 2 { // with the marker of the folder
		t.Errorf("chunks are left: %v", got)
	}
	r.wantSound()
}

// Large objects and links are what they are in the replica as well, and there
// lead to what is in the replica's store.
func TestLargeObjectsAndLinksLeadToTheReplicasOwnParts(t *testing.T) {
	r := newReplicated(t, nil)
	r.set(2)
	r.manyChanges()
	r.drain()
	r.wantInStep()
	for _, name := range []string{"static", "dynamic", "link"} {
		if got, want := r.read(r.inCopy(name)), r.read(r.at(name)); got != want || want == "" {
			t.Errorf("%s reads as %d bytes, want %d", name, len(got), len(want))
		}
	}
	// What the primary store loses is in the other one still.
	r.set()
	r.drain()
	for _, name := range []string{"large", "small", "folder/a"} {
		r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at(name), nil))
	}
	if got := r.read(r.inCopy("static")); len(got) != 10_001 {
		t.Errorf("without its source the replica's large object has %d bytes", len(got))
	}
	if got := r.read(r.inCopy("link")); got != "x" {
		t.Errorf("without its source the replica's link leads to %q", got)
	}
}
