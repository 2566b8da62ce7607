package model

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"entrepot/gateway"
)

// list compares a listing with random options, followed over all its pages.
func (m *Machine) list(t *rapid.T) {
	known := m.known()
	if len(known) == 0 {
		t.Skip("no container")
	}
	c := rapid.SampledFrom(known).Draw(t, "container")
	bound := func(label string) string {
		return rapid.SampledFrom([]string{"", "", "", "a", "a/", "a/b", "a/b/", "a0", "d/", "d/e"}).Draw(t, label)
	}
	opt := gateway.ListOptions{
		Prefix: bound("prefix"), Marker: bound("marker"), EndMarker: bound("end marker"),
		Delimiter: rapid.SampledFrom([]string{"", "/", "b"}).Draw(t, "delimiter"),
		Reverse:   rapid.Bool().Draw(t, "reverse"), Limit: rapid.IntRange(1, 6).Draw(t, "limit"),
	}
	if rapid.IntRange(0, 4).Draw(t, "direct") == 0 {
		opt.Direct, opt.Delimiter, opt.Prefix = true, "", slashed(opt.Prefix) // a path names a folder
	}
	for {
		got, err := m.Door.List(c, opt)
		if err != nil {
			t.Fatalf("list %s %+v: %v", c, opt, err)
		}
		if want := m.Account.List(m.Account.Containers[c], opt); !slices.Equal(got, want) {
			t.Fatalf("list %s %+v: %q, the model says %q of %q", c, opt, got, want, m.Account.Live(m.Account.Containers[c]))
		}
		if len(got) < opt.Limit {
			return
		}
		opt.Marker = got[len(got)-1]
	}
}

// tree compares what a drive shows of a folder.
func (m *Machine) tree(t *rapid.T) {
	c, p := container(t, "container"), m.treePath(t, "path")
	recursive, limit := rapid.Bool().Draw(t, "recursive"), rapid.IntRange(1, 6).Draw(t, "limit")
	at := m.Account.Containers[c]
	if at == nil || m.Account.look(at, p) != folder {
		t.Skip("no folder")
	}
	got, err := m.Door.Tree(c, p, recursive, limit)
	if err != nil {
		t.Fatalf("tree %s/%s: %v", c, p, err)
	}
	slices.Sort(got)
	if want := m.Account.Tree(at, p, recursive); !slices.Equal(got, want) {
		t.Fatalf("tree %s/%s, recursive %t, %d a page: %q, the model says %q of %q", c, p, recursive, limit, got, want, m.Account.Live(at))
	}
}

// sample compares one container's names and counters after a step.
func (m *Machine) sample(t *rapid.T) {
	known := m.known()
	if len(known) > 0 {
		m.compareNames(t, known[m.step%len(known)])
	}
}

func (m *Machine) compareNames(t *rapid.T, name string) {
	t.Helper()
	c := m.Account.Containers[name]
	got, err := m.Door.List(name, gateway.ListOptions{Limit: 10_000})
	if err != nil {
		t.Fatalf("list %s: %v", name, err)
	}
	if want := m.Account.Live(c); !slices.Equal(got, want) {
		t.Fatalf("%s holds %q, the model says %q", name, got, want)
	}
	objects, bytes, err := m.Door.Usage(name)
	if n, b := c.Usage(); err != nil || objects != n || bytes != b {
		t.Fatalf("%s counts %d objects, %d bytes (%v), the model says %d, %d", name, objects, bytes, err, n, b)
	}
}

// Compare compares everything: containers, names, contents, properties,
// counters.
func (m *Machine) Compare(t *rapid.T) {
	t.Helper()
	got, err := m.Door.Names()
	if want := m.known(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("the containers are %q (%v), the model says %q", got, err, want)
	}
	for name, c := range m.Account.Containers {
		m.compareNames(t, name)
		for _, object := range m.Account.Live(c) {
			o, err := m.Door.Get(name, object)
			if err != nil {
				t.Fatalf("get %s/%s: %v", name, object, err)
			}
			m.compareObject(t, name+"/"+object, o, c.Rows[object])
		}
	}
	objects, bytes, err := m.Door.Usage("")
	if n, b := m.Account.Usage(); err != nil || objects != n || bytes != b {
		t.Fatalf("the account counts %d objects, %d bytes (%v), the model says %d, %d", objects, bytes, err, n, b)
	}
}

func (m *Machine) compareObject(t *rapid.T, name string, got Object, want *Object) {
	t.Helper()
	switch {
	case got.Body != want.Body:
		t.Fatalf("%s holds %q, the model says %q", name, got.Body, want.Body)
	case want.Type != "?" && got.Type != want.Type:
		t.Fatalf("%s is of type %q, the model says %q", name, got.Type, want.Type)
	case !maps.Equal(got.Properties, want.Properties):
		t.Fatalf("%s has properties %q, the model says %q", name, got.Properties, want.Properties)
	case !got.DeleteAt.Equal(want.DeleteAt):
		t.Fatalf("%s expires %v, the model says %v", name, got.DeleteAt, want.DeleteAt)
	}
}

// Empty removes every container with all that it holds.
func (m *Machine) Empty(t *rapid.T) {
	t.Helper()
	for _, name := range m.known() {
		err := m.Door.RemoveTree(name, "", m.held)
		m.agreed(t, "remove "+name, err, func(a *Account) Verdict { return a.RemoveTree(name, "", m.held) })
	}
	m.Compare(t)
}
