package gateway_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/adler32"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

// inPieces is a world whose content can be damaged, so that a test sees who
// reads it.
type inPieces struct {
	*world
	blobs *memblob.Store
}

func newInPieces(t *testing.T) inPieces {
	t.Helper()
	blobs := memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	return inPieces{w, blobs}
}

// begin begins an upload and puts pieces in the given order; it returns the
// file that they make up.
func (w inPieces) begin(upload string, order ...int) (whole string) {
	w.t.Helper()
	w.must(w.g.Objects.BeginUpload(w.ctx, upload))
	for _, n := range order {
		w.must(w.piece(upload, fmt.Sprint(n), pieceOf(n)))
	}
	for n := range order {
		whole += pieceOf(n + 1)
	}
	return whole
}

// pieceOf is the content of a piece, every third in the engine.
func pieceOf(n int) string {
	if n%3 == 0 {
		return fmt.Sprintf("(%d)", n)
	}
	return fmt.Sprintf("(%d) %s", n, long)
}

func (w inPieces) assemble(upload, name string, opt gateway.PutOptions) (gateway.PutResult, error) {
	return w.g.Objects.Assemble(w.ctx, upload, ref("c", name), -1, opt)
}

// blobIDs lists the content in files.
func (w inPieces) blobIDs() (ids []blob.ID) {
	w.t.Helper()
	for id, err := range w.blobs.All(w.t.Context()) {
		w.must(err)
		ids = append(ids, id)
	}
	return ids
}

// sabotage flips a bit of all content in files, and mends it again when it is
// called once more.
func (w inPieces) sabotage() {
	for _, id := range w.blobIDs() {
		w.blobs.Damage(id, func(b []byte) []byte { b[0] ^= 1; return b })
	}
}

// holds fails unless an object has these bytes and their digest on every way.
func (w inPieces) holds(name, want string) {
	w.t.Helper()
	sum := md5.Sum([]byte(want))
	o, err := w.g.Objects.Head(w.ctx, ref("c", name), gateway.Conditions{})
	if err != nil || o.Size != int64(len(want)) || o.ETag() != hex.EncodeToString(sum[:]) || o.Large != gateway.Plain {
		w.t.Errorf("%s: %+v, %v", name, o, err)
	}
	if got, err := w.read("c", name); err != nil || got != want {
		w.t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
	}
}

// What came in order, or waited for what came later, is neither read nor
// written when it is put together.
func TestAssemblyReadsNothingThatIsSummedUpAlready(t *testing.T) {
	for _, order := range [][]int{{1, 2, 3, 4, 5, 6}, {2, 1, 3, 4, 6, 5, 7}, {3, 2, 1, 4}, {4, 3, 2, 1, 5, 6}} {
		w := newInPieces(t)
		whole := w.begin("u", order...)
		before := w.blobIDs()
		w.sabotage()
		_, err := w.assemble("u", "whole", gateway.PutOptions{})
		w.must(err)
		if after := w.blobIDs(); len(after) != len(before) {
			t.Errorf("%d files became %d", len(before), len(after))
		}
		w.sabotage()
		w.holds("whole", whole)
		w.counts(gateway.UploadsContainer)
		soundStore(t, w.Fixture)
	}
}

// What is not is read; damage among it is found then, and nothing is changed.
func TestAssemblyReadsWhatCameOutOfOrder(t *testing.T) {
	w := newInPieces(t)
	w.begin("u", 1, 2, 4, 5, 3)
	w.sabotage()
	if _, err := w.assemble("u", "whole", gateway.PutOptions{}); err == nil {
		t.Error("damaged pieces were put together")
	}
	w = newInPieces(t)
	whole := w.begin("u", 1, 2, 4, 5, 3)
	_, err := w.assemble("u", "whole", gateway.PutOptions{})
	w.must(err)
	w.holds("whole", whole)
}

// A piece that is sent again counts as it was sent last, whatever its turn.
func TestAPieceThatIsSentAgainCountsAsSentLast(t *testing.T) {
	for _, again := range []int{1, 2, 5} {
		w := newInPieces(t)
		whole := w.begin("u", 1, 2, 3, 4, 5)
		w.must(w.piece("u", fmt.Sprint(again), pieceOf(again))) // the same once more
		w.must(w.piece("u", fmt.Sprint(again), "(another) "+long))
		whole = strings.Replace(whole, pieceOf(again), "(another) "+long, 1)
		_, err := w.assemble("u", "whole", gateway.PutOptions{})
		w.must(err)
		w.holds("whole", whole)
		w.Store.Drain(t.Context())
		soundStore(t, w.Fixture)
	}
}

// Names say where a piece belongs in several ways.
func TestPiecesAreSummedUpInWhateverWayTheyAreNamed(t *testing.T) {
	for _, names := range [][]string{
		{"1", "2", "3"}, {"00001", "00002", "00003"}, {"%015d-%015d"}, {"%016d"}, {"a", "b", "c"}, {"%d"}, {"0", "1", "2"},
	} {
		w := newInPieces(t)
		w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
		whole := ""
		for n := 1; n <= 3; n++ {
			var name string
			switch {
			case len(names) == 3:
				name = names[n-1]
			case strings.Contains(names[0], "-"):
				name = fmt.Sprintf(names[0], len(whole), len(whole)+len(pieceOf(n))-1)
			default:
				name = fmt.Sprintf(names[0], len(whole))
			}
			w.must(w.piece("u", name, pieceOf(n)))
			whole += pieceOf(n)
		}
		_, err := w.assemble("u", "whole", gateway.PutOptions{})
		w.must(err)
		w.holds("whole", whole)
	}
}

func TestDigestsPromisedForTheWholeAreCompared(t *testing.T) {
	sums := map[string]func(string) string{
		"md5":     func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) },
		"sha1":    func(s string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(s))) },
		"sha256":  func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) },
		"adler32": func(s string) string { return fmt.Sprintf("%08x", adler32.Checksum([]byte(s))) },
	}
	for algorithm, sum := range sums {
		w := newInPieces(t)
		whole := w.begin("u", 1, 2, 3)
		_, err := w.assemble("u", "whole", gateway.PutOptions{Digests: []gateway.Digest{{Algorithm: algorithm, Sum: sum("else")}}})
		wantKind(t, err, errs.Mismatch, "")
		_, err = w.read("c", "whole")
		wantKind(t, err, errs.NotFound, errs.NoObject)
		_, err = w.assemble("u", "whole", gateway.PutOptions{Digests: []gateway.Digest{{Algorithm: algorithm, Sum: sum(whole)}}})
		w.must(err)
		w.holds("whole", whole)
	}
}

// The room of the pieces becomes that of the file.
func TestAssemblyNeedsNoRoomOfItsOwn(t *testing.T) {
	w := newInPieces(t)
	whole := w.begin("u", 1, 2, 4, 3)
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.limited(c.Depot, int64(len(whole)))
	_, err = w.assemble("u", "whole", gateway.PutOptions{})
	w.must(err)
	w.holds("whole", whole)
	a, err := w.g.Accounts.Get(w.ctx, "test")
	if err != nil || a.Bytes != int64(len(whole)) {
		t.Errorf("the account holds %d bytes of %d (%v)", a.Bytes, len(whole), err)
	}
	w.must(w.g.Objects.BeginUpload(w.ctx, "v"))
	wantKind(t, w.piece("v", "1", long), errs.OverQuota, "")
}

// Pieces that a snapshot keeps take their room besides the file's.
func TestAssemblyNeedsRoomForWhatSnapshotsKeepOfThePieces(t *testing.T) {
	w := newInPieces(t)
	w.begin("u", 1, 2, 4)
	whole := pieceOf(1) + pieceOf(2) + pieceOf(4)
	w.must(w.g.Snapshots.Create(w.ctx, ref(gateway.UploadsContainer, ""), "s"))
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.limited(c.Depot, int64(len(whole)))
	_, err = w.assemble("u", "whole", gateway.PutOptions{})
	wantKind(t, err, errs.OverQuota, "")
	w.limited(c.Depot, 2*int64(len(whole)))
	_, err = w.assemble("u", "whole", gateway.PutOptions{})
	w.must(err)
	w.holds("whole", whole)
	soundStore(t, w.Fixture)
	w.must(w.g.Snapshots.Destroy(w.ctx, ref(gateway.UploadsContainer, ""), "s"))
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "whole"), nil))
	w.Store.Drain(t.Context())
	if n, err := w.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d contents are left, %v", n, err)
	}
	soundStore(t, w.Fixture)
}

// The file replaces another one as every PUT does, and is copied, kept as a
// version, shown by snapshots and removed as every file is.
func TestAnAssembledFileIsAFileLikeAllOthers(t *testing.T) {
	w := newInPieces(t)
	on := true
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Versioned: &on}))
	w.put("whole", "old")
	whole := w.begin("u", 1, 2, 3, 4)
	_, err := w.assemble("u", "whole", gateway.PutOptions{Conditions: gateway.Conditions{IfNoneMatch: []string{"*"}}})
	wantKind(t, err, errs.Precondition, "")
	r, err := w.assemble("u", "whole", gateway.PutOptions{})
	if err != nil || r.Created {
		t.Error(r.Created, err)
	}
	w.holds("whole", whole)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	_, _, err = w.g.Objects.Copy(w.ctx, ref("c", "whole"), ref("c", "copy"), gateway.CopyOptions{})
	w.must(err)
	_, err = w.g.Trees.Move(w.ctx, ref("c", "copy"), ref("c", "moved"), gateway.TreeOptions{})
	w.must(err)
	w.put("whole", "new")
	w.holds("moved", whole)
	_, err = w.g.Trees.Copy(w.ctx, ref("c", ".zfs/snapshot/s/whole"), ref("c", "past"), gateway.TreeOptions{})
	w.must(err)
	w.holds("past", whole)
	soundStore(t, w.Fixture)
	if n := len(w.blobIDs()); n != 3 {
		t.Errorf("%d files where three pieces lie in files", n)
	}
}

func TestAPieceThatIsReplacedDuringAssemblyEndsIt(t *testing.T) {
	w := newInPieces(t)
	w.begin("u", 1, 2, 3)
	w.put("lock", "x")
	// A lock of somebody else on the upload keeps it as it is.
	lock, _, err := w.g.Trees.Lock(w.ctx, ref(gateway.UploadsContainer, "tester/u/"), gateway.LockRequest{Infinite: true, Exclusive: true})
	w.must(err)
	_, err = w.assemble("u", "whole", gateway.PutOptions{})
	if !errors.Is(err, errs.Locked) {
		t.Error(err)
	}
	_, err = w.assemble("u", "whole", gateway.PutOptions{Conditions: gateway.Conditions{Tokens: []string{lock.Token}}})
	w.must(err)
	soundStore(t, w.Fixture)
}

func TestAFileCannotLieInItsOwnUpload(t *testing.T) {
	w := newInPieces(t)
	w.begin("u", 1, 2)
	for _, name := range []string{"tester/u/2", "tester/u/x", "tester/u/"} {
		_, err := w.g.Objects.Assemble(w.ctx, "u", ref(gateway.UploadsContainer, name), -1, gateway.PutOptions{})
		wantKind(t, err, errs.Forbidden, errs.Nested)
	}
	_, err := w.g.Objects.Assemble(w.ctx, "u", ref(gateway.UploadsContainer, "tester/whole"), -1, gateway.PutOptions{})
	w.must(err)
	w.counts(gateway.UploadsContainer)
	soundStore(t, w.Fixture)
}

// A file may be larger than one object: each of its pieces is below the limit.
func TestPiecesMayMakeUpMoreThanOneObjectMayHave(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{MaxObject: 120}})
	w := inPieces{&world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}, nil}
	w.container("c")
	whole := w.begin("u", 1, 2, 3)
	wantKind(t, w.piece("u", "4", strings.Repeat("x", 121)), errs.TooLarge, "")
	_, err := w.assemble("u", "whole", gateway.PutOptions{})
	w.must(err)
	w.holds("whole", whole)
}

// Ten thousand pieces are put together in one transaction.
func TestTenThousandPiecesBecomeOneFile(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	w := inPieces{&world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}, nil}
	w.container("c")
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	var whole strings.Builder
	for n := 1; n <= store.MaxParts; n++ {
		body := fmt.Sprintf("%d %s\n", n, long)
		whole.WriteString(body)
		w.must(w.piece("u", fmt.Sprint(n), body))
	}
	_, err := w.assemble("u", "whole", gateway.PutOptions{})
	w.must(err)
	w.holds("whole", whole.String())
	w.counts(gateway.UploadsContainer)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "whole"), nil))
	w.Store.Drain(t.Context())
	if n, err := w.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d contents are left, %v", n, err)
	}
}

// Too many are refused.
func TestTooManyPiecesAreRefused(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.must(w.g.Objects.BeginUpload(w.ctx, "u"))
	for n := range store.MaxParts + 1 {
		w.must(w.piece("u", fmt.Sprintf("x%05d", n), ""))
	}
	_, err := w.g.Objects.Assemble(w.ctx, "u", ref("c", "whole"), -1, gateway.PutOptions{})
	wantKind(t, err, errs.Invalid, errs.TooMany)
}
