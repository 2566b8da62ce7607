package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"entrepot/store/blob"
)

// The manifest of a backup is a text:
//
//	entrepot backup 1
//	{"created":…,"database":{"name":…,"bytes":…,"sha256":…}}
//	ID SIZE SHA-256          a line for each piece of content in a file
//	ID SIZE SHA-256 damaged  one that could not be read when the backup was made
//	end COUNT SHA-256        of all lines above
//
// The last line tells a finished manifest from the rest of one.
const (
	manifestName  = "manifest"
	manifestFirst = "entrepot backup 1"
	manifestLine  = 4 << 10 // longest line, in bytes
)

// errManifest is the error of a manifest that cannot be used.
var errManifest = errors.New("the backup's manifest is damaged or unfinished")

// A BackupHeader says what a backup holds besides content.
type BackupHeader struct {
	Created  time.Time      `json:"created"`
	Database BackupDatabase `json:"database"`
}

// A BackupDatabase names the copy of the database, in the backup's directory.
type BackupDatabase struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// A backedUp is one line of a manifest.
type backedUp struct {
	id      blob.ID
	size    int64
	sha256  [32]byte
	damaged bool
}

func (b *backedUp) String() string {
	line := fmt.Sprintf("%s %d %x", b.id, b.size, b.sha256)
	if b.damaged {
		line += " damaged"
	}
	return line
}

// parseBackedUp reads a line as String writes it.
func parseBackedUp(line string) (b backedUp, err error) {
	f := strings.Split(line, " ")
	if len(f) == 4 && f[3] == "damaged" {
		b.damaged, f = true, f[:3]
	}
	if len(f) != 3 {
		return b, errManifest
	}
	if b.id, err = blob.ParseID(f[0]); err != nil {
		return b, fmt.Errorf("%w: %w", errManifest, err)
	}
	if b.size, err = strconv.ParseInt(f[1], 10, 64); err != nil || b.size <= 0 || strconv.FormatInt(b.size, 10) != f[1] {
		return b, fmt.Errorf("%w: a size of %q", errManifest, f[1])
	}
	digest, err := hex.DecodeString(f[2])
	if err != nil || len(digest) != 32 || hex.EncodeToString(digest) != f[2] {
		return b, fmt.Errorf("%w: a digest of %q", errManifest, f[2])
	}
	b.sha256 = [32]byte(digest)
	return b, nil
}

// manifestWriter writes a manifest.
type manifestWriter struct {
	w     *bufio.Writer
	sum   hash.Hash
	count int64
}

func newManifestWriter(w io.Writer, h BackupHeader) (*manifestWriter, error) {
	m := &manifestWriter{sum: sha256.New()}
	m.w = bufio.NewWriter(io.MultiWriter(w, m.sum))
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(m.w, "%s\n%s\n", manifestFirst, head)
	return m, err
}

func (m *manifestWriter) add(b *backedUp) error {
	m.count++
	_, err := fmt.Fprintln(m.w, b)
	return err
}

// finish writes the last line.
func (m *manifestWriter) finish() error {
	if err := m.w.Flush(); err != nil {
		return err
	}
	sum := m.sum.Sum(nil)
	if _, err := fmt.Fprintf(m.w, "end %d %x\n", m.count, sum); err != nil {
		return err
	}
	return m.w.Flush()
}

// readManifest reads a manifest to its end, checks it, and calls each for its
// lines. Nothing that each was told may be believed before it returns nil.
func readManifest(r io.Reader, each func(*backedUp) error) (h BackupHeader, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, manifestLine)
	sum := sha256.New()
	next := func() (string, bool) {
		ok := lines.Scan()
		return lines.Text(), ok
	}
	hashed := func(line string) { sum.Write(append([]byte(line), '\n')) }
	first, ok := next()
	if !ok || first != manifestFirst {
		return h, fmt.Errorf("%w: it does not begin with %q", errManifest, manifestFirst)
	}
	hashed(first)
	head, _ := next()
	hashed(head)
	dec := json.NewDecoder(bytes.NewReader([]byte(head)))
	if err := dec.Decode(&h); err != nil {
		return h, fmt.Errorf("%w: its header: %w", errManifest, err)
	}
	for count := int64(0); ; count++ {
		line, ok := next()
		if !ok {
			return h, errors.Join(fmt.Errorf("%w: its last line is missing", errManifest), lines.Err())
		}
		if rest, last := strings.CutPrefix(line, "end "); last {
			if rest != fmt.Sprintf("%d %x", count, sum.Sum(nil)) {
				return h, fmt.Errorf("%w: it fails its checksum", errManifest)
			}
			if _, more := next(); more || lines.Err() != nil {
				return h, fmt.Errorf("%w: something follows its end", errManifest)
			}
			return h, nil
		}
		hashed(line)
		b, err := parseBackedUp(line)
		if err != nil {
			return h, err
		}
		if err := each(&b); err != nil {
			return h, err
		}
	}
}
