package model_test

import (
	"strings"
	"testing"

	"entrepot/cmd/crashcheck/internal/body"
	"entrepot/cmd/crashcheck/internal/model"
)

func state(version int) model.State {
	id := body.ID{Seed: 1, Origin: "o", Version: version, Size: 10}
	return model.State{Exists: true, Body: id, MD5: id.MD5(), Type: "t"}
}

func seen(s model.State) model.Seen {
	if !s.Exists {
		return model.Seen{}
	}
	return model.Seen{Exists: true, Size: s.Body.Size, MD5: s.MD5, Type: s.Type, Tag: s.Tag, Modified: "now"}
}

func TestCommittedWriteMustBeThere(t *testing.T) {
	m := model.New()
	m.Commit(model.Change{"a": {state(1)}})
	if wrong := m.Resolve(map[string]model.Seen{}); len(wrong) != 1 {
		t.Errorf("a lost write gave %v", wrong)
	}
	m = model.New()
	m.Commit(model.Change{"a": {state(1)}})
	if wrong := m.Resolve(map[string]model.Seen{"a": seen(state(2))}); len(wrong) != 1 {
		t.Errorf("another content gave %v", wrong)
	}
	m = model.New()
	m.Commit(model.Change{"a": {state(1)}})
	if wrong := m.Resolve(map[string]model.Seen{"a": seen(state(1))}); wrong != nil {
		t.Error(wrong)
	}
}

func TestUnknownWriteIsTheStateBeforeOrAfter(t *testing.T) {
	for version, fine := range map[int]bool{1: true, 2: true, 3: false} {
		m := model.New()
		m.Commit(model.Change{"a": {state(1)}})
		m.Doubt("put", model.Change{"a": {state(2)}})
		wrong := m.Resolve(map[string]model.Seen{"a": seen(state(version))})
		if (len(wrong) == 0) != fine {
			t.Errorf("version %d: %v", version, wrong)
		}
	}
}

func TestDeletedNameStaysAbsent(t *testing.T) {
	m := model.New()
	m.Commit(model.Change{"a": {state(1)}})
	m.Commit(model.Change{"a": model.Absent()})
	if wrong := m.Resolve(map[string]model.Seen{"a": seen(state(1))}); len(wrong) != 1 {
		t.Errorf("a deleted object came back: %v", wrong)
	}
}

func TestRenameIsWholeOrNotAtAll(t *testing.T) {
	build := func() *model.Model {
		m := model.New()
		m.Commit(model.Change{"d/a": {state(1)}, "d/b": {state(2)}})
		m.Doubt("move", model.Change{
			"d/a": model.Absent(), "d/b": model.Absent(), "e/a": {state(1)}, "e/b": {state(2)},
		})
		return m
	}
	before := map[string]model.Seen{"d/a": seen(state(1)), "d/b": seen(state(2))}
	after := map[string]model.Seen{"e/a": seen(state(1)), "e/b": seen(state(2))}
	half := map[string]model.Seen{"e/a": seen(state(1)), "d/b": seen(state(2))}
	lost := map[string]model.Seen{"d/b": seen(state(2))}
	twice := map[string]model.Seen{"d/a": seen(state(1)), "d/b": seen(state(2)), "e/a": seen(state(1)), "e/b": seen(state(2))}
	for name, c := range map[string]struct {
		seen map[string]model.Seen
		fine bool
	}{"before": {before, true}, "after": {after, true}, "half": {half, false}, "lost": {lost, false}, "twice": {twice, false}} {
		wrong := build().Resolve(c.seen)
		if (len(wrong) == 0) != c.fine {
			t.Errorf("%s: %v", name, wrong)
		}
		if !c.fine && !strings.Contains(wrong[0].Error(), "in part") {
			t.Errorf("%s: %v", name, wrong[0])
		}
	}
}

func TestLaterRequestEndsAnAlternative(t *testing.T) {
	for _, there := range []bool{true, false} {
		m := model.New()
		m.Commit(model.Change{"d/a": {state(1)}})
		m.Doubt("move", model.Change{"d/a": model.Absent(), "e/a": {state(1)}})
		m.Commit(model.Change{"d/a": {state(3)}}) // written anew: the rename says nothing of it any more
		shown := map[string]model.Seen{"d/a": seen(state(3))}
		if there {
			shown["e/a"] = seen(state(1))
		}
		if wrong := m.Resolve(shown); len(wrong) != 0 {
			t.Errorf("target there %v: %v", there, wrong)
		}
	}
}

func TestResolveNarrowsToWhatWasSeen(t *testing.T) {
	m := model.New()
	m.Doubt("put", model.Change{"a": {state(1)}})
	if wrong := m.Resolve(map[string]model.Seen{"a": seen(state(1))}); wrong != nil {
		t.Fatal(wrong)
	}
	if wrong := m.Resolve(map[string]model.Seen{}); len(wrong) != 1 {
		t.Errorf("what was seen once may go: %v", wrong)
	}
	changed := seen(state(1))
	changed.Modified = "later"
	if m.Check("a", changed) == nil {
		t.Error("the time may change though nobody wrote")
	}
}

func TestMarkNotesWhatIsTouchedAfterIt(t *testing.T) {
	m := model.New()
	m.Commit(model.Change{"a": {state(1)}, "b": {state(2)}, "c": {state(3)}})
	m.Mark()
	m.Commit(model.Change{"a": {state(4)}})
	m.Doubt("put", model.Change{"b": {state(5)}})
	m.Touch("c")
	if !m.Touched("a") || !m.Touched("b") || m.Touched("c") {
		t.Errorf("touched: %v %v %v", m.Touched("a"), m.Touched("b"), m.Touched("c"))
	}
}

func TestOnlyRequestedStatesFit(t *testing.T) {
	s := state(1)
	s.Tag, s.Modified = "7", "now"
	for name, change := range map[string]func(*model.Seen){
		"size":     func(v *model.Seen) { v.Size++ },
		"digest":   func(v *model.Seen) { v.MD5 = "0" },
		"type":     func(v *model.Seen) { v.Type = "other" },
		"property": func(v *model.Seen) { v.Tag = "8" },
		"time":     func(v *model.Seen) { v.Modified = "then" },
	} {
		v := seen(s)
		if !s.Fits(v) {
			t.Fatal("the state does not fit itself")
		}
		change(&v)
		if s.Fits(v) {
			t.Errorf("another %s fits", name)
		}
	}
}
