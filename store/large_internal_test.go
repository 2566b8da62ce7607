package store

import (
	"reflect"
	"testing"

	"entrepot/store/blob"
)

func TestRecordsOfObjectsThatStandForOthersComeBack(t *testing.T) {
	for name, o := range map[string]Object{
		"static":      {Large: &Large{Size: 5 << 40, MD5: [16]byte{1, 2}}, Content: Content{Size: 2, Blob: blob.ID{7}}},
		"of nothing":  {Large: &Large{}, Content: Content{Size: 2, Blob: blob.ID{7}}},
		"carried":     {Large: &Large{Size: 1}, Refers: "elsewhere", Content: Content{Size: 2, Blob: blob.ID{7}}},
		"link":        {Link: &Link{Container: "c", Object: "a/b"}},
		"static link": {Link: &Link{Container: "c", Object: "a/b", Static: true, MD5: [16]byte{9}, Size: 3}, Refers: "elsewhere"},
		"dynamic":     {Headers: map[string]string{HeaderManifest: "c/p"}},
	} {
		o.Name, o.Written, o.Timestamp = "x", 5, 5
		got, err := decodeObject("x", o.encode())
		if err != nil || !reflect.DeepEqual(got, o) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		var listed Object
		if err := listed.decodeListed("x", o.encode(), &interner{}, false); err != nil || !reflect.DeepEqual(listed.Large, o.Large) || !reflect.DeepEqual(listed.Link, o.Link) ||
			listed.Refers != o.Refers || listed.Special() != o.Special() || !listed.Special() {
			t.Errorf("%s is listed as %+v, %v", name, listed, err)
		}
		if o.Marks() || o.checkSpecial() != nil {
			t.Errorf("%s: marks a folder %v, %v", name, o.Marks(), o.checkSpecial())
		}
	}
}

func TestCheckFindsWhatCannotStandForOthers(t *testing.T) {
	content := Content{Size: 2, Blob: blob.ID{7}}
	for name, o := range map[string]Object{
		"both":                   {Large: &Large{}, Link: &Link{Container: "c", Object: "o"}, Content: content},
		"a manifest of no bytes": {Large: &Large{}},
		"a negative size":        {Large: &Large{Size: -1}, Content: content},
		"a link with content":    {Link: &Link{Container: "c", Object: "o"}, Content: content},
		"a link to nothing":      {Link: &Link{Container: "c"}},
	} {
		row := objectKey(3, "x").Row
		if _, err := (&checker{}).needsOfObject(tableObjects, row, o.encode()); err == nil {
			t.Errorf("%s was found sound", name)
		}
	}
}
