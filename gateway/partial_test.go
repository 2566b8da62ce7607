package gateway_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store/kv/kvtest/chance"
)

// Replaced parts follow a byte slice, inline and in files, from bodies that
// come in pieces.
func TestPutPartFollowsAModel(t *testing.T) {
	w := newWorld(t)
	chance.Check(t, func(rt *rapid.T) {
		old := rapid.StringMatching(`[a-z]{0,120}`).Draw(rt, "old")
		body := rapid.StringMatching(`[A-Z]{0,120}`).Draw(rt, "body")
		w.put("part", old)
		part := gateway.Part{Append: rapid.Bool().Draw(rt, "append"), Length: -1}
		part.Offset = int64(rapid.IntRange(-len(old), len(old)).Draw(rt, "offset"))
		if rapid.Bool().Draw(rt, "measured") {
			part.Length = int64(len(body))
		}
		from := int(part.Offset)
		switch {
		case part.Append:
			from = len(old)
		case from < 0:
			from += len(old)
		}
		want := old[:from] + body
		if len(want) < len(old) {
			want += old[len(want):]
		}
		opt := gateway.PutOptions{Drive: true, Size: int64(len(body))}
		if rapid.Bool().Draw(rt, "chunked") {
			opt.Size = -1
		}
		_, err := w.g.Objects.PutPart(w.ctx, ref("c", "part"), iotest.OneByteReader(strings.NewReader(body)), part, opt)
		w.must(err)
		if got, err := w.read("c", "part"); err != nil || got != want {
			rt.Fatalf("%+v of %q in %q: %q, %v; want %q", part, body, old, got, err, want)
		}
	})
}

// A part does not bring back what somebody replaced meanwhile.
func TestPutPartKeepsWhatCameMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.put("a", "old")
	body := readFunc(func(p []byte) (int, error) {
		w.put("a", "newer")
		return copy(p, "x"), io.EOF
	})
	_, err := w.g.Objects.PutPart(w.ctx, ref("c", "a"), body, gateway.Part{Length: 1}, gateway.PutOptions{Drive: true, Size: 1})
	wantKind(t, err, errs.Conflict, "")
	if got, err := w.read("c", "a"); err != nil || got != "newer" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = w.g.Objects.PutPart(w.ctx, ref("c", "a"), strings.NewReader("x"), gateway.Part{Offset: 6, Length: 1}, gateway.PutOptions{Size: 1})
	wantKind(t, err, errs.Invalid, errs.BadRange)
	_, err = w.g.Objects.PutPart(w.Ctx("tester2"), ref("c", "a"), strings.NewReader("x"), gateway.Part{Length: 1}, gateway.PutOptions{Size: 1})
	wantKind(t, err, errs.Forbidden, "")
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
