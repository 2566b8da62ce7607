package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Rows of expired objects lie where a tree goes until they are reaped. More of
// them than one step may remove refuse it: what would be written over is lost
// track of.
func TestTreeIsNotWrittenOverMoreExpiredRowsThanAStepMayRemove(t *testing.T) {
	for name, transfer := range map[string]func(w *world) error{
		"copy": func(w *world) error {
			_, err := w.g.Trees.Copy(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{Overwrite: true})
			return err
		},
		"move": func(w *world) error {
			_, err := w.g.Trees.Move(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{Overwrite: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWith(t, gateway.Config{MaxTree: 2})
			for _, n := range []string{"e/1", "e/2", "e/3"} {
				_, err := w.g.Objects.Put(w.ctx, ref("c", n), strings.NewReader(long), gateway.PutOptions{
					Size: -1, DeleteAt: w.Clock.Now().Add(time.Minute),
				})
				w.must(err)
			}
			w.put("d/3", long+"new")
			w.Clock.Advance(2 * time.Minute)
			wantKind(t, transfer(w), errs.Forbidden, errs.TooMany)
			w.sound()
			_, err := w.Store.Expire(t.Context())
			w.must(err)
			w.must(transfer(w))
			w.wantTree("e", "e/3")
			w.sound()
		})
	}
}
