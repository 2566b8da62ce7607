package gateway_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// piece puts a piece of an upload of tester's.
func (w *world) piece(upload, name, body string) error {
	_, err := w.g.Objects.PutPiece(w.ctx, upload, name, strings.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
	return err
}

func TestAssembledPiecesAreOneOrdinaryObject(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	wantKind(t, w.g.Objects.BeginUpload(w.ctx, "u"), errs.Exists, "")
	want := ""
	for i := 12; i > 0; i-- {
		w.must(w.piece("u", fmt.Sprint(i), fmt.Sprint(i, long)))
		want = fmt.Sprint(i, long) + want
	}
	r, err := w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), int64(len(want)), gateway.PutOptions{})
	w.must(err)
	sum := md5.Sum([]byte(want))
	if got, err := w.read("c", "whole"); err != nil || got != want || r.Object.MD5 != hex.EncodeToString(sum[:]) || r.Object.Large != gateway.Plain {
		t.Errorf("%d bytes of %d, %v, %+v", len(got), len(want), err, r.Object)
	}
	_, err = w.g.Objects.Assemble(w.ctx, "u", ref("c", "again"), -1, gateway.PutOptions{})
	wantKind(t, err, errs.NotFound, errs.NoObject)
	w.counts("c")
	w.counts(gateway.UploadsContainer)
	if n := len(w.names(gateway.UploadsContainer)); n > 1 {
		t.Errorf("%d names are left of the upload", n)
	}
}

// Names that are not all numbers stand in byte order, as clients that write
// offsets want it.
func TestPiecesOfOtherNamesAreInByteOrder(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	for _, name := range []string{"00010-00019", "00000-00009", "x", "9"} {
		w.must(w.piece("u", name, name+";"))
	}
	_, err := w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), -1, gateway.PutOptions{})
	w.must(err)
	if got, err := w.read("c", "whole"); err != nil || got != "00000-00009;00010-00019;9;x;" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnfinishedUploadsExpire(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	w.must(w.piece("u", "1", long))
	w.Clock.Advance(gateway.UploadLife + time.Second)
	wantKind(t, w.piece("u", "2", long), errs.Conflict, errs.NoParent)
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
}

func TestUploadsAreTheirUsersOwn(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	w.must(w.piece("u", "1", "x"))
	_, err := w.g.Objects.Assemble(w.Ctx("tester2"), "u", gateway.Ref{Account: "test2", Container: "c", Object: "x"}, -1, gateway.PutOptions{})
	if errs.Of(err) != errs.NotFound {
		t.Error(err)
	}
	wantKind(t, w.g.Objects.BeginUpload(w.Ctx("tester3"), "v"), errs.Forbidden, "")
	if err := w.g.Objects.BeginUpload(w.Ctx(""), "v"); errs.Of(err) != errs.Unauthenticated {
		t.Error(err)
	}
	for _, name := range []string{"", "..", "a/b", "."} {
		wantKind(t, w.g.Objects.BeginUpload(w.ctx, name), errs.Invalid, errs.BadName)
	}
	_, err = w.g.Objects.Assemble(w.ctx, "u", gateway.Ref{Account: "test2", Container: "c", Object: "x"}, -1, gateway.PutOptions{})
	wantKind(t, err, errs.Forbidden, "")
	w.must(w.piece("u", "1", "y")) // it is still there
}

// A failed assembly leaves the pieces for another try, and the old object.
func TestFailedAssemblyLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.put("whole", "old")
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	w.must(w.piece("u", "1", "new"))
	_, err := w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), 4, gateway.PutOptions{})
	wantKind(t, err, errs.Invalid, "")
	_, err = w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), 3, gateway.PutOptions{Digests: []gateway.Digest{{Algorithm: "md5", Sum: strings.Repeat("0", 32)}}})
	if !errors.Is(err, errs.Mismatch) {
		t.Error(err)
	}
	if got, _ := w.read("c", "whole"); got != "old" {
		t.Errorf("%q", got)
	}
	_, err = w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), 3, gateway.PutOptions{})
	w.must(err)
	if got, _ := w.read("c", "whole"); got != "new" {
		t.Errorf("%q", got)
	}
}
