package boltkv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// small returns the directory of a volume of a few MiB, which takes root.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	switch err := syscall.Mount("small", dir, "tmpfs", 0, "size="+size); {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		t.Skip("mounting a small volume takes root:", err)
	case err != nil:
		t.Skip("no small volume here:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullVolumeRefusesWithoutStopping (C4): a transaction for which there is
// no room fails with kv.ErrNoSpace and changes nothing; reads go on, the next
// start works, and with room there are writes again, without a new start.
func TestFullVolumeRefusesWithoutStopping(t *testing.T) {
	for _, ballast := range []int{0, 2800 << 10, 2990 << 10} {
		t.Run(fmt.Sprint(ballast), func(t *testing.T) {
			dir := small(t, "3m")
			path := filepath.Join(dir, "store.db")
			e, err := boltkv.Open(path, boltkv.Options{}.WithBounds(10, 0, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			weight := filepath.Join(dir, "ballast")
			if err := os.WriteFile(weight, make([]byte, ballast), 0o600); err != nil {
				t.Fatal(err)
			}
			acked, refused := fillUp(t, e)
			if refused == 0 {
				t.Fatalf("%d rows of 4 KiB found room", acked)
			}
			if got, err := countRows(t, e); err != nil || got != acked {
				t.Errorf("%d rows, %d acknowledged, %v", got, acked, err)
			}
			crashed, err := readImage(path)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := openImage(t, crashed)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := countRows(t, again); err != nil || got != acked {
				t.Errorf("after a crash %d rows, %d acknowledged, %v", got, acked, err)
			}
			if ballast > 0 {
				if err := os.Remove(weight); err != nil {
					t.Fatal(err)
				}
				if more, _ := fillUp(t, e); more == 0 {
					t.Error("there is room and nothing is written")
				}
			}
			_ = e.Close() // the list of free pages may find no room
		})
	}
}

// fillUp writes rows of 4 KiB until some were refused for lack of room.
func fillUp(t *testing.T, e *boltkv.Engine) (acked, refused int) {
	t.Helper()
	for i := 0; i < 2000 && refused < 5; i++ {
		err := e.Update(t.Context(), nil, func(tx kv.Tx) error {
			tx.Put(kv.Key{Table: 1, Row: fmt.Appendf(nil, "row/%p/%05d", &acked, i)}, make([]byte, 4096))
			return nil
		})
		switch {
		case errors.Is(err, kv.ErrNoSpace):
			refused++
		case err != nil:
			t.Fatal(err)
		default:
			acked++
		}
	}
	return acked, refused
}
