package store_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"testing"

	"entrepot/store"
)

// However content is cut, and wherever the state is written down in between,
// the digests are those of all its bytes.
func TestDigestsGoOnWhereTheirStateWasWrittenDown(t *testing.T) {
	const n = 200_000
	data := bytesOf("digest", n)
	for _, cut := range []int{0, 1, 63, 64, 65, 5000, 100_000, n} {
		d := store.NewDigest()
		_, _ = d.Write(data[:cut])
		state, err := d.State()
		if err != nil {
			t.Fatal(err)
		}
		if d, err = store.ResumeDigest(state); err != nil {
			t.Fatal(err)
		}
		_, _ = d.Write(data[cut:])
		got, sum := d.Digests(), sha1.Sum(data)
		if got.Size != n || got.MD5 != md5.Sum(data) || got.SHA256 != sha256.Sum256(data) || !bytes.Equal(got.SHA1, sum[:]) {
			t.Errorf("cut at %d: %+v", cut, got)
		}
	}
}

func FuzzResumeDigest(f *testing.F) {
	state, err := store.NewDigest().State()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		d, err := store.ResumeDigest(state)
		if err != nil {
			return
		}
		size := d.Size()
		_, _ = d.Write([]byte("x"))
		if got := d.Digests(); size < 0 || got.Size != size+1 {
			t.Errorf("%d bytes and one more are %d", size, got.Size)
		}
	})
}
