// Package inspect looks at a whole gateway after a fault and compares it with
// what its clients may expect: every name by every door, listings, counters,
// files on disk, the log.
package inspect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"entrepot/cmd/crashcheck/internal/body"
	"entrepot/cmd/crashcheck/internal/load"
	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/wire"
)

// A Snapshot is what a gateway shows at one moment.
type Snapshot struct {
	Names   map[string]model.Seen // by container/object; absent names are left out
	Folders map[string]bool       // of the drive, with their containers, without a slash at the end
	Facts   map[string]string     // see the package facts; those that were as expected
}

// Folder tells whether the drive shows a folder.
func (s Snapshot) Folder(name string) bool { return s.Folders[name] }

// A Report collects what is wrong.
type Report struct {
	mu    sync.Mutex
	wrong []string
}

// Add notes one thing that is wrong.
func (r *Report) Add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// All returns what is wrong, none when all is well.
func (r *Report) All() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wrong)
}

// listPage makes listings of some hundred names take several pages.
const listPage = 97

// Look reads everything that the gateway shows and notes what contradicts
// itself or the models: names that nobody asked for, content that is not the
// state's, formats and doors that disagree, counters that miscount. The
// models are not changed.
func Look(ctx context.Context, w *wire.Client, models []*model.Model, report *Report) Snapshot {
	s := Snapshot{Names: map[string]model.Seen{}, Folders: map[string]bool{}}
	expected := map[string]model.Set{}
	for _, m := range models {
		for _, name := range m.Names() {
			expected[name] = m.Of(name)
		}
	}
	listed := map[string]wire.Entry{}
	for _, k := range load.Containers() {
		for _, e := range listings(ctx, w, k, report, s.Folders) {
			listed[k+"/"+e.Name] = e
		}
	}
	var mu sync.Mutex
	forEach(union(expected, listed), func(name string) {
		seen := examine(ctx, w, name, expected[name], report)
		if !seen.Exists {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		s.Names[name] = seen
	})
	compareNames(s, expected, listed, report)
	counters(ctx, w, listed, report)
	return s
}

// union returns the names of both, sorted.
func union(expected map[string]model.Set, listed map[string]wire.Entry) []string {
	all := map[string]bool{}
	for name := range expected {
		all[name] = true
	}
	for name := range listed {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// forEach calls fn for all names, four at a time.
func forEach(names []string, fn func(string)) {
	var next sync.Mutex
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for {
				next.Lock()
				if len(names) == 0 {
					next.Unlock()
					return
				}
				name := names[0]
				names = names[1:]
				next.Unlock()
				fn(name)
			}
		})
	}
	done.Wait()
}

// listings lists one container in every format and by the drive, and returns
// the rows that they agree on.
func listings(ctx context.Context, w *wire.Client, container string, report *Report, folders map[string]bool) []wire.Entry {
	rows, err := w.List(ctx, container, wire.JSON, "", listPage)
	if err != nil {
		report.Add("%v", err)
		return nil
	}
	for i := 1; i < len(rows); i++ {
		if rows[i-1].Name >= rows[i].Name {
			report.Add("the listing of %s has %q before %q", container, rows[i-1].Name, rows[i].Name)
		}
	}
	for _, format := range []wire.Format{wire.XML, wire.Plain} {
		other, err := w.List(ctx, container, format, "", listPage)
		if err != nil {
			report.Add("%v", err)
			continue
		}
		if !slices.EqualFunc(rows, other, func(a, b wire.Entry) bool {
			return a.Name == b.Name && (format == wire.Plain || a == b)
		}) {
			report.Add("the listings of %s as json (%d rows) and %s (%d rows) differ", container, len(rows), format, len(other))
		}
	}
	drive(ctx, w, container, rows, report, folders)
	return rows
}

// drive compares what the drive shows with a listing, and notes the folders.
func drive(ctx context.Context, w *wire.Client, container string, rows []wire.Entry, report *Report, folders map[string]bool) {
	tree, err := w.Tree(ctx, container, "", "infinity")
	if err != nil {
		report.Add("%v", err)
		return
	}
	var files []wire.Entry
	for i, e := range tree {
		if i > 0 && tree[i-1].Name >= e.Name {
			report.Add("the drive shows %q before %q", tree[i-1].Name, e.Name)
		}
		if folder, ok := strings.CutSuffix(e.Name, "/"); ok {
			folders[container+"/"+folder] = true
		} else {
			files = append(files, e)
		}
	}
	var plain []wire.Entry
	for _, e := range rows {
		if !strings.HasSuffix(e.Name, "/") {
			plain = append(plain, e)
		}
	}
	if !slices.Equal(files, plain) {
		report.Add("the drive shows %d files in %s, the listing %d: they differ", len(files), container, len(plain))
	}
}

// examine looks at one name through both doors.
func examine(ctx context.Context, w *wire.Client, name string, set model.Set, report *Report) model.Seen {
	container, object, _ := strings.Cut(name, "/")
	q := wire.Request{Door: wire.Swift, Method: http.MethodHead, Container: container, Object: object}
	head := w.Do(ctx, q)
	if head.Status != http.StatusOK && head.Status != http.StatusNotFound {
		report.Add("HEAD of %s: status %d, %v", name, head.Status, head.Err)
	}
	seen := load.SeenOf(head.Status, head.Header)
	if !seen.Exists || strings.HasSuffix(name, "/") {
		return seen
	}
	fitting := set.Fitting(seen)
	if len(fitting) == 0 {
		return seen // the models report it
	}
	for _, door := range []wire.Door{wire.Swift, wire.DAV} {
		q.Door, q.Method = door, http.MethodGet
		status, _, err := w.Stream(ctx, q, func(status int, _ http.Header, r io.Reader) error {
			if status != http.StatusOK {
				return wire.Discard(r)
			}
			return fitting[0].Body.Check(r, 0, fitting[0].Body.Size)
		})
		switch {
		case errors.Is(err, body.ErrDiffers):
			report.Add("GET of %s by %s: %v", name, door, err)
		case err != nil || status != http.StatusOK:
			report.Add("GET of %s by %s: status %d, %v", name, door, status, err)
		}
	}
	return seen
}

// compareNames holds listings against what direct requests found, and both
// against what was ever asked for.
func compareNames(s Snapshot, expected map[string]model.Set, listed map[string]wire.Entry, report *Report) {
	for name, e := range listed {
		seen, ok := s.Names[name]
		if !ok {
			report.Add("%s is listed and cannot be found", name)
			continue
		}
		if seen.Size != e.Size || seen.MD5 != e.MD5 {
			report.Add("%s is listed with %d bytes, %s; HEAD shows %s", name, e.Size, e.MD5, seen)
		}
		_, asked := expected[name]
		switch {
		case strings.HasSuffix(name, "/") && e.Size != 0:
			report.Add("the folder %s has %d bytes", name, e.Size)
		case !asked && !strings.HasSuffix(name, "/"):
			report.Add("%s is there and was never asked for", name)
		}
	}
	for name := range s.Names {
		if _, ok := listed[name]; !ok {
			report.Add("%s can be found and is not listed", name)
		}
	}
}

// counters recounts containers and account.
func counters(ctx context.Context, w *wire.Client, listed map[string]wire.Entry, report *Report) {
	var objects, bytes int64
	for _, k := range load.Containers() {
		var n, size int64
		for name, e := range listed {
			if strings.HasPrefix(name, k+"/") {
				n++
				size += e.Size
			}
		}
		a := w.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodHead, Container: k})
		expect(report, k, a, "X-Container-Object-Count", n)
		expect(report, k, a, "X-Container-Bytes-Used", size)
		objects, bytes = objects+n, bytes+size
	}
	a := w.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodHead})
	expect(report, "the account", a, "X-Account-Container-Count", int64(len(load.Containers())))
	expect(report, "the account", a, "X-Account-Object-Count", objects)
	expect(report, "the account", a, "X-Account-Bytes-Used", bytes)
}

// Depot compares what the depot API counts with a snapshot. The secret that
// its requests are signed with lies in the data directory.
func Depot(ctx context.Context, w *wire.Client, data string, s Snapshot, report *Report) {
	salt, err := Salt(data)
	if err != nil {
		report.Add("the depot API's secret: %v", err)
		return
	}
	var bytes int64
	for _, seen := range s.Names {
		bytes += seen.Size
	}
	if used, err := w.DepotUsed(ctx, salt); err != nil || used != bytes {
		report.Add("the depot API counts %d bytes (%v), a recount gives %d", used, err, bytes)
	}
}

// Salt returns the depot API's shared secret, which lies in the data directory.
func Salt(data string) (string, error) {
	salt, err := os.ReadFile(filepath.Join(data, "secrets", "depot.salt"))
	return strings.TrimSpace(string(salt)), err
}

func expect(report *Report, what string, a wire.Answer, header string, want int64) {
	if got, err := strconv.ParseInt(a.Header.Get(header), 10, 64); err != nil || got != want {
		report.Add("%s: %s is %q, a recount gives %d (status %d)", what, header, a.Header.Get(header), want, a.Status)
	}
}

// Same notes where two snapshots differ: a restart changes nothing.
func Same(before, after Snapshot, report *Report) {
	for name, seen := range before.Names {
		if after.Names[name] != seen {
			report.Add("a restart changed %s from %s (%s) to %s (%s)", name, seen, seen.Timestamp, after.Names[name], after.Names[name].Timestamp)
		}
	}
	for name := range after.Names {
		if _, ok := before.Names[name]; !ok {
			report.Add("a restart brought %s back", name)
		}
	}
	for fact, text := range before.Facts {
		if now, ok := after.Facts[fact]; ok && now != text {
			report.Add("a restart changed %s from %q to %q", fact, text, now)
		}
	}
	if !maps.Equal(before.Folders, after.Folders) {
		report.Add("a restart changed the folders of the drive")
	}
}

// Files counts the content files in a data directory: those that bear their
// final name, and those in the temporary area.
func Files(data string) (kept, temporary int, err error) {
	blobs := filepath.Join(data, "blobs")
	err = filepath.WalkDir(blobs, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist):
			return nil // removed while walking
		case err != nil:
			return err
		case !d.Type().IsRegular() || filepath.Dir(path) == blobs:
		case filepath.Base(filepath.Dir(path)) == "tmp":
			temporary++
		default:
			kept++
		}
		return nil
	})
	return kept, temporary, err
}

// Content notes missing content files and leavings in the temporary area, and
// returns how many files belong to no object any more: those wait for the
// sweeper. It waits for the removal of what was released, at most patience,
// and a quarter of it for files that only the sweeper removes. others is how
// many files there are beside those of the models.
func Content(ctx context.Context, data string, models []*model.Model, inline int64, others int, patience time.Duration, report *Report) (orphans int) {
	referred := map[body.ID]bool{}
	for _, m := range models {
		for _, name := range m.Names() {
			if s, certain := m.Of(name).Certain(); certain && s.Exists && s.Body.Size > inline {
				referred[s.Body] = true
			}
		}
	}
	for start := time.Now(); ; {
		kept, temporary, err := Files(data)
		orphans = kept - len(referred) - others
		if err == nil && orphans == 0 && temporary == 0 {
			return 0
		}
		waited := time.Since(start)
		settled := temporary == 0 && orphans > 0 && waited > patience/4
		if settled || waited > patience || ctx.Err() != nil {
			switch {
			case err != nil:
				report.Add("content files: %v", err)
			case temporary > 0:
				report.Add("%d unfinished files are in the temporary area", temporary)
			case orphans < 0:
				report.Add("%d content files are there for %d bodies", kept, len(referred)+others)
			}
			return max(0, orphans)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Log notes panics in a gateway's log, and whether there was an error line.
func Log(path string, report *Report) {
	f, err := os.Open(path)
	if err != nil {
		report.Add("the log: %v", err)
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "goroutine ") {
			report.Add("the log has %.300q", line)
			return
		}
	}
	if err := lines.Err(); err != nil {
		report.Add("the log: %v", err)
	}
}

// Scratch notes files that a gateway left in its working directory: it is to
// write into its data directory alone.
func Scratch(dir string, report *Report) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		report.Add("the working directory: %v", err)
	}
	for _, e := range entries {
		report.Add("the gateway left %s in its working directory", e.Name())
	}
}

// Locks notes locks that do not hold any more, or hold too long, and ends
// them: a lock that was given still refuses writes without its token and
// accepts the token; one that ran out does neither. The objects are changed by
// that; drop is to remove them.
func Locks(ctx context.Context, w *wire.Client, locks []load.Lock, drop func(name string), report *Report) {
	for _, lock := range locks {
		defer drop(lock.Name)
		bare := load.Overwrite(ctx, w, lock.Name, "")
		if !lock.Expires.IsZero() {
			if bare.Outcome() != wire.OK {
				report.Add("%s cannot be written after its lock ran out: status %d", lock.Name, bare.Status)
			}
			if a := load.Unlock(ctx, w, lock); a.Outcome() == wire.OK {
				report.Add("the lock of %s was ended after it ran out", lock.Name)
			}
			continue
		}
		if bare.Status != http.StatusLocked {
			report.Add("%s was locked before the fault; a write without the token gives %d", lock.Name, bare.Status)
		}
		if a := load.Overwrite(ctx, w, lock.Name, lock.Token); a.Outcome() != wire.OK {
			report.Add("%s: a write with the token of its lock gives %d", lock.Name, a.Status)
		}
		if a := load.Unlock(ctx, w, lock); a.Outcome() != wire.OK {
			report.Add("%s: UNLOCK gives %d", lock.Name, a.Status)
		}
		if a := load.Overwrite(ctx, w, lock.Name, ""); a.Outcome() != wire.OK {
			report.Add("%s cannot be written after its lock was ended: status %d", lock.Name, a.Status)
		}
	}
}
