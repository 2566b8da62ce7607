package gateway_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"entrepot/gateway"
)

// walked lists what a walk of a whole account shows, page by page.
func (w *world) walked(limit int) (list []string) {
	w.t.Helper()
	opt := gateway.ListTree{Limit: limit, Recursive: true}
	for range 1000 {
		page, err := w.g.Trees.List(w.ctx, gateway.Ref{Account: "test"}, opt)
		w.must(err)
		for _, n := range page.Nodes {
			list = append(list, n.Ref.Container+"/"+n.Ref.Object)
		}
		if opt.After = page.Next; opt.After == (gateway.Ref{}) {
			return list
		}
	}
	w.t.Fatalf("limit %d: the walk does not end", limit)
	return nil
}

func TestWalkOfAnAccountShowsTheSameWithPagesOfAnySize(t *testing.T) {
	w := newWorld(t)
	for _, c := range []string{"a", "b", "empty", "z"} {
		_, err := w.g.Containers.Create(w.ctx, ref(c, ""), gateway.ContainerChange{})
		w.must(err)
	}
	for _, name := range []string{"\x01odd", "!first", "d/e/f", "d/g", "h", "i/"} {
		for _, c := range []string{"a", "c", "z"} {
			_, err := w.g.Objects.Put(w.ctx, ref(c, name), nothing{}, gateway.PutOptions{})
			w.must(err)
		}
	}
	whole := w.walked(1000)
	if want := 5 + 3*7; len(whole) != want {
		t.Fatalf("%d nodes, want %d: %q", len(whole), want, whole)
	}
	for limit := 1; limit <= len(whole)+1; limit++ {
		if got := w.walked(limit); !slices.Equal(got, whole) {
			t.Errorf("limit %d: %q, want %q", limit, got, whole)
		}
	}
	for limit := range 30 {
		n, err := w.g.Trees.Count(w.ctx, gateway.Ref{Account: "test"}, limit)
		w.must(err)
		if all := 1 + len(whole); n <= limit && n != all || limit < all && n <= limit {
			t.Errorf("%s: counted %d of %d", fmt.Sprint("up to ", limit), n, all)
		}
	}
}

// nothing is a body without bytes.
type nothing struct{}

// Read implements io.Reader.
func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
