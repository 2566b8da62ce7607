package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A row is one kind of work.
type row struct {
	name string
	door string // "dav" or "swift"
	only string // the one peer that does it; "": all
	run  func(ctx context.Context, s *door) (string, error)
}

// Statuses of success.
var (
	stored = []int{200, 201, 204}
	read   = []int{200}
	listed = []int{207}
)

const (
	small      = 4096
	propfind   = `<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>`
	lockinfo   = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>`
	tries      = 5 // of a row that is one request
	manyLoader = 16
)

// workRows are the rows of the table.
func workRows(s settings) []row {
	rows := []row{
		{"PUT 4 KiB, 1 connection, per second", "dav", "", s.put(1)},
		{"PUT 4 KiB, 16 connections, per second", "dav", "", s.put(16)},
		{"PUT 4 KiB, 64 connections, per second", "dav", "", s.put(64)},
		{"GET 4 KiB, 64 connections, per second", "dav", "", s.get(64)},
		{"LOCK and UNLOCK, 16 connections, pairs per second", "dav", "", s.locks(16)},
		{fmt.Sprintf("PROPFIND depth 1 of %d files", s.files), "dav", "", s.list("folder", s.files)},
		{fmt.Sprintf("MOVE of a folder of %d files", s.files), "dav", "", s.move},
		{fmt.Sprintf("PUT %d MiB, 1 connection", s.large>>20), "dav", "", s.putLarge},
		{fmt.Sprintf("GET %d MiB, 1 connection", s.large>>20), "dav", "", s.getLarge},
	}
	rows = append(rows,
		row{"Swift: PUT 4 KiB, 64 connections, per second", "swift", "", s.put(64)},
		row{"Swift: GET 4 KiB, 64 connections, per second", "swift", "", s.get(64)},
		row{fmt.Sprintf("Swift: list %d names, JSON", s.files), "swift", "", s.names})
	if s.many > 0 {
		rows = append(rows, row{fmt.Sprintf("PROPFIND depth 1 of %d files", s.many), "dav", "entrepot", s.list("many", s.many)})
	}
	return rows
}

// prepare makes the folders that rows work in.
func prepare(ctx context.Context, s *door) error {
	w, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	method, folders := "MKCOL", []string{"", "put/", "get/", "lock/", "folder/", "many/"}
	if s.containers {
		method, folders = "PUT", []string{"put", "get", "folder"}
	}
	for _, folder := range folders {
		if _, err := w.want(ctx, []int{201, 202, 405}, method, s.base+folder, nil, 0); err != nil {
			return err
		}
	}
	return nil
}

// load runs n connections until the time is over, or each of them ends. do is
// one unit of work; the outcome is how many were done in a second.
func (s settings) load(ctx context.Context, server *door, n int, do func(ctx context.Context, w *wire, conn, i int) error) (string, error) {
	var done atomic.Int64
	var failure atomic.Pointer[error]
	begin := time.Now()
	var wg sync.WaitGroup
	for conn := range n {
		wg.Go(func() {
			w, err := dial(ctx, server)
			if err != nil {
				failure.Store(&err)
				return
			}
			defer func() { w.close() }()
			for i := 0; time.Since(begin) < s.seconds && ctx.Err() == nil && failure.Load() == nil; i++ {
				if err := do(ctx, w, conn, i); err != nil {
					failure.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return "", *err
	}
	return fmt.Sprintf("%.0f", float64(done.Load())/time.Since(begin).Seconds()), nil
}

func (s settings) put(n int) func(context.Context, *door) (string, error) {
	return func(ctx context.Context, server *door) (string, error) {
		body := bytes.Repeat([]byte("4 KiB of"), small/8)
		return s.load(ctx, server, n, func(ctx context.Context, w *wire, conn, i int) error {
			_, err := w.want(ctx, stored, "PUT", fmt.Sprintf("%sput/%d-%d-%d", server.base, n, conn, i), bytes.NewReader(body), small)
			return err
		})
	}
}

func (s settings) get(n int) func(context.Context, *door) (string, error) {
	return func(ctx context.Context, server *door) (string, error) {
		const files = 100
		if err := fill(ctx, server, "get", files, small); err != nil {
			return "", err
		}
		return s.load(ctx, server, n, func(ctx context.Context, w *wire, conn, i int) error {
			a, err := w.want(ctx, read, "GET", fmt.Sprintf("%sget/%06d", server.base, (conn*7+i)%files), nil, 0)
			if err == nil && a.bytes != small {
				err = fmt.Errorf("GET of %d bytes", a.bytes)
			}
			return err
		})
	}
}

func (s settings) locks(n int) func(context.Context, *door) (string, error) {
	return func(ctx context.Context, server *door) (string, error) {
		if err := fill(ctx, server, "lock", n, 10); err != nil {
			return "", err
		}
		return s.load(ctx, server, n, func(ctx context.Context, w *wire, conn, _ int) error {
			path := fmt.Sprintf("%slock/%06d", server.base, conn)
			a, err := w.want(ctx, read, "LOCK", path, strings.NewReader(lockinfo), int64(len(lockinfo)),
				"Content-Type", "application/xml", "Timeout", "Second-600", "Depth", "0")
			if err != nil {
				return err
			}
			_, err = w.want(ctx, []int{204}, "UNLOCK", path, nil, 0, "Lock-Token", a.token)
			return err
		})
	}
}

// fill puts numbered files into a folder, over several connections.
func fill(ctx context.Context, server *door, folder string, files, size int) error {
	if server.filled[folder] {
		return nil
	}
	body := bytes.Repeat([]byte("x"), size)
	failures := make(chan error, manyLoader)
	for loader := range manyLoader {
		go func() {
			w, err := dial(ctx, server)
			if err != nil {
				failures <- err
				return
			}
			defer func() { w.close() }()
			for i := loader; i < files && err == nil; i += manyLoader {
				_, err = w.want(ctx, stored, "PUT", fmt.Sprintf("%s%s/%06d", server.base, folder, i), bytes.NewReader(body), int64(size))
			}
			failures <- err
		}()
	}
	var err error
	for range manyLoader {
		if e := <-failures; e != nil {
			err = e
		}
	}
	server.filled[folder] = err == nil
	return err
}

// timed is the median time of some runs of one request.
func timed(n int, do func() error) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[n/2], nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func (s settings) list(folder string, files int) func(context.Context, *door) (string, error) {
	return func(ctx context.Context, server *door) (string, error) {
		if err := fill(ctx, server, folder, files, 10); err != nil {
			return "", err
		}
		w, err := dial(ctx, server)
		if err != nil {
			return "", err
		}
		defer func() { w.close() }()
		took, err := timed(tries, func() error {
			a, err := w.want(ctx, listed, "PROPFIND", server.base+folder+"/", strings.NewReader(propfind), int64(len(propfind)),
				"Depth", "1", "Content-Type", "application/xml")
			if err == nil && a.bytes < int64(files)*100 {
				err = fmt.Errorf("a listing of %d bytes", a.bytes)
			}
			return err
		})
		return milliseconds(took), err
	}
}

func (s settings) move(ctx context.Context, server *door) (string, error) {
	if err := fill(ctx, server, "folder", s.files, 10); err != nil {
		return "", err
	}
	w, err := dial(ctx, server)
	if err != nil {
		return "", err
	}
	defer func() { w.close() }()
	from, to := "folder/", "moved/"
	took, err := timed(tries+1, func() error { // an even number, so that it is back at the end
		_, err := w.want(ctx, stored, "MOVE", server.base+from, nil, 0, "Destination", "http://"+server.address+server.base+to, "Overwrite", "F")
		from, to = to, from
		return err
	})
	return milliseconds(took), err
}

// names lists a container as Swift's clients do, in one page.
func (s settings) names(ctx context.Context, server *door) (string, error) {
	files := min(s.files, 10_000)
	if err := fill(ctx, server, "folder", files, 10); err != nil {
		return "", err
	}
	w, err := dial(ctx, server)
	if err != nil {
		return "", err
	}
	defer func() { w.close() }()
	took, err := timed(tries, func() error {
		a, err := w.want(ctx, read, "GET", server.base+"folder?format=json&limit=10000", nil, 0)
		if err == nil && a.bytes < int64(files)*50 {
			err = fmt.Errorf("a listing of %d bytes", a.bytes)
		}
		return err
	})
	return milliseconds(took), err
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (zeros) Seek(int64, int) (int64, error) { return 0, nil }

func (s settings) putLarge(ctx context.Context, server *door) (string, error) {
	return s.transfer(ctx, server, stored, "PUT", zeros{})
}

func (s settings) getLarge(ctx context.Context, server *door) (string, error) {
	if _, err := s.transferOnce(ctx, server, stored, "PUT", zeros{}); err != nil {
		return "", err
	}
	return s.transfer(ctx, server, read, "GET", nil)
}

// transfer sends or fetches the large file a few times.
func (s settings) transfer(ctx context.Context, server *door, statuses []int, method string, body io.ReadSeeker) (string, error) {
	took, err := timed(3, func() error {
		_, err := s.transferOnce(ctx, server, statuses, method, body)
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.0f MiB/s", float64(s.large)/took.Seconds()/(1<<20)), nil
}

func (s settings) transferOnce(ctx context.Context, server *door, statuses []int, method string, body io.ReadSeeker) (answer, error) {
	w, err := dial(ctx, server)
	if err != nil {
		return answer{}, err
	}
	defer func() { w.close() }()
	a, err := w.want(ctx, statuses, method, server.base+"get/large", body, s.large)
	if err == nil && method == "GET" && a.bytes != s.large {
		err = fmt.Errorf("GET of %d bytes", a.bytes)
	}
	return a, err
}
