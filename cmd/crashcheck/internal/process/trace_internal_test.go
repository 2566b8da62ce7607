package process

import "testing"

func TestTraceTellsWhichCallsWereTamperedWith(t *testing.T) {
	const text = `12 fdatasync(5</d/entrepot.db>) = 0
13 pwrite64(5</d/entrepot.db>, ""..., 4096, 0) = -1 EIO (Input/output error) (INJECTED)
14 fsync(9</d/blobs/a0> <unfinished ...>
13 fdatasync(5</d/entrepot.db>) = 0
14 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)
15 renameat(7</d/blobs>, "tmp/00", 7</d/blobs>, "a0/00") = -1 EIO (Input/output error) (INJECTED)
+++ exited with 0 +++
`
	got := parseTrace(text)
	want := []Injection{{Call: "pwrite64", Path: "/d/entrepot.db"}, {Call: "fsync", Path: "/d/blobs/a0"}, {Call: "renameat", Path: "/d/blobs"}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i].Call != want[i].Call || got[i].Path != want[i].Path {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}
