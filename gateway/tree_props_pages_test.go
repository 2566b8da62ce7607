package gateway_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// heavy gives a path of a container four properties of 60 KiB.
func (w *world) heavy(container, path, text string) {
	w.t.Helper()
	var patch gateway.PropPatch
	for i := range 4 {
		value := bytes.Repeat([]byte(text), 60<<10/len(text))
		patch.Changes = append(patch.Changes, gateway.PropChange{Prop: gateway.DeadProp{Space: "urn:x", Name: fmt.Sprint("p", i), Value: value}})
	}
	w.must(w.g.Trees.PatchProps(w.ctx, ref(container, path), patch))
}

// weighed lists a folder with its properties, page by page, and fails where a
// page holds too much.
func (w *world) weighed(at gateway.Ref, recursive bool) (list []string, pages int) {
	w.t.Helper()
	opt := gateway.ListTree{Recursive: recursive, Parts: gateway.NodeParts{Props: true}}
	for pages = 1; ; pages++ {
		page, err := w.g.Trees.List(w.ctx, at, opt)
		w.must(err)
		size := 0
		for _, n := range page.Nodes {
			text := ""
			for _, p := range n.Props {
				size += len(p.Value)
				text += fmt.Sprintf(" %s=%.3s(%d)", p.Name, p.Value, len(p.Value))
			}
			list = append(list, n.Ref.Container+"/"+n.Ref.Object+text)
		}
		if size > 5<<20 {
			w.t.Errorf("a page of %v has %d bytes of properties", at, size)
		}
		if opt.After = page.Next; opt.After == (gateway.Ref{}) {
			return list, pages
		}
	}
}

// However much properties hold, a page holds little of it, and all pages
// together hold everything once.
func TestPageOfAListingHoldsFewBytesOfProperties(t *testing.T) {
	w := newWorld(t)
	const text = " p0=%[1]s(61440) p1=%[1]s(61440) p2=%[1]s(61440) p3=%[1]s(61440)"
	flat, deep := []string{}, []string{}
	for i := range 12 {
		file, marker, folder := fmt.Sprintf("f%02d", i), fmt.Sprintf("f%02d!m", i), fmt.Sprintf("g%02d/h/i", i)
		w.put(file, "x")
		_, err := w.g.Objects.Put(w.ctx, ref("c", marker), bytes.NewReader(nil), gateway.PutOptions{ContentType: "application/directory"})
		w.must(err)
		w.put(folder, "x")
		for _, path := range []string{file, marker + "/", folder, folder[:5], folder[:3]} {
			w.heavy("c", path, "now")
		}
		flat = append(flat, "c/"+file, "c/"+marker+"/", "c/"+folder[:4])
		deep = append(deep, "c/"+file, "c/"+marker+"/", "c/"+folder[:4], "c/"+folder[:6], "c/"+folder)
	}
	said := func(paths []string, value, base string) (want []string) {
		for _, p := range paths {
			want = append(want, "c/"+base+p[2:]+fmt.Sprintf(text, value))
		}
		slices.Sort(want)
		return want
	}
	look := func(paths []string, value, base string, recursive bool) {
		t.Helper()
		got, pages := w.weighed(ref("c", base), recursive)
		slices.Sort(got)
		if want := said(paths, value, base); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", base, got, want)
		}
		if pages > len(paths)/4 {
			t.Errorf("%q: %d pages of %d nodes", base, pages, len(paths))
		}
	}
	look(flat, "now", "", false)
	look(deep, "now", "", true)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	for i, path := range deep {
		if i%2 == 0 {
			w.heavy("c", path[2:], "new")
		}
	}
	look(flat, "now", ".zfs/snapshot/s/", false)
	look(deep, "now", ".zfs/snapshot/s/", true)
}

func TestPageOfContainersHoldsFewBytesOfProperties(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 30 {
		name := fmt.Sprintf("space%02d", i)
		w.container(name)
		w.heavy(name, "", "now")
		want = append(want, name+"/ p0=now(61440) p1=now(61440) p2=now(61440) p3=now(61440)")
	}
	for _, recursive := range []bool{false, true} {
		got, _ := w.weighed(gateway.Ref{Account: "test"}, recursive)
		got = slices.DeleteFunc(got, func(line string) bool { return line == "c/" })
		if !slices.Equal(got, want) {
			t.Errorf("recursive %v: got %q, want %q", recursive, got, want)
		}
	}
}

// The language of a property counts as its name and its value do: many
// properties may inherit one from a single element of a request.
func TestLanguageOfAPropertyIsBounded(t *testing.T) {
	w := newWorld(t)
	w.put("f", "x")
	set := func(lang string, count int) error {
		var patch gateway.PropPatch
		for i := range count {
			patch.Changes = append(patch.Changes, gateway.PropChange{Prop: gateway.DeadProp{Name: fmt.Sprint("p", i), Lang: lang}})
		}
		return w.g.Trees.PatchProps(w.ctx, ref("c", "f"), patch)
	}
	long := string(bytes.Repeat([]byte("x"), 70_000))
	wantKind(t, set(long, 1), errs.OverQuota, errs.MetadataFull)
	wantKind(t, set(long[:400], 900), errs.OverQuota, errs.MetadataFull)
	w.must(set("de-Latn-AT-1996", 900))
}
