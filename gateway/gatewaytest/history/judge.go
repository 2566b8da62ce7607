package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is what one name holds; the zero state is nothing.
type state struct{ value, meta string }

// step returns the states that a call may leave behind, none when its answer
// cannot be explained from the state before.
func step(s state, in Input, out Output) []any {
	after, ok := apply(s, in, out)
	switch out.Result {
	case Unknown:
		if ok && after != s {
			return []any{s, after}
		}
		return []any{s}
	case Done:
		if !ok || out.HasCreated && out.Created != (s.value == "") {
			return nil
		}
		if in.Op == Get && (out.Value != s.value || out.HasMeta && out.Meta != s.meta) {
			return nil
		}
		return []any{after}
	case Absent:
		if s.value == "" && (in.Op == Get || in.Op == Delete || in.Op == SetMeta) {
			return []any{s}
		}
	case Refused:
		if !ok && (in.Op == PutNew || in.Op == PutMatch) {
			return []any{s}
		}
	}
	return nil
}

// apply is what a call does to a name; ok tells whether it may.
func apply(s state, in Input, out Output) (after state, ok bool) {
	written := state{in.Value, in.Meta}
	if out.KeepsMeta {
		written.meta = s.meta
	}
	switch in.Op {
	case Put:
		return written, true
	case PutNew:
		return written, s.value == ""
	case PutMatch:
		return written, s.value == in.Match
	case SetMeta:
		return state{s.value, in.Meta}, s.value != ""
	case Delete:
		return state{}, s.value != ""
	}
	return s, s.value != ""
}

// model is a name by itself: histories are judged name by name.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byName := make(map[string][]porcupine.Operation)
			for _, op := range history {
				name := op.Input.(Input).Name
				byName[name] = append(byName[name], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byName {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() []any { return []any{state{}} },
		Step: func(s, in, out any) []any { return step(s.(state), in.(Input), out.(Output)) },
		DescribeOperation: func(in, out any) string {
			return Describe(in.(Input), out.(Output))
		},
	}
	return m.ToModel()
}

// Describe writes a call and its answer on one line.
func Describe(in Input, out Output) string {
	text := fmt.Sprintf("%s %s", in.Op, in.Name)
	if in.Value != "" {
		text += " " + in.Value
	}
	if in.Op == PutMatch {
		text += " over " + in.Match
	}
	switch {
	case out.Result == Done && in.Op == Get:
		return text + fmt.Sprintf(": %s (%s)", out.Value, out.Meta)
	case out.HasCreated && out.Created:
		return text + ": created"
	}
	return text + [...]string{": ?", ": done", ": absent", ": refused", ": unknown", ": failed"}[out.Result]
}

// Linearizable judges the recorded calls. It returns an error that shows where
// the explanation breaks off when there is none, and one when the question
// was not settled in the given time.
func (r *Recorder) Linearizable(limit time.Duration) error {
	r.mu.Lock()
	calls := slices.Clone(r.calls)
	r.mu.Unlock()
	m := model()
	for _, part := range m.Partition(calls) {
		switch porcupine.CheckOperationsTimeout(m, part, limit) {
		case porcupine.Illegal:
			return illegal(m, part)
		case porcupine.Unknown:
			return fmt.Errorf("history: %q: %d calls were not judged in %v", part[0].Input.(Input).Name, len(part), limit)
		}
	}
	return nil
}

// illegal finds the shortest beginning of a history that cannot be explained
// and shows its end.
func illegal(m porcupine.Model, part []porcupine.Operation) error {
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	n := sort.Search(len(part)-1, func(i int) bool { return !prefixExplained(m, part, i+1) })
	var b strings.Builder
	fmt.Fprintf(&b, "history: %q: no order of the calls explains call %d of %d; the last ones:\n",
		part[0].Input.(Input).Name, n+1, len(part))
	for _, op := range part[max(0, n-12):min(len(part), n+1)] {
		fmt.Fprintf(&b, "  [%d, %d] client %d: %s\n", op.Call, op.Return, op.ClientId, Describe(op.Input.(Input), op.Output.(Output)))
	}
	return errors.New(b.String())
}

// prefixExplained tells whether the first n returned calls can be explained.
// Calls under way then may have taken effect, so they count as unknown.
func prefixExplained(m porcupine.Model, part []porcupine.Operation, n int) bool {
	end := part[n-1].Return
	var prefix []porcupine.Operation
	for i, op := range part {
		out := op.Output.(Output)
		if i >= n && op.Call < end && op.Input.(Input).Op != Get && (out.Result == Done || out.Result == Unknown) {
			op.Output = Output{Result: Unknown, KeepsMeta: out.KeepsMeta}
			op.Return = part[len(part)-1].Return
		} else if i >= n {
			continue
		}
		prefix = append(prefix, op)
	}
	return porcupine.CheckOperations(m, prefix)
}
