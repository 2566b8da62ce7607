package store

import (
	"bytes"
	"strings"
	"testing"

	"entrepot/store/blob"
)

// manifestOf writes a manifest of n pieces of content.
func manifestOf(t testing.TB, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	m, err := newManifestWriter(&out, BackupHeader{Database: BackupDatabase{Name: "entrepot-1.db", Bytes: 7, SHA256: strings.Repeat("0", 64)}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := m.add(&backedUp{id: blob.ID{byte(i)}, size: int64(i) + 1, damaged: i%2 == 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestManifestCutAnywhereIsUnfinished(t *testing.T) {
	whole := manifestOf(t, 3)
	for n := range len(whole) - 1 { // the very last byte is a line end
		if _, err := readManifest(bytes.NewReader(whole[:n]), func(*backedUp) error { return nil }); err == nil {
			t.Fatalf("%d of %d bytes passed", n, len(whole))
		}
	}
	count := 0
	h, err := readManifest(bytes.NewReader(whole), func(b *backedUp) error {
		if b.size != int64(count)+1 || b.damaged != (count%2 == 1) {
			t.Errorf("%+v", b)
		}
		count++
		return nil
	})
	if err != nil || count != 3 || h.Database.Bytes != 7 {
		t.Error(h, count, err)
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add(manifestOf(f, 0))
	f.Add(manifestOf(f, 3))
	f.Add([]byte(manifestFirst + "\n{}\nend 0 00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var lines []string
		_, err := readManifest(bytes.NewReader(data), func(b *backedUp) error {
			lines = append(lines, b.String())
			return nil
		})
		for _, line := range lines {
			if !bytes.Contains(data, []byte(line)) {
				t.Errorf("%q was not in the manifest", line)
			}
		}
		if err == nil && !bytes.HasPrefix(data, []byte(manifestFirst)) {
			t.Error("accepted")
		}
	})
}
