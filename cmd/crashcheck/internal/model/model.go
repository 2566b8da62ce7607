// Package model knows what a gateway may show: for every name the states that
// it can be in, after requests that were carried out, refused, or whose
// outcome was never learned.
//
// A name belongs to one client, which sends one request at a time, so a model
// is used by one goroutine. A request that was carried out leaves one state
// (or as many as its result depends on); one whose outcome is unknown adds the
// states it would have made to those before it. Requests that change several
// names in one step, such as a rename of a folder, are remembered as
// alternatives until the names are used again: what is seen must fit one side
// as a whole.
package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"entrepot/cmd/crashcheck/internal/body"
)

// A State is what one name shows. The zero State is the absent object.
type State struct {
	Exists   bool
	Body     body.ID
	MD5      string // of Body
	Type     string // Content-Type
	Tag      string // one property; "": none
	Modified string // Last-Modified as the door gave it; "": not known
}

// String describes the state for people.
func (s State) String() string {
	if !s.Exists {
		return "absent"
	}
	return fmt.Sprintf("%v type=%s tag=%q modified=%q", s.Body, s.Type, s.Tag, s.Modified)
}

// Seen is what a door showed of a name. The zero Seen is the absent object.
type Seen struct {
	Exists    bool
	Size      int64
	MD5       string
	Type      string
	Tag       string
	Modified  string
	Timestamp string // X-Timestamp; compared between restarts only
}

// String describes what was seen.
func (s Seen) String() string {
	if !s.Exists {
		return "absent"
	}
	return fmt.Sprintf("%d bytes md5=%s type=%s tag=%q modified=%q", s.Size, s.MD5, s.Type, s.Tag, s.Modified)
}

// Fits tells whether the state can look like this.
func (s State) Fits(seen Seen) bool {
	if s.Exists != seen.Exists || !s.Exists {
		return s.Exists == seen.Exists
	}
	return s.Body.Size == seen.Size && s.Type == seen.Type && s.Tag == seen.Tag &&
		(s.Modified == "" || s.Modified == seen.Modified) && s.MD5 == seen.MD5
}

// A Set holds the states that a name can be in; it is never empty.
type Set []State

// Absent is the set of a name that is not there.
func Absent() Set { return Set{State{}} }

// Fitting returns the states that can look like this.
func (s Set) Fitting(seen Seen) Set {
	var out Set
	for _, state := range s {
		if state.Fits(seen) {
			out = append(out, state)
		}
	}
	return out
}

// Certain returns the state when there is only one.
func (s Set) Certain() (State, bool) { return s[0], len(s) == 1 }

// Exists tells whether the name must exist, and whether it may.
func (s Set) Exists() (must, may bool) {
	must = true
	for _, state := range s {
		must = must && state.Exists
		may = may || state.Exists
	}
	return must, may
}

// Map returns the set of what f makes of each state.
func (s Set) Map(f func(State) State) Set {
	out := make(Set, 0, len(s))
	for _, state := range s {
		out = out.add(f(state))
	}
	return out
}

// add adds a state that is not there yet.
func (s Set) add(state State) Set {
	if slices.Contains(s, state) {
		return s
	}
	return append(s, state)
}

// String lists the states for people.
func (s Set) String() string {
	parts := make([]string, len(s))
	for i, state := range s {
		parts[i] = state.String()
	}
	return strings.Join(parts, " or ")
}

// Change says which states some names have after a request.
type Change map[string]Set

// A Model is what one client expects. The zero Model is not ready; use New.
type Model struct {
	names   map[string]Set
	open    []alternative
	touched map[string]bool // by changes since Mark
}

// alternative is one request of unknown outcome: all of before or all of
// after, for the names that were not used since.
type alternative struct {
	what          string
	before, after Change
}

// New returns a model of nothing.
func New() *Model { return &Model{names: map[string]Set{}, touched: map[string]bool{}} }

// Mark begins to note anew which names are touched by changes.
func (m *Model) Mark() { clear(m.touched) }

// Touched tells whether a change that was carried out, or may have been,
// touched a name since Mark.
func (m *Model) Touched(name string) bool { return m.touched[name] }

// Of returns the states of a name.
func (m *Model) Of(name string) Set {
	if s, ok := m.names[name]; ok {
		return s
	}
	return Absent()
}

// Has tells whether a name was ever asked for.
func (m *Model) Has(name string) bool {
	_, ok := m.names[name]
	return ok
}

// Names returns every name that was ever asked for, sorted.
func (m *Model) Names() []string { return slices.Sorted(maps.Keys(m.names)) }

// Below returns the names with a prefix that may exist, sorted.
func (m *Model) Below(prefix string) []string {
	var out []string
	for name, set := range m.names {
		if _, may := set.Exists(); may && strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Touch notes that names were asked for, whatever came of it.
func (m *Model) Touch(names ...string) {
	for _, name := range names {
		m.names[name] = m.Of(name)
	}
}

// Commit applies a change that was carried out.
func (m *Model) Commit(change Change) {
	for name, after := range change {
		m.names[name] = after
		m.settle(name)
	}
}

// Doubt applies a change of unknown outcome.
func (m *Model) Doubt(what string, change Change) {
	before := make(Change, len(change))
	for name, after := range change {
		before[name] = m.Of(name)
		m.settle(name)
		union := slices.Clone(before[name])
		for _, state := range after {
			union = union.add(state)
		}
		m.names[name] = union
	}
	m.open = append(m.open, alternative{what, before, maps.Clone(change)})
}

// Check fails when a name cannot look like this. It does not narrow the name:
// what a process shows after a failed commit need not be what the next one
// finds.
func (m *Model) Check(name string, seen Seen) error {
	if len(m.Of(name).Fitting(seen)) == 0 {
		return fmt.Errorf("%s is %s; expected %s", name, seen, m.Of(name))
	}
	return nil
}

// settle ends what alternatives say about a name that is changed.
func (m *Model) settle(name string) {
	m.touched[name] = true
	for _, a := range m.open {
		delete(a.before, name)
		delete(a.after, name)
	}
}

// Resolve compares all names with what was seen after the outcomes became
// final, and narrows the model to it. A name that is missing from seen was
// absent. It returns what cannot be.
func (m *Model) Resolve(seen map[string]Seen) []error {
	var wrong []error
	for _, a := range m.open {
		if err := a.judge(seen); err != nil {
			wrong = append(wrong, err)
		}
	}
	m.open = nil
	for _, name := range m.Names() {
		if err := m.Check(name, seen[name]); err != nil {
			wrong = append(wrong, err)
			continue
		}
		m.names[name] = m.Of(name).Fitting(seen[name]).Map(func(s State) State {
			s.Modified = seen[name].Modified
			return s
		})
	}
	return wrong
}

// judge fails when the names show neither side as a whole.
func (a *alternative) judge(seen map[string]Seen) error {
	fits := func(side Change) (misfit string) {
		for _, name := range slices.Sorted(maps.Keys(side)) {
			if len(side[name].Fitting(seen[name])) == 0 {
				return name
			}
		}
		return ""
	}
	before := fits(a.before)
	if before == "" {
		return nil
	}
	after := fits(a.after)
	if after == "" {
		return nil
	}
	return fmt.Errorf("%s was done in part: %s does not show the state before, %s not the one after", a.what, before, after)
}
