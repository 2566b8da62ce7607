package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store/kv/kvtest/chance"
)

// gone stands for the marker of a deletion among a name's versions.
const gone = "-"

// A past is what a container shows of one name: its versions, the newest
// first. An archive keeps the older ones elsewhere; then the first is the
// current object, or gone.
type past []string

func (p past) exists() bool { return len(p) > 0 && p[0] != gone }

// pastOf reads the versions of a name in a container that keeps them.
func (w *world) pastOf(name string) (out past) {
	w.t.Helper()
	_, list, err := w.g.Objects.ListVersions(w.ctx, ref("c", ""), gateway.VersionOptions{ListOptions: gateway.ListOptions{Prefix: name, Limit: 1000}})
	w.must(err)
	for _, e := range list {
		switch {
		case e.Object.Name != name:
		case e.Deleted:
			out = append(out, gone)
		default:
			out = append(out, w.at(name, e.Object.Version))
		}
	}
	return out
}

// archiveOf reads a name and what the archive v has of it.
func (w *world) archiveOf(name string) past {
	w.t.Helper()
	out := past{gone}
	if body := w.at(name, ""); body != errs.NotFound.String() {
		out[0] = body
	}
	names := w.names("v")
	slices.Reverse(names)
	for _, n := range names {
		if !strings.HasPrefix(n, fmt.Sprintf("%03x%s/", len(name), name)) {
			continue
		}
		body, err := w.read("v", n)
		w.must(err)
		if body == "" {
			body = gone
		}
		out = append(out, body)
	}
	return out
}

// A versionModel plays one way of keeping versions against lists.
type versionModel struct {
	w     *world
	names map[string]past
	n     int // bodies written
	// write and remove are what PUT and DELETE do to the versions of a name,
	// miss what DELETE does where there is no object: it is refused, and may
	// leave a marker all the same, as in Swift.
	write        func(old past, body string) past
	remove, miss func(old past) past
	show         func(name string) past
}

func (m *versionModel) name(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"a", "b", "d/x"}).Draw(t, label)
}

func (m *versionModel) put(t *rapid.T) {
	n := m.name(t, "name")
	m.n++
	body := fmt.Sprint(m.n, " ", rapid.SampledFrom([]string{"short", long}).Draw(t, "body"))
	m.w.store(n, body)
	m.names[n] = m.write(m.names[n], body)
}

func (m *versionModel) delete(t *rapid.T) {
	n := m.name(t, "name")
	m.w.Clock.Advance(time.Second)
	err := m.w.g.Objects.Delete(m.w.ctx, ref("c", n), nil)
	if m.names[n].exists() != (err == nil) {
		t.Fatalf("delete %q: %v", n, err)
	}
	if err == nil {
		m.names[n] = m.remove(m.names[n])
	} else {
		m.names[n] = m.miss(m.names[n])
	}
}

func (m *versionModel) post(t *rapid.T) {
	n := m.name(t, "name")
	_, err := m.w.g.Objects.SetMeta(m.w.ctx, ref("c", n), gateway.MetaChange{Properties: gateway.Properties{"n": n}})
	if m.names[n].exists() != (err == nil) {
		t.Fatalf("post %q: %v", n, err)
	}
}

func (m *versionModel) copy(t *rapid.T) {
	from, to := m.name(t, "from"), m.name(t, "to")
	if from == to {
		t.Skip("the object itself")
	}
	m.w.Clock.Advance(time.Second)
	_, _, err := m.w.g.Objects.Copy(m.w.ctx, ref("c", from), ref("c", to), gateway.CopyOptions{})
	if m.names[from].exists() != (err == nil) {
		t.Fatalf("copy %q: %v", from, err)
	}
	if err == nil {
		m.names[to] = m.write(m.names[to], m.names[from][0])
	}
}

func (m *versionModel) check(t *rapid.T) {
	for _, n := range []string{"a", "b", "d/x"} {
		if got := m.show(n); !slices.Equal(got, m.names[n]) {
			t.Fatalf("%s: %.200q, want %.200q", n, got, m.names[n])
		}
	}
}

func (m *versionModel) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){"put": m.put, "put again": m.put, "delete": m.delete, "post": m.post, "copy": m.copy, "": m.check}
}

// TestVersionsFollowAModel plays random changes against lists, for each of the
// three ways of keeping versions.
func TestVersionsFollowAModel(t *testing.T) {
	newest := func(old past, body string) past { return append(past{body}, old...) }
	replace := func(old past, body string) past {
		if old.exists() {
			return append(past{body}, old...)
		}
		return append(past{body}, old[1:]...)
	}
	nothing := func() map[string]past { return map[string]past{"a": {gone}, "b": {gone}, "d/x": {gone}} }
	t.Run("with the container", func(t *testing.T) {
		chance.Check(t, func(rt *rapid.T) {
			s := &scope{TB: t}
			defer s.end()
			w := newWorldIn(t, s)
			w.setVersioned(true)
			mark := func(old past) past { return append(past{gone}, old...) }
			m := &versionModel{w: w, names: map[string]past{}, write: newest, show: w.pastOf, remove: mark, miss: mark}
			rt.Repeat(m.actions())
		})
	})
	t.Run("as a stack", func(t *testing.T) {
		chance.Check(t, func(rt *rapid.T) {
			s := &scope{TB: t}
			defer s.end()
			w := newWorldIn(t, s)
			w.archive("versions-location")
			w.container("v")
			m := &versionModel{w: w, names: nothing(), write: replace, show: w.archiveOf, remove: func(old past) past {
				if len(old) == 1 {
					return past{gone}
				}
				return old[1:]
			}, miss: func(old past) past { return old }}
			rt.Repeat(m.actions())
		})
	})
	t.Run("as a history", func(t *testing.T) {
		chance.Check(t, func(rt *rapid.T) {
			s := &scope{TB: t}
			defer s.end()
			w := newWorldIn(t, s)
			w.archive("history-location")
			w.container("v")
			m := &versionModel{w: w, names: nothing(), write: replace, show: w.archiveOf,
				remove: func(old past) past { return append(past{gone, gone}, old...) },
				miss:   func(old past) past { return append(past{gone}, old...) }}
			rt.Repeat(m.actions())
		})
	})
}
