package clients_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest/history"
	"entrepot/store/kv/kvtest/chance"
)

// bodySizes are the sizes of the bodies of a history: around the limit up to
// which content lies in the database, and well above it.
var bodySizes = []int{0, 1000, 16383, 16384, 16385, 200_000}

// caller is the program as a history sees it: odd clients go through WebDAV,
// the others through Swift.
type caller struct {
	t     *testing.T
	s     atomic.Pointer[server]
	token atomic.Pointer[string]
}

func (c *caller) use(t *testing.T, s *server) {
	token := s.token(admin)
	c.token.Store(&token)
	c.s.Store(s)
}

func (c *caller) do(client int, in history.Input) history.Output {
	drive := client%2 == 1
	as, path, headers := admin, "/dav/box/"+in.Name, []string{}
	if !drive {
		as, path, headers = login{}, "/v1/AUTH_admin/box/"+in.Name, []string{*c.token.Load()}
	}
	method, body := "PUT", history.Body(in.Value, bodySizes...)
	switch in.Op {
	case history.Get:
		method, body = "GET", nil
	case history.Delete:
		method, body = "DELETE", nil
	case history.SetMeta: // Swift's alone
		as, path, headers = login{}, "/v1/AUTH_admin/box/"+in.Name, []string{*c.token.Load()}
		method, body, drive = "POST", nil, false
	case history.PutNew:
		headers = append(headers, "If-None-Match: *")
	case history.PutMatch:
		// Swift's PUT knows no other condition than "If-None-Match: *".
		as, path, headers, drive = admin, "/dav/box/"+in.Name, []string{}, true
		headers = append(headers, `If-Match: "`+md5hex(history.Body(in.Match, bodySizes...))+`"`)
	}
	if in.Meta != "" && !drive {
		headers = append(headers, "X-Object-Meta-Note: "+in.Meta)
	}
	a, err := c.s.Load().send(as, method, path, bytes.NewReader(body), headers...)
	if err != nil {
		return history.Output{Result: history.Unknown, KeepsMeta: drive}
	}
	return c.judge(in, a, drive)
}

func (c *caller) judge(in history.Input, a answer, drive bool) history.Output {
	out := history.Output{KeepsMeta: drive}
	switch a.status {
	case 200, 201, 202, 204:
		out.Result = history.Done
		out.Created, out.HasCreated = a.status == 201, drive && in.Value != ""
	case 404:
		out.Result = history.Absent
	case 412:
		out.Result = history.Refused
	default:
		c.t.Errorf("%s %s: status %d: %s", in.Op, in.Name, a.status, last(a.body, 300))
		out.Result = history.Failed
	}
	if in.Op == history.Get && out.Result == history.Done {
		out.Value = history.ValueOf([]byte(a.body), bodySizes...)
		out.Meta, out.HasMeta = a.header.Get("X-Object-Meta-Note"), !drive
		if sum := md5hex([]byte(a.body)); strings.Trim(a.header.Get("ETag"), `"`) != sum {
			c.t.Errorf("get %s: ETag %s of content with MD5 %s", in.Name, a.header.Get("ETag"), sum)
		}
	}
	return out
}

// rounds is how often the gateway is killed in the test below.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ENTREPOT_LINEAR_ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ENTREPOT_LINEAR_ROUNDS is %q", text)
	}
	return n
}

// Calls on one name are linearizable across the doors and across kills: what
// was answered stays, what was under way happened or did not, and nothing
// happens after the death of the process. ENTREPOT_LINEAR_ROUNDS says how
// often the gateway is killed, 3 times when it is not set.
func TestCallsAreLinearizableAcrossDoorsAndKills(t *testing.T) {
	seed, moments := chance.Seed(t), chance.Rand(t, 1)
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, setting{data: data})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	c := &caller{t: t}
	c.use(t, s)
	r := history.NewRecorder()
	for round := range rounds(t) {
		plan := history.Plan{Seed: seed + uint64(round), Clients: 8, Names: []string{"a", "b", "c", "d"}, Calls: 1 << 20}
		stop, over, enough := make(chan struct{}), make(chan struct{}), r.Len()+200+moments.IntN(800)
		go func() {
			defer close(over)
			r.Run(plan, func(client int, in history.Input) history.Output {
				out := c.do(client, in)
				if out.Result == history.Unknown {
					<-stop // the gateway is gone
				}
				return out
			}, stop)
		}()
		waitFor(t, "more calls", func() bool { return r.Len() >= enough })
		s.kill()
		close(stop)
		<-over
		r.Settle()
		s = start(t, setting{data: data})
		c.use(t, s)
	}
	for i, name := range []string{"a", "b", "c", "d"} { // what is there at the end
		for client := range 2 {
			in := history.Input{Name: name, Op: history.Get}
			r.Note(1<<20+i, in, func() history.Output { return c.do(client, in) })
		}
	}
	if err := r.Linearizable(10 * time.Minute); err != nil {
		t.Error(err)
	}
	t.Logf("%d calls, %d done, %d refused, %d absent, %d unknown", r.Len(),
		r.Count(history.Done), r.Count(history.Refused), r.Count(history.Absent), r.Count(history.Unknown))
	if r.Count(history.Done) == 0 || r.Count(history.Refused) == 0 || r.Count(history.Absent) == 0 {
		t.Error("the history holds no call of some kind")
	}
}
