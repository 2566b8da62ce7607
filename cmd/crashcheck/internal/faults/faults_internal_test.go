package faults

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/cmd/crashcheck/internal/process"
)

// sound returns a bench whose gateway was loaded and killed, without a fault.
func sound(t *testing.T, seed uint64) *bench {
	t.Helper()
	binary, err := process.Build(t.Context(), "../../../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(Config{Binary: binary, Work: t.TempDir(), Clients: 3, Note: t.Logf}, "test", seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if err := b.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// aFile returns one content file of the data directory.
func aFile(t *testing.T, b *bench) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(b.data, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "lock" {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no content file: %v", err)
	}
	return found
}

// TestVerificationFindsPlantedDamage is the control of everything that needs no
// rights: what a fault could have done is done by hand.
func TestVerificationFindsPlantedDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, b *bench){
		"content file removed": func(t *testing.T, b *bench) {
			if err := os.Remove(aFile(t, b)); err != nil {
				t.Fatal(err)
			}
		},
		"content file flipped": func(t *testing.T, b *bench) {
			path := aFile(t, b)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/3] ^= 0x10
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"database truncated": func(t *testing.T, b *bench) {
			if err := os.Truncate(filepath.Join(b.data, "entrepot.db"), 20_000); err != nil {
				t.Fatal(err)
			}
		},
		"leavings beside the data": func(t *testing.T, b *bench) {
			if err := os.WriteFile(filepath.Join(b.dir, "scratch", "core"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := sound(t, 1)
			damage(t, b)
			if err := b.verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			if found := b.report.All(); len(found) == 0 {
				t.Error("nothing was found")
			} else {
				t.Logf("%d found: %.200s", len(found), found[0])
			}
		})
	}
}

func TestOldStateBehindTheClientsBackIsFound(t *testing.T) {
	b := sound(t, 2) // ended in order
	database := filepath.Join(b.data, "entrepot.db")
	old, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.fleet.Run(t.Context(), b.client, 10)
	g.Kill()
	if err := os.WriteFile(database, old, 0o600); err != nil { // as if commits had never reached the disk
		t.Fatal(err)
	}
	if err := b.verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.report.All()) == 0 {
		t.Error("lost commits were not found")
	}
}

func TestControlsFailWhenTheyFindNothing(t *testing.T) {
	b := &bench{cfg: Config{Note: t.Logf}}
	if len(b.judgeControl(nil)) == 0 {
		t.Error("a control that found nothing passes")
	}
	if wrong := b.judgeControl([]string{"lost"}); len(wrong) != 0 {
		t.Errorf("a control that found its fault fails: %q", wrong)
	}
}

func TestCallsAreTakenInTurn(t *testing.T) {
	all := []call{{"a", 2}, {"b", 3}}
	var got []string
	for seed := range uint64(8) {
		name, n := callOf(all, seed)
		got = append(got, name+strings.Repeat("+", n))
	}
	if want := "a+ b+ a++ b++ a+ b+++ a++ b+"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFaultsAreFoundByName(t *testing.T) {
	found, err := Named([]string{"c1", "C7", "C17"})
	if err != nil || len(found) != 4 || found[1].Name != "C7f" || found[2].Name != "C7d" || found[3].Name != "C17" {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := Named([]string{"C1", "C8"}); err == nil {
		t.Error("an unknown fault is accepted")
	}
}
