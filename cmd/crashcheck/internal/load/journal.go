package load

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"

	"entrepot/cmd/crashcheck/internal/wire"
)

// A Record is one request in the journal of a run.
type Record struct {
	Start   time.Time    `json:"start"`
	Millis  float64      `json:"ms"`
	Client  int          `json:"client"`
	Op      string       `json:"op"`
	Door    wire.Door    `json:"door"`
	Name    string       `json:"name"`
	To      string       `json:"to,omitempty"`
	Body    string       `json:"body,omitempty"`
	Status  int          `json:"status"`
	Error   string       `json:"error,omitempty"`
	Outcome wire.Outcome `json:"outcome"`
}

// A Journal keeps the requests of all clients as JSON lines, in the order in
// which they ended. It must lie outside the file system under test. It is
// safe for concurrent use; nil keeps nothing.
type Journal struct {
	mu  sync.Mutex
	out *bufio.Writer
}

// NewJournal returns a journal that writes to w.
func NewJournal(w io.Writer) *Journal { return &Journal{out: bufio.NewWriter(w)} }

// Add keeps a request.
func (j *Journal) Add(r Record) {
	if j == nil {
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		return // a Record always has a JSON form
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(append(line, '\n')) // Flush reports it
}

// Flush writes out what is buffered.
func (j *Journal) Flush() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Flush()
}
