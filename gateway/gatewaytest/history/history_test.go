package history_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest/history"
)

// cell is a correct subject, or one with a fault.
type cell struct {
	mu     sync.Mutex
	values map[string][2]string // value and meta

	stale  bool // Get sometimes answers with the value before
	blind  bool // PutNew does not look
	before map[string][2]string
	calls  int
}

func (c *cell) do(_ int, in history.Input) history.Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	v, found := c.values[in.Name]
	write := func() history.Output {
		c.before[in.Name] = v
		c.values[in.Name] = [2]string{in.Value, in.Meta}
		return history.Output{Result: history.Done, Created: !found, HasCreated: true}
	}
	switch in.Op {
	case history.Put:
		if c.calls%97 == 0 {
			if c.calls%2 == 0 {
				write()
			}
			return history.Output{Result: history.Unknown}
		}
		return write()
	case history.PutNew:
		if found && !c.blind {
			return history.Output{Result: history.Refused}
		}
		out := write()
		out.HasCreated = false
		return out
	case history.PutMatch:
		if v[0] != in.Match {
			return history.Output{Result: history.Refused}
		}
		return write()
	}
	if !found {
		return history.Output{Result: history.Absent}
	}
	switch in.Op {
	case history.SetMeta:
		c.values[in.Name] = [2]string{v[0], in.Meta}
	case history.Delete:
		delete(c.values, in.Name)
	case history.Get:
		if c.stale && c.calls%50 == 0 && c.before[in.Name][0] != "" {
			v = c.before[in.Name]
		}
		return history.Output{Result: history.Done, Value: v[0], Meta: v[1], HasMeta: true}
	}
	return history.Output{Result: history.Done}
}

func record(c *cell) *history.Recorder {
	c.values, c.before = map[string][2]string{}, map[string][2]string{}
	r := history.NewRecorder()
	r.Run(history.Plan{Seed: 1, Clients: 8, Names: []string{"a", "b"}, Calls: 2000}, c.do, nil)
	return r
}

func TestACorrectSubjectIsExplained(t *testing.T) {
	r := record(&cell{})
	if err := r.Linearizable(time.Minute); err != nil {
		t.Error(err)
	}
	if r.Len() != 2000 || r.Count(history.Unknown) == 0 || r.Count(history.Refused) == 0 || r.Count(history.Absent) == 0 {
		t.Errorf("%d calls, of which %d are unknown", r.Len(), r.Count(history.Unknown))
	}
}

func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]*cell{"a stale read": {stale: true}, "a condition that is not looked at": {blind: true}} {
		err := record(c).Linearizable(time.Minute)
		if err == nil || !strings.Contains(err.Error(), "no order of the calls explains") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASettledUnknownCallCannotHappenLater(t *testing.T) {
	script := []history.Output{{Result: history.Unknown}, {Result: history.Absent}, {Result: history.Done, Value: "x"}}
	for _, settle := range []bool{false, true} {
		r := history.NewRecorder()
		in := []history.Input{{Name: "a", Op: history.Put, Value: "x"}, {Name: "a", Op: history.Get}, {Name: "a", Op: history.Get}}
		for i := range in {
			r.Note(i, in[i], func() history.Output { return script[i] })
			if i == 0 && settle {
				r.Settle()
			}
		}
		if err := r.Linearizable(time.Minute); (err != nil) != settle {
			t.Errorf("settled %t: %v", settle, err)
		}
	}
}

func TestATornBodyIsNobodysValue(t *testing.T) {
	lengths := []int{0, 100, 5000}
	for _, v := range []string{"1-2-3", "ff-0-10"} {
		body := history.Body(v, lengths...)
		if got := history.ValueOf(body, lengths...); got != v {
			t.Errorf("read back %q, want %q", got, v)
		}
		if got := history.ValueOf(append(body, "1-2-"...), lengths...); got == v {
			t.Errorf("a body with a foreign end reads as %q", got)
		}
	}
}
