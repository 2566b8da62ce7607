// Package history makes clients work on a few names at once, notes when each
// call began and ended and what it said, and judges by the porcupine checker
// whether the names behaved as if calls happened one at a time (Linearizable).
//
// It knows no gateway: a Subject does the calls, in memory or over a wire. The
// content of a value is made from the value itself (Body), so that a reader
// sees a torn or a foreign body at once (ValueOf).
package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// An Op is what a call does.
type Op uint8

// The calls.
const (
	Get      Op = iota + 1
	Put         // whatever is there
	PutNew      // only where nothing is (If-None-Match: *)
	PutMatch    // only where Input.Match is (If-Match)
	SetMeta     // replaces the meta text of what is there
	Delete
	ops // behind the last
)

// String returns the op's name.
func (o Op) String() string {
	return [...]string{"?", "get", "put", "put-new", "put-match", "set-meta", "delete"}[o]
}

// An Input is one call.
type Input struct {
	Name  string
	Op    Op
	Value string // what the puts write; unique in a history
	Match string // the value that PutMatch wants to find
	Meta  string // what SetMeta and the puts write beside the value
}

// A Result is how a call ended.
type Result uint8

// The results. The zero Result is none: a Subject that returns it is wrong.
const (
	Done    Result = iota + 1 // it took effect, or read what is there
	Absent                    // there was nothing
	Refused                   // its condition was false
	Unknown                   // it may have taken effect, or may not
	Failed                    // it had no effect, for a reason outside of the model
)

// An Output is the answer to a call.
type Output struct {
	Result Result
	Value  string // what Get found
	// Meta is the meta text that Get found, when HasMeta says that the door
	// shows it.
	Meta    string
	HasMeta bool
	// Created says whether a put made the name, when HasCreated.
	Created, HasCreated bool
	// KeepsMeta marks a put through a door that keeps the meta text of what
	// it replaces.
	KeepsMeta bool
}

// A Subject does calls. client numbers the caller; calls of one client come
// one after the other, those of different clients at once.
type Subject func(client int, in Input) Output

// Plan says how a history is made.
type Plan struct {
	Seed    uint64
	Clients int
	Names   []string
	Calls   int // of all clients together
}

// A Recorder collects the calls of a history. Safe for concurrent use.
type Recorder struct {
	began time.Time

	mu    sync.Mutex
	calls []porcupine.Operation
	open  []int // indexes of unknown calls that have no end yet
	next  int   // number of clients given out
}

// NewRecorder returns an empty Recorder. Times are measured from now on.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

func (r *Recorder) now() int64 { return int64(time.Since(r.began)) }

// Settle says that no unknown call of before can take effect any more, as
// after the death of the process that would have done it.
func (r *Recorder) Settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for _, i := range r.open {
		r.calls[i].Return = now
	}
	r.open = nil
}

// Len returns how many calls were recorded.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// Count returns how many calls ended so.
func (r *Recorder) Count(result Result) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.calls {
		if r.calls[i].Output.(Output).Result == result {
			n++
		}
	}
	return n
}

// Note makes one call by do and records it.
func (r *Recorder) Note(client int, in Input, do func() Output) Output {
	from := r.now()
	out := do()
	r.add(client, in, out, from, r.now())
	return out
}

func (r *Recorder) add(client int, in Input, out Output, from, to int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if out.Result == Failed {
		return
	}
	if out.Result == Unknown {
		if in.Op == Get {
			return
		}
		r.open = append(r.open, len(r.calls))
		to = math.MaxInt64
	}
	r.calls = append(r.calls, porcupine.Operation{ClientId: client, Input: in, Call: from, Output: out, Return: to})
}

// Run makes the planned calls and records them. It returns when all clients
// are through, or as soon as each has met stop (nil: never) before a call.
func (r *Recorder) Run(plan Plan, do Subject, stop <-chan struct{}) {
	r.mu.Lock()
	first := r.next
	r.next += plan.Clients
	r.mu.Unlock()
	var all sync.WaitGroup
	for c := range plan.Clients {
		all.Go(func() {
			w := &worker{
				r: r, plan: &plan, do: do, client: first + c, number: c,
				rng: rand.New(rand.NewPCG(plan.Seed, uint64(first+c))), seen: make(map[string]string),
			}
			for range plan.Calls / plan.Clients {
				select {
				case <-stop:
					return
				default:
				}
				w.call()
			}
		})
	}
	all.Wait()
}

// worker is one client on its way.
type worker struct {
	r      *Recorder
	plan   *Plan
	do     Subject
	client int // in the history
	number int // for the Subject
	rng    *rand.Rand
	seen   map[string]string // name → the value last seen there
	made   int
}

// call makes one random call.
func (w *worker) call() {
	in := Input{Name: w.plan.Names[w.rng.IntN(len(w.plan.Names))], Op: w.op()}
	switch in.Op {
	case Put, PutNew, PutMatch:
		w.made++
		in.Value = fmt.Sprintf("%x-%d-%d", w.plan.Seed, w.client, w.made)
		in.Meta = "of " + in.Value
		in.Match = w.seen[in.Name]
		if in.Op == PutMatch && in.Match == "" {
			in.Op = PutNew
		}
	case SetMeta:
		w.made++
		in.Meta = fmt.Sprintf("meta %x-%d-%d", w.plan.Seed, w.client, w.made)
	}
	out := w.r.Note(w.client, in, func() Output { return w.do(w.number, in) })
	switch {
	case out.Result == Done && in.Op == Get:
		w.seen[in.Name] = out.Value
	case out.Result == Done && in.Value != "":
		w.seen[in.Name] = in.Value
	}
}

// op chooses what to do: reads a little more often than each kind of write.
func (w *worker) op() Op {
	weights := [ops]int{Get: 30, Put: 22, PutNew: 14, PutMatch: 16, SetMeta: 6, Delete: 12}
	n := w.rng.IntN(100)
	for op := Get; op < ops; op++ {
		if n -= weights[op]; n < 0 {
			return op
		}
	}
	return Get
}

// Body returns the content that stands for a value: the value itself and
// filler up to one of several lengths, which the value chooses.
func Body(value string, lengths ...int) []byte {
	n := 0
	if len(lengths) > 0 {
		var h uint32 = 2166136261
		for _, c := range []byte(value) {
			h = (h ^ uint32(c)) * 16777619
		}
		n = lengths[int(h>>8)%len(lengths)]
	}
	line := value + "\n"
	return []byte(strings.Repeat(line, max(1, n/len(line))))
}

// ValueOf reads a body back. What Body did not write gives a text that is
// nobody's value, so that the history cannot be explained.
func ValueOf(body []byte, lengths ...int) string {
	value, _, _ := strings.Cut(string(body), "\n")
	if string(Body(value, lengths...)) != string(body) {
		return fmt.Sprintf("torn body of %d bytes: %.80q", len(body), body)
	}
	return value
}
