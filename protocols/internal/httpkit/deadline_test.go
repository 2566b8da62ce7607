package httpkit_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

const stall = 150 * time.Millisecond

// timeless runs a test on a clock of its own, which moves on when everybody
// waits for it: so no machine is too slow for it.
func timeless(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// serve runs handler behind deadlines.
func serve(t *testing.T, limits httpkit.Deadlines, handler http.HandlerFunc) *protocoltest.Pipe {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rolling := httpkit.NewResponse(w, limits)
		body := limits.Body(r.Body, rolling.Control())
		r.Body = body
		handler(rolling, r)
		rolling.Finish()
		httpkit.Answered(r, body)
	})}
	l := protocoltest.NewPipe()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

// dial opens a connection and sends the head of a PUT of size bytes.
func dial(t *testing.T, l *protocoltest.Pipe, size int) net.Conn {
	t.Helper()
	conn, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	return conn
}

func TestBodyThatStandsStillIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		gate := serve(t, httpkit.Deadlines{Stall: stall}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			result <- err
		})
		conn := dial(t, gate, 10)
		fmt.Fprint(conn, "five")
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading a body that stands still gave %v, want os.ErrDeadlineExceeded", err)
		}
	})
}

func TestBodyMayTakeLongWhileItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		gate := serve(t, httpkit.Deadlines{Stall: stall}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			result <- err
		})
		conn := dial(t, gate, 8)
		for range 8 { // twice as long as a standstill may be
			time.Sleep(stall / 4)
			fmt.Fprint(conn, "x")
		}
		if err := <-result; err != nil {
			t.Errorf("a slow body that moves was ended: %v", err)
		}
	})
}

func TestBodyThatTricklesIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		gate := serve(t, httpkit.Deadlines{Stall: stall, MinRate: 1000}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			result <- err
		})
		conn := dial(t, gate, 1000)
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(stall / 10):
					fmt.Fprint(conn, "x")
				}
			}
		}()
		defer close(stop)
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a body that trickles gave %v, want os.ErrDeadlineExceeded", err)
		}
	})
}

func TestTimeOfTheHandlerIsNotTheClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := serve(t, httpkit.Deadlines{Stall: stall}, func(w http.ResponseWriter, r *http.Request) {
			var first [1]byte
			if _, err := io.ReadFull(r.Body, first[:]); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * stall) // the deadline set for the first read passes
			rest, err := io.ReadAll(r.Body)
			if err != nil || string(rest) != "ello" {
				t.Errorf("rest of the body is %q, %v", rest, err)
			}
			time.Sleep(2 * stall) // and so does the one of the last read
			if err := r.Context().Err(); err != nil {
				t.Errorf("the request was given up while the handler worked: %v", err)
			}
			_, _ = io.WriteString(w, "done")
		})
		conn := dial(t, gate, 5)
		fmt.Fprint(conn, "hello")
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(reply.Body); err != nil || string(text) != "done" {
			t.Errorf("answer %q, %v", text, err)
		}
	})
}

func TestDeadlineOfOneRequestDoesNotReachTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := serve(t, httpkit.Deadlines{Stall: stall}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		})
		conn := dial(t, gate, 1)
		in := bufio.NewReader(conn)
		for _, body := range []string{"a", "b"} {
			fmt.Fprint(conn, body)
			reply, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(reply.Body); err != nil || string(text) != body {
				t.Errorf("answer %q, %v; want %q", text, err, body)
			}
			if body == "a" {
				time.Sleep(2 * stall)
				fmt.Fprint(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
			}
		}
	})
}

func TestReaderThatStandsStillIsEnded(t *testing.T) {
	for name, send := range map[string]func(w http.ResponseWriter) error{
		"Write": func(w http.ResponseWriter) error {
			block := make([]byte, 64<<10)
			for {
				if _, err := w.Write(block); err != nil {
					return err
				}
			}
		},
		"ReadFrom": func(w http.ResponseWriter) error {
			_, err := w.(io.ReaderFrom).ReadFrom(zeros{})
			return err
		},
	} {
		timeless(t, name, func(t *testing.T) {
			result := make(chan error, 1)
			gate := serve(t, httpkit.Deadlines{Stall: stall, MinRate: 4 << 20}, func(w http.ResponseWriter, _ *http.Request) {
				result <- send(w)
			})
			dial(t, gate, 0)
			select {
			case err := <-result:
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("sending ended with %v, want os.ErrDeadlineExceeded", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("sending to a client that does not read went on")
			}
		})
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// kernel is a writer that notes what its ReadFrom was given, as the server's
// does to find a file for sendfile.
type kernel struct {
	*httptest.ResponseRecorder
	sources []io.Reader
}

func (k *kernel) ReadFrom(src io.Reader) (int64, error) {
	k.sources = append(k.sources, src)
	return io.Copy(struct{ io.Writer }{k.ResponseRecorder}, src)
}

func TestFileReachesTheServersReadFrom(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 50_000) // 800,000 bytes: more than one piece
	name := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, limited := range []bool{false, true} {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		k := &kernel{ResponseRecorder: httptest.NewRecorder()}
		w := httpkit.NewResponse(k, httpkit.Deadlines{Stall: time.Minute})
		want := content
		var src io.Reader = file
		if limited {
			want = content[:700_000]
			src = &io.LimitedReader{R: file, N: 700_000}
		}
		n, err := w.ReadFrom(src)
		if err != nil || n != int64(len(want)) || w.Bytes() != n || k.Body.String() != want {
			t.Errorf("limited %t: copied %d of %d bytes, counted %d, err %v", limited, n, len(want), w.Bytes(), err)
		}
		for _, got := range k.sources {
			if l, ok := got.(*io.LimitedReader); !ok || l.R != io.Reader(file) {
				t.Errorf("limited %t: ReadFrom was given a %T, not the file under one limit", limited, got)
			}
		}
		if len(k.sources) < 2 {
			t.Errorf("limited %t: %d calls of ReadFrom, want one for each piece", limited, len(k.sources))
		}
	}
}

func TestResponseOffersNoHijack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hijacked := make(chan error, 1)
		gate := serve(t, httpkit.Deadlines{}, func(w http.ResponseWriter, _ *http.Request) {
			_, _, err := http.NewResponseController(w).Hijack()
			hijacked <- err
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Errorf("EnableFullDuplex: %v", err)
			}
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Errorf("SetWriteDeadline: %v", err)
			}
			if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
				t.Errorf("SetReadDeadline: %v", err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
			w.(http.Flusher).Flush()
		})
		conn := dial(t, gate, 0)
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, reply.Body) // its end is that of the handler
		}
		if err != nil {
			t.Error(err)
		}
		if err := <-hijacked; !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack = %v, want not supported", err)
		}
	})
}

func TestResponseCountsStatusAndBytes(t *testing.T) {
	w := httpkit.NewResponse(sink{}, httpkit.Deadlines{})
	w.WriteHeader(http.StatusEarlyHints)
	if w.Status() != 0 {
		t.Errorf("status %d before the answer", w.Status())
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte("four"))
	n, err := w.ReadFrom(strings.NewReader("six678")) // the sink has no ReadFrom
	if err != nil || n != 6 || w.Status() != http.StatusCreated || w.Bytes() != 10 {
		t.Errorf("status %d, %d bytes, ReadFrom %d, %v; want 201, 10 bytes, 6", w.Status(), w.Bytes(), n, err)
	}
	silent := httpkit.NewResponse(httptest.NewRecorder(), httpkit.Deadlines{})
	silent.Finish()
	if silent.Status() != http.StatusOK {
		t.Errorf("a handler that says nothing has status %d, want 200", silent.Status())
	}
}

// sink takes everything, interim answers too.
type sink struct{}

func (sink) Header() http.Header         { return http.Header{} }
func (sink) WriteHeader(int)             {}
func (sink) Write(p []byte) (int, error) { return len(p), nil }

func TestNoStallMeansNoDeadlines(t *testing.T) {
	body := io.NopCloser(strings.NewReader("x"))
	if got := (httpkit.Deadlines{}).Body(body, nil); got != body {
		t.Errorf("the body was wrapped without a limit")
	}
	if got := (httpkit.Deadlines{Stall: time.Second}).Body(http.NoBody, nil); got != http.NoBody {
		t.Errorf("an absent body was wrapped")
	}
}

func TestRefusedClientThatHoldsItsBodyBackIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := serve(t, httpkit.Deadlines{Stall: time.Minute}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/refused" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		})
		for path, want := range map[string]string{"/refused": "403", "/taken": "5 <nil>"} {
			conn, err := gate.Dial()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", path)
			answers := bufio.NewReader(conn)
			if path == "/taken" {
				if line, err := answers.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
					t.Errorf("asked for the body with %q, %v", line, err)
				}
				time.Sleep(2 * stall) // longer than a refused client is waited for
				fmt.Fprint(conn, "helloGET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(answers)
			if err != nil || !strings.Contains(string(answer), want) {
				t.Errorf("%s: %q, %v", path, answer, err)
			}
			conn.Close()
		}
	})
}
