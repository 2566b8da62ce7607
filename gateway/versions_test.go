package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// versioned returns a world whose container c keeps the versions of its
// objects.
func versioned(t *testing.T) *world {
	w := newWorld(t)
	w.setVersioned(true)
	return w
}

func (w *world) setVersioned(on bool) {
	w.t.Helper()
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Versioned: &on}))
}

// version makes a ref of one version.
func version(name, version string) gateway.Ref {
	r := ref("c", name)
	r.Version = version
	return r
}

// store writes an object and returns its version; the clock moves on.
func (w *world) store(name, body string) string {
	w.t.Helper()
	w.Clock.Advance(time.Second)
	result, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
	w.must(err)
	return result.Object.Version
}

// at reads one version, or says why not.
func (w *world) at(name, v string) string {
	w.t.Helper()
	_, content, err := w.g.Objects.Open(w.ctx, version(name, v), gateway.Conditions{})
	if err != nil {
		return errs.Of(err).String()
	}
	defer content.Close()
	var b strings.Builder
	_, err = content.WriteRange(&b, 0, content.Size())
	w.must(err)
	return b.String()
}

// versions lists names with "*" for the latest, "-" for markers of deletions.
func (w *world) versions(opt gateway.VersionOptions) []string {
	w.t.Helper()
	if opt.Limit == 0 {
		opt.Limit = 100
	}
	_, list, err := w.g.Objects.ListVersions(w.ctx, ref("c", ""), opt)
	w.must(err)
	var out []string
	for _, e := range list {
		text := e.Subdir
		if text == "" {
			text = fmt.Sprintf("%s %d", e.Object.Name, e.Object.Size)
		}
		if e.Deleted {
			text = e.Object.Name + " -"
		}
		if e.Latest {
			text += "*"
		}
		out = append(out, text)
	}
	return out
}

func (w *world) equal(got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("got %q, want %q", got, want)
	}
}

func TestVersionedContainerKeepsWhatIsReplacedAndDeleted(t *testing.T) {
	w := newWorld(t)
	w.put("o", "before")
	w.setVersioned(true)
	one := w.store("o", long)
	two := w.store("o", "22")
	w.equal(w.versions(gateway.VersionOptions{}), "o 2*", fmt.Sprintf("o %d", len(long)), "o 6")
	if w.at("o", one) != long || w.at("o", two) != "22" || w.at("o", "") != "22" || w.at("o", gateway.NullVersion) != "not found" {
		t.Error(w.at("o", one), w.at("o", two), w.at("o", ""), w.at("o", "null"))
	}
	marker, err := w.g.Objects.DeleteMarked(w.ctx, ref("c", "o"), gateway.DeleteOptions{})
	w.must(err)
	if marker == "" || w.at("o", "") != "not found" || w.at("o", marker) != "not found" || w.at("o", two) != "22" {
		t.Error(marker, w.at("o", marker))
	}
	again, err := w.g.Objects.DeleteMarked(w.ctx, ref("c", "o"), gateway.DeleteOptions{})
	if errs.Of(err) != errs.NotFound || again == "" || again == marker {
		t.Error(again, err)
	}
	w.equal(w.versions(gateway.VersionOptions{}), "o -*", "o -", "o 2", fmt.Sprintf("o %d", len(long)), "o 6")
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	if c.Objects != 0 || c.Bytes != int64(len(long)+8) || !c.Versioned {
		t.Errorf("%+v", c)
	}
	w.sound()
	if err := w.g.Containers.Delete(w.ctx, ref("c", "")); errs.ReasonOf(err) != errs.HasVersions {
		t.Error(err)
	}
}

func TestPropertiesMakeNoVersion(t *testing.T) {
	w := versioned(t)
	v := w.store("o", "1")
	obj, err := w.g.Objects.SetMeta(w.ctx, ref("c", "o"), gateway.MetaChange{Properties: gateway.Properties{"k": "v"}})
	w.must(err)
	head, err := w.g.Objects.Head(w.ctx, ref("c", "o"), gateway.Conditions{})
	w.must(err)
	if head.Version != v || obj.Timestamp.Equal(time.Time{}) {
		t.Error(head.Version, v)
	}
	w.equal(w.versions(gateway.VersionOptions{}), "o 1*")
	w.sound()
}

func TestVersionsAreDeletedAndRestored(t *testing.T) {
	w := versioned(t)
	one, two, three := w.store("o", "1"), w.store("o", long), w.store("o", "333")
	restored, err := w.g.Objects.RestoreVersion(w.ctx, version("o", two))
	w.must(err)
	if restored.Version != two || w.at("o", "") != long || w.at("o", three) != "333" {
		t.Error(restored.Version, w.at("o", ""))
	}
	w.equal(w.versions(gateway.VersionOptions{}), "o 3", fmt.Sprintf("o %d*", len(long)), "o 1")
	w.sound()
	current, err := w.g.Objects.DeleteVersion(w.ctx, version("o", three))
	w.must(err)
	if current != two {
		t.Error(current)
	}
	four := w.store("o", "4444")
	w.equal(w.versions(gateway.VersionOptions{}), "o 4*", fmt.Sprintf("o %d", len(long)), "o 1")
	if current, err = w.g.Objects.DeleteVersion(w.ctx, version("o", four)); err != nil || current != gateway.NullVersion {
		t.Error(current, err)
	}
	if w.at("o", "") != "not found" {
		t.Error(w.at("o", ""))
	}
	w.equal(w.versions(gateway.VersionOptions{}), fmt.Sprintf("o %d*", len(long)), "o 1")
	for _, v := range []string{two, one} {
		_, err := w.g.Objects.DeleteVersion(w.ctx, version("o", v))
		w.must(err)
	}
	for _, v := range []string{two, "1234567890.00000"} {
		if _, err := w.g.Objects.DeleteVersion(w.ctx, version("o", v)); errs.Of(err) != errs.NotFound {
			t.Error(v, err)
		}
		if _, err := w.g.Objects.RestoreVersion(w.ctx, version("o", v)); errs.Of(err) != errs.NotFound {
			t.Error(v, err)
		}
	}
	for _, v := range []string{"x", "1", "1.2", "-1.00000", "1.000000", "99999999999999.00000"} {
		if got := w.at("o", v); got != "invalid" {
			t.Error(v, got)
		}
	}
	w.sound()
	w.must(w.g.Containers.Delete(w.ctx, ref("c", "")))
}

func TestVersionsAreCopied(t *testing.T) {
	w := versioned(t)
	one, two := w.store("o", long), w.store("o", long+"2")
	copyTo := func(v, to string) {
		t.Helper()
		w.Clock.Advance(time.Second)
		_, _, err := w.g.Objects.Copy(w.ctx, version("o", v), ref("c", to), gateway.CopyOptions{})
		w.must(err)
		w.sound()
	}
	copyTo(one, "p")
	copyTo(two, "q")
	if w.at("o", "") != long+"2" || w.at("o", one) != long || w.at("p", "") != long || w.at("q", "") != long+"2" {
		t.Error(w.at("o", ""), w.at("o", one))
	}
	copyTo(one, "o")
	copyTo(two, "o")
	head, err := w.g.Objects.Head(w.ctx, ref("c", "o"), gateway.Conditions{})
	w.must(err)
	copyTo(head.Version, "o")
	if w.at("o", "") != long+"2" || len(w.versions(gateway.VersionOptions{ListOptions: gateway.ListOptions{Prefix: "o"}})) != 5 {
		t.Error(w.versions(gateway.VersionOptions{}))
	}
	for _, v := range []string{one, two} {
		_, err := w.g.Objects.DeleteVersion(w.ctx, version("o", v))
		w.must(err)
	}
	w.sound()
	if w.at("p", "") != long || w.at("q", "") != long+"2" || w.at("o", "") != long+"2" {
		t.Error("content went with the version that was copied")
	}
}

func TestStoppedVersioningKeepsWhatThereWas(t *testing.T) {
	w := versioned(t)
	one := w.store("o", "1")
	w.setVersioned(false)
	if v := w.store("o", "22"); v != gateway.NullVersion {
		t.Error(v)
	}
	w.store("o", "333")
	w.equal(w.versions(gateway.VersionOptions{}), "o 3*", "o 1")
	if w.at("o", gateway.NullVersion) != "333" || w.at("o", one) != "1" {
		t.Error(w.at("o", gateway.NullVersion))
	}
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "o"), nil))
	w.equal(w.versions(gateway.VersionOptions{}), "o 1*")
	w.sound()
}

// A row without an ID becomes a version under the time when it was written,
// which may be the ID of a version: a snapshot brought it back. Restoring that
// version must not give both the same ID, of which one would be lost later.
func TestRestoringGivesWhatItReplacesAnIDOfItsOwn(t *testing.T) {
	w := versioned(t)
	w.store("a", "one")
	second := w.store("a", "two")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	third := w.store("a", "three")
	w.setVersioned(false)
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s"))
	_, err := w.g.Objects.DeleteVersion(w.ctx, version("a", third))
	w.must(err)
	w.setVersioned(true)
	_, err = w.g.Objects.RestoreVersion(w.ctx, version("a", second))
	w.must(err)
	soundStore(t, w.Fixture)
	w.store("a", "last")
	_, list, err := w.g.Objects.ListVersions(w.ctx, ref("c", ""), gateway.VersionOptions{ListOptions: gateway.ListOptions{Prefix: "a", Limit: 10}})
	w.must(err)
	var bodies []string
	for _, v := range list {
		bodies = append(bodies, w.at("a", v.Object.Version))
	}
	slices.Sort(bodies)
	w.equal(bodies, "last", "one", "two", "two")
	soundStore(t, w.Fixture)
}

func TestVersionsAskForAVersionedContainer(t *testing.T) {
	w := newWorld(t)
	w.put("o", "1")
	if got := w.at("o", "1234567890.12345"); got != "invalid" {
		t.Error(got)
	}
	if got := w.at("o", gateway.NullVersion); got != "1" {
		t.Error(got)
	}
	if _, err := w.g.Objects.DeleteVersion(w.ctx, version("o", gateway.NullVersion)); err != nil {
		t.Error(err)
	}
	w.equal(w.names("c"))
	w.sound()
}

func TestVersionListingPages(t *testing.T) {
	w := versioned(t)
	for _, name := range []string{"a", "b/1", "b/2", "c"} {
		for i := range 3 {
			w.store(name, strings.Repeat("x", i+1))
		}
	}
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "b/1"), nil))
	all := w.versions(gateway.VersionOptions{})
	w.equal(all, "a 3*", "a 2", "a 1", "b/1 -*", "b/1 3", "b/1 2", "b/1 1", "b/2 3*", "b/2 2", "b/2 1", "c 3*", "c 2", "c 1")
	for _, reverse := range []bool{false, true} {
		for size := 1; size < 5; size++ {
			var got []string
			opt := gateway.VersionOptions{ListOptions: gateway.ListOptions{Limit: size, Reverse: reverse}}
			for len(got) < 50 {
				_, page, err := w.g.Objects.ListVersions(w.ctx, ref("c", ""), opt)
				w.must(err)
				got = append(got, w.versions(opt)...)
				if len(page) < size {
					break
				}
				last := page[len(page)-1].Object
				opt.Marker, opt.VersionMarker = last.Name, last.Version
			}
			want := slices.Clone(all)
			if reverse {
				slices.Reverse(want)
			}
			w.equal(got, want...)
		}
	}
	list := func(opt gateway.ListOptions) []string { return w.versions(gateway.VersionOptions{ListOptions: opt}) }
	w.equal(list(gateway.ListOptions{Delimiter: "/"}), "a 3*", "a 2", "a 1", "b/", "c 3*", "c 2", "c 1")
	w.equal(list(gateway.ListOptions{Delimiter: "/", Reverse: true}), "c 1", "c 2", "c 3*", "b/", "a 1", "a 2", "a 3*")
	w.equal(list(gateway.ListOptions{Prefix: "b/", Delimiter: "/", Marker: "b/1"}), "b/2 3*", "b/2 2", "b/2 1")
	w.equal(list(gateway.ListOptions{Marker: "a", EndMarker: "b/2"}), "b/1 -*", "b/1 3", "b/1 2", "b/1 1")
	w.equal(list(gateway.ListOptions{Marker: "b/2", EndMarker: "a", Reverse: true}), "b/1 1", "b/1 2", "b/1 3", "b/1 -*")
}

func TestSnapshotsAndVersionsShareContent(t *testing.T) {
	w := versioned(t)
	one := w.store("o", long)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	w.store("o", "2")
	if w.at("o", one) != long || w.past("c", "s")["o"] != long {
		t.Error(w.at("o", one), w.past("c", "s"))
	}
	w.sound()
	_, err := w.g.Objects.DeleteVersion(w.ctx, version("o", one))
	w.must(err)
	if w.past("c", "s")["o"] != long {
		t.Error("the snapshot lost what it shows")
	}
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s"))
	if w.at("o", "") != long {
		t.Error(w.at("o", ""))
	}
	w.equal(w.versions(gateway.VersionOptions{}), fmt.Sprintf("o %d*", len(long)), "o 1")
	w.sound()
}

func TestVersionsEndWithTheirTime(t *testing.T) {
	w := versioned(t)
	v, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(long), gateway.PutOptions{Size: int64(len(long)), DeleteAt: w.Clock.Now().Add(time.Hour)})
	w.must(err)
	w.store("o", "2")
	if w.at("o", v.Object.Version) != long {
		t.Error(w.at("o", v.Object.Version))
	}
	w.Clock.Advance(2 * time.Hour)
	if got := w.at("o", v.Object.Version); got != "not found" {
		t.Error(got)
	}
	n, err := w.Store.Expire(w.t.Context())
	if err != nil || n != 1 {
		t.Error(n, err)
	}
	w.equal(w.versions(gateway.VersionOptions{}), "o 1*")
	w.sound()
}

func TestQuotaCountsVersions(t *testing.T) {
	w := versioned(t)
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Properties: gateway.Properties{"quota-bytes": "10"}}))
	w.store("o", "123456")
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("123456"), gateway.PutOptions{Size: 6})
	if errs.Of(err) != errs.OverQuota {
		t.Error(err)
	}
	w.store("o", "1234")
}

// archiving returns a world whose container c has its versions in v.
func archiving(t *testing.T, header string) *world {
	w := newWorld(t)
	w.archive(header)
	return w
}

// archive has c keep what is replaced in the container v.
func (w *world) archive(header string) {
	w.t.Helper()
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Headers: gateway.Properties{header: "v"}}))
}

func TestStackBringsTheVersionBeforeBack(t *testing.T) {
	w := archiving(t, "versions-location")
	w.store("o", long)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("2"), gateway.PutOptions{Size: 1})
	if errs.Of(err) != errs.Precondition || w.at("o", "") != long {
		t.Error("a version without a place was lost", err)
	}
	w.container("v")
	w.store("o", "2")
	w.store("o", "3")
	names := w.names("v")
	if len(names) != 2 || !strings.HasPrefix(names[0], "001o/") || names[0] > names[1] {
		t.Error(names)
	}
	if got, _ := w.read("v", names[0]); got != long {
		t.Error(got)
	}
	w.sound()
	for _, want := range []string{"2", long} {
		w.must(w.g.Objects.Delete(w.ctx, ref("c", "o"), nil))
		if got := w.at("o", ""); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "o"), nil))
	if err := w.g.Objects.Delete(w.ctx, ref("c", "o"), nil); errs.Of(err) != errs.NotFound {
		t.Error(err)
	}
	w.equal(w.names("v"))
	w.sound()
}

func TestHistoryKeepsDeletionsToo(t *testing.T) {
	w := archiving(t, "history-location")
	w.container("v")
	w.store("d/o", "1")
	w.store("d/o", "22")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "d/o"), nil))
	if err := w.g.Objects.Delete(w.ctx, ref("c", "d/o"), nil); errs.Of(err) != errs.NotFound {
		t.Error(err)
	}
	_, list, err := w.g.Objects.List(w.ctx, ref("v", ""), gateway.ListOptions{Prefix: "003d/o/", Limit: 10})
	w.must(err)
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Object.Size, " ", e.Object.ContentType == store.DeletedType))
	}
	w.equal(got, "1 false", "2 false", "0 true", "0 true")
	w.sound()
}

func TestCopyAndDriveMakeVersions(t *testing.T) {
	for _, mode := range []string{"versions-location", "history-location", ""} {
		w := newWorld(t)
		w.container("v")
		if mode == "" {
			w.setVersioned(true)
		} else {
			w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Headers: gateway.Properties{mode: "v"}}))
		}
		kept := func() int {
			if mode == "" {
				return len(w.versions(gateway.VersionOptions{})) - len(w.names("c"))
			}
			return len(w.names("v"))
		}
		w.store("a", long)
		w.store("b", "b")
		_, _, err := w.g.Objects.Copy(w.ctx, ref("c", "a"), ref("c", "b"), gateway.CopyOptions{})
		w.must(err)
		w.sound()
		if kept() != 1 {
			t.Errorf("%q: copying over an object kept %d versions", mode, kept())
		}
		_, err = w.g.Objects.Put(w.ctx, ref("c", "a"), strings.NewReader("A"), gateway.PutOptions{Size: 1, Drive: true})
		w.must(err)
		w.sound()
		if kept() != 2 {
			t.Errorf("%q: a drive's write kept %d versions", mode, kept())
		}
		w.must(w.g.Trees.Delete(w.ctx, ref("c", "a"), gateway.Conditions{}))
		w.sound()
		if w.at("a", "") != "not found" || kept() < 3 {
			t.Errorf("%q: a drive's deletion kept %d versions and left %q", mode, kept(), w.at("a", ""))
		}
		w.store("f/x", long+"f")
		w.store("f/y", "y")
		_, err = w.g.Trees.Move(w.ctx, ref("c", "f/"), ref("c", "g/"), gateway.TreeOptions{})
		w.must(err)
		w.sound()
		if w.at("g/x", "") != long+"f" || w.at("f/x", "") != "not found" || kept() < 5 {
			t.Errorf("%q: moving a folder kept %d versions", mode, kept())
		}
		w.must(w.g.Trees.Delete(w.ctx, ref("c", "g/"), gateway.Conditions{}))
		w.sound()
		if kept() < 7 {
			t.Errorf("%q: deleting a folder kept %d versions", mode, kept())
		}
	}
}

// S21: taking a version out of the archive needs the right to write there.
func TestS21VersionsComeBackOnlyForWhoMayWriteTheArchive(t *testing.T) {
	w := archiving(t, "versions-location")
	write := "test2"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{WriteACL: &write}))
	w.container("v")
	w.must(w.g.Containers.Update(w.ctx, ref("v", ""), gateway.ContainerChange{ReadACL: &write}))
	w.store("o", "1")
	stranger := w.Ctx("tester2")
	put := func(body string) {
		t.Helper()
		_, err := w.g.Objects.Put(stranger, ref("c", "o"), strings.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
		w.must(err)
	}
	w.Clock.Advance(time.Second)
	put("22")
	if err := w.g.Objects.Delete(stranger, ref("c", "o"), nil); errs.Of(err) != errs.Forbidden {
		t.Error(err)
	}
	if results := w.g.Objects.DeleteMany(stranger, ref("c", ""), []string{"o"}); errs.Of(results[0]) != errs.Forbidden {
		t.Error(results)
	}
	if w.at("o", "") != "22" || len(w.names("v")) != 1 {
		t.Error(w.at("o", ""), w.names("v"))
	}
	w.must(w.g.Containers.Update(w.ctx, ref("v", ""), gateway.ContainerChange{WriteACL: &write}))
	w.must(w.g.Objects.Delete(stranger, ref("c", "o"), nil))
	if w.at("o", "") != "1" {
		t.Error(w.at("o", ""))
	}
}

func TestArchiveSettingsExcludeEachOther(t *testing.T) {
	w := newWorld(t)
	update := func(headers gateway.Properties) error {
		return w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Headers: headers})
	}
	if err := update(gateway.Properties{"versions-location": "v", "history-location": "v"}); errs.Of(err) != errs.Invalid {
		t.Error(err)
	}
	if err := update(gateway.Properties{"versions-location": "v/x"}); errs.Of(err) != errs.Precondition {
		t.Error(err)
	}
	w.must(update(gateway.Properties{"versions-location": "v"}))
	w.must(update(gateway.Properties{"history-location": "v"}))
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	if c.Headers["versions-location"] != "" || c.Headers["history-location"] != "v" {
		t.Error(c.Headers)
	}
}

func TestContainerWithVersionsGoesWithThem(t *testing.T) {
	w := versioned(t)
	for i := range 3 {
		w.store("o", fmt.Sprint(i, long))
	}
	if err := w.g.Trees.Delete(w.ctx, ref("c", ""), gateway.Conditions{}); errs.ReasonOf(err) != errs.HasVersions {
		t.Error(err)
	}
	account, err := w.g.Accounts.Get(w.ctx, "test")
	w.must(err)
	if account.Bytes != int64(3*(len(long)+1)) {
		t.Error(account.Bytes)
	}
}

func TestASpaceIsNotDeletedWithItsVersions(t *testing.T) {
	w := versioned(t)
	w.store("a", "old")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "a"), nil))
	wantKind(t, w.g.Spaces.Delete(w.ctx, ref("c", "")), errs.Conflict, errs.HasVersions)
	_, list, err := w.g.Objects.ListVersions(w.ctx, ref("c", ""), gateway.VersionOptions{ListOptions: gateway.ListOptions{Limit: 10}})
	w.must(err)
	for _, e := range list {
		_, err := w.g.Objects.DeleteVersion(w.ctx, version("a", e.Object.Version))
		w.must(err)
	}
	w.must(w.g.Spaces.Delete(w.ctx, ref("c", "")))
}

// A container that is replaced or dissolved by a drive would take the versions
// of its files along; one that gets another name keeps them.
func TestMovesOfContainersNeverLoseVersions(t *testing.T) {
	w := versioned(t)
	w.store("a", "one")
	w.store("a", "two")
	w.container("other")
	replace := gateway.TreeOptions{Overwrite: true}
	_, err := w.g.Trees.Move(w.ctx, ref("other", ""), ref("c", ""), replace)
	wantKind(t, err, errs.Forbidden, errs.HasVersions)
	_, err = w.g.Trees.Copy(w.ctx, ref("other", ""), ref("c", ""), replace)
	wantKind(t, err, errs.Forbidden, errs.HasVersions)
	_, err = w.g.Trees.Move(w.ctx, ref("c", ""), ref("other", "folder"), replace)
	wantKind(t, err, errs.Forbidden, errs.HasVersions)
	w.equal(w.versions(gateway.VersionOptions{}), "a 3*", "a 3")
	_, err = w.g.Trees.Move(w.ctx, ref("c", ""), ref("renamed", ""), gateway.TreeOptions{})
	w.must(err)
	_, list, err := w.g.Objects.ListVersions(w.ctx, ref("renamed", ""), gateway.VersionOptions{ListOptions: gateway.ListOptions{Limit: 10}})
	if err != nil || len(list) != 2 {
		t.Errorf("%d versions are left (%v)", len(list), err)
	}
}
