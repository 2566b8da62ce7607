package swift

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Archive extraction: the files of a tar archive become objects while it
// arrives. Memory does not depend on the archive: small files are stored side
// by side, so that they share commits, larger ones one at a time.

const (
	extractRoot = "extract"
	// maxExtracted is how many files one archive may hold.
	maxExtracted = 10_000
	// maxEntries bounds the entries that are no files, as directories.
	maxEntries = 10 * maxExtracted
	// maxRatio is how many bytes a compressed one may stand for.
	maxRatio = 100
	// ratioFloor is how many bytes come out before maxRatio is looked at.
	ratioFloor = 1 << 20
	// smallFile is the largest file that is stored beside others.
	smallFile = 32 << 10
	// extractors is how many files are stored at once.
	extractors = 32
	// unbounded is more bytes than any archive has.
	unbounded = 1 << 62
)

// Why an archive is not read on.
var (
	errRatio    = errors.New("the archive expands too much")
	errTooMany  = errors.New("the archive holds too many files")
	errFailures = errors.New("too many files of the archive failed")
)

// extractArchive stores the files of the archive that is the body below the
// container and the prefix of the path; at account level the first part of
// each name is the container. Containers are made as they are needed.
func (f *Face) extractArchive(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkUncoded(r); err != nil {
		return err
	}
	format := ""
	for key, value := range params(r.URL.RawQuery) {
		if key == "extract-archive" {
			format = strings.ToLower(value)
		}
	}
	if !slices.Contains([]string{"tar", "tar.gz", "tar.bz2"}, format) {
		return refuse(http.StatusBadRequest, "Unsupported archive format")
	}
	b, ok := f.newBulk(w, r, c, extractRoot)
	if !ok {
		return nil
	}
	if !hasLength(r) {
		b.answer(w, r, extractRoot, http.StatusLengthRequired, "")
		return nil
	}
	x := &extraction{bulk: b, base: strings.Trim(c.Container+"/"+c.Object, "/"), ready: map[string]bool{}, busy: map[string]bool{}}
	in := &body{from: r.Body, left: unbounded}
	err := x.run(r.Context(), in, format)
	x.wait()
	switch {
	case in.err != nil:
		return bodyFailure(errs.Wrap("swift.extractArchive", errs.Incomplete, "", in.err), in)
	case errors.Is(err, errFailures):
		b.answer(w, r, extractRoot, http.StatusBadRequest, "Max extract failures exceeded")
	case errors.Is(err, errTooMany), errors.Is(err, errRatio):
		b.answer(w, r, extractRoot, http.StatusRequestEntityTooLarge, "Invalid Tar File: "+err.Error())
	case err != nil:
		b.answer(w, r, extractRoot, http.StatusBadRequest, "Invalid Tar File: "+archiveFault(err, format, unbounded-in.left))
	case in.left == unbounded:
		b.answer(w, r, extractRoot, http.StatusBadRequest, "Invalid Tar File: empty file")
	case b.created == 0 && len(b.failures) == 0:
		b.answer(w, r, extractRoot, http.StatusBadRequest, "Invalid Tar File: No Valid Files")
	default:
		b.answer(w, r, extractRoot, 0, "")
	}
	return nil
}

// archiveFault says what is wrong with an archive, in Swift's words where it
// has some; read is how many bytes of it came.
func archiveFault(err error, format string, read int64) string {
	switch {
	case read == 0:
		return "empty file"
	case errors.Is(err, gzip.ErrHeader), format == "tar.gz" && read < gzipHeader:
		return "not a gzip file"
	case format == "tar.bz2" && errors.Is(err, io.ErrUnexpectedEOF):
		return "invalid compressed data"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated header"
	}
	return err.Error()
}

// gzipHeader is how long a gzip file's header is at least, in bytes (RFC 1952
// section 2.3).
const gzipHeader = 10

// An extraction is one archive on its way.
type extraction struct {
	*bulk
	base  string
	ready map[string]bool // containers that are there, or cannot be made

	mu      sync.Mutex // guards the report and busy
	workers sync.WaitGroup
	slots   chan struct{}
	busy    map[string]bool // names that are being stored
}

// run reads the archive to its end.
func (x *extraction) run(ctx context.Context, in io.Reader, format string) error {
	x.slots = make(chan struct{}, extractors)
	plain, err := expand(in, format)
	if err != nil {
		return err
	}
	archive := tar.NewReader(plain)
	files, entries := 0, 0
	for {
		if x.failed() >= maxBulkFailures {
			return errFailures
		}
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return errTooMany
		}
		if header.Typeflag == tar.TypeDir || header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name, ok := x.target(header)
		if !ok {
			continue
		}
		if files++; files > maxExtracted {
			return errTooMany
		}
		if err := x.store(ctx, name, header, archive); err != nil {
			return err
		}
	}
}

func (x *extraction) failed() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.failures)
}

// note writes down what became of a file.
func (x *extraction) note(name string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		x.created++
		return
	}
	x.fail(name, err)
}

// errEntry is the answer to entries that are no plain files of a plain name.
var errEntry = errs.New("swift.extract", errs.Invalid, "", "")

// target is the name of an entry's object below the account; false: the entry
// is passed over, or refused in the report. Names that climb or are absolute,
// links, devices and files with holes are refused.
func (x *extraction) target(header *tar.Header) (string, bool) {
	name := strings.TrimPrefix(header.Name, "./")
	sparse := slices.ContainsFunc(keys(header.PAXRecords), func(k string) bool { return strings.HasPrefix(k, "GNU.sparse.") })
	switch {
	case header.Typeflag != tar.TypeReg || sparse,
		strings.HasPrefix(name, "/"), slices.Contains(strings.Split(name, "/"), ".."),
		!utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0:
		x.note(header.Name, errEntry)
		return "", false
	}
	if x.base != "" {
		name = x.base + "/" + name
	}
	return name, strings.Contains(name, "/") // a file beside containers has no place
}

func keys(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}

// store stores one file: a small one while the next are read. It returns what
// is wrong with the archive.
func (x *extraction) store(ctx context.Context, name string, header *tar.Header, content io.Reader) error {
	container, object, _ := strings.Cut(name, "/")
	ref := gateway.Ref{Account: x.account, Container: container, Object: object}
	if err := x.container(ctx, ref); err != nil {
		x.note(name, err)
		return nil
	}
	opt := gateway.PutOptions{Size: header.Size}
	describe(&opt, header)
	if header.Size > x.face.cfg.MaxObjectSize {
		x.note(name, errTooLarge())
		return nil
	}
	if header.Size > smallFile {
		x.wait() // one that has the same name may be among them
		b := &body{from: content, left: header.Size}
		_, err := x.face.objects.Put(ctx, ref, b, opt)
		if b.err != nil {
			return b.err
		}
		x.note(name, err)
		return nil
	}
	data := make([]byte, header.Size)
	if _, err := io.ReadFull(content, data); err != nil {
		return err
	}
	if x.isBusy(name) {
		x.wait()
	}
	x.begin(name)
	x.workers.Go(func() {
		_, err := x.face.objects.Put(ctx, ref, bytes.NewReader(data), opt)
		x.note(name, err)
		x.end(name)
	})
	return nil
}

func (x *extraction) isBusy(name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.busy[name]
}

func (x *extraction) begin(name string) {
	x.slots <- struct{}{}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy[name] = true
}

func (x *extraction) end(name string) {
	x.mu.Lock()
	delete(x.busy, name)
	x.mu.Unlock()
	<-x.slots
}

// wait returns when everything that was begun is done.
func (x *extraction) wait() { x.workers.Wait() }

// container makes the container of a file where it is missing. Who may not
// know of it may still be allowed to write there.
func (x *extraction) container(ctx context.Context, ref gateway.Ref) error {
	if x.ready[ref.Container] {
		return nil
	}
	ref.Object = ""
	_, err := x.face.containers.Get(ctx, ref)
	if errs.Of(err) == errs.NotFound {
		if _, err = x.face.containers.Create(ctx, ref, gateway.ContainerChange{}); err != nil {
			return err
		}
	}
	if reason := errs.ReasonOf(err); reason == errs.NameTooLong || reason == errs.BadName {
		return err
	}
	x.ready[ref.Container] = true
	return nil
}

// describe reads what extended attributes of a file say about its object.
func describe(opt *gateway.PutOptions, header *tar.Header) {
	const attributes, meta = "SCHILY.xattr.user.", "meta."
	for key, value := range header.PAXRecords {
		name, ok := strings.CutPrefix(key, attributes)
		if !ok {
			continue
		}
		if property, ok := strings.CutPrefix(name, meta); ok {
			if opt.Properties == nil {
				opt.Properties = gateway.Properties{}
			}
			opt.Properties[propertyName(property)] = value
		} else if name == "mime_type" {
			opt.ContentType = value
		}
	}
}

// expand undoes the compression of an archive.
func expand(in io.Reader, format string) (io.Reader, error) {
	counted := &countedReader{from: in}
	switch format {
	case "tar.gz":
		plain, err := gzip.NewReader(counted)
		if err != nil {
			return nil, err
		}
		return &ratioReader{from: plain, packed: counted}, nil
	case "tar.bz2":
		return &ratioReader{from: bzip2.NewReader(counted), packed: counted}, nil
	}
	return in, nil
}

// A countedReader counts what is read.
type countedReader struct {
	from io.Reader
	n    int64
}

// Read reads and counts.
func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// A ratioReader stops when much more comes out of an archive than went in.
type ratioReader struct {
	from   io.Reader
	packed *countedReader
	n      int64
}

// Read fails with errRatio when the archive expands too much.
func (r *ratioReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.n += int64(n); r.n > ratioFloor && r.n > maxRatio*r.packed.n {
		return 0, errRatio
	}
	return n, err
}
