package protocols_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/gateway/gatewaytest/model"
	"entrepot/gateway/names"
	"entrepot/store/kv/kvtest/chance"
)

// mixed is the gateway as a model's door: objects go through Swift, files and
// folders through WebDAV, readings through either in turn.
type mixed struct {
	*doors
	t     *rapid.T
	depot uint64
	reads int
}

// kinds are what refusals at the doors mean.
var kinds = map[int]errs.Kind{
	400: errs.Invalid, 403: errs.Forbidden, 404: errs.NotFound, 405: errs.Exists, 409: errs.Conflict,
	412: errs.Precondition, 413: errs.OverQuota, 423: errs.Locked, 507: errs.OverQuota,
}

// made makes a call and tells its refusal.
func (m *mixed) made(c call) (reply, error) {
	r, err := m.send(c)
	if err != nil || r.status < 300 {
		return r, err
	}
	if k, known := kinds[r.status]; known {
		return r, k
	}
	return r, fmt.Errorf("%v: status %d: %.200s", c, r.status, r.body)
}

func (m *mixed) try(c call) error {
	_, err := m.made(c)
	return err
}

// holding submits lock tokens, in a condition that is true whatever they lock.
func holding(c call, tokens []string) call {
	if len(tokens) == 0 {
		return c
	}
	header := "If:"
	for _, t := range tokens {
		header += " (<" + t + ">)"
	}
	return c.with(header + " (Not <DAV:no-lock>)")
}

func (m *mixed) Create(container string) error {
	return m.try(swiftDoor.call("tester", "PUT", container, ""))
}

func (m *mixed) Remove(container string) error {
	return m.try(swiftDoor.call("tester", "DELETE", container, ""))
}

func (m *mixed) SetQuota(container string, bytes, objects int64) error {
	text := func(n int64) string {
		if n < 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	return m.try(swiftDoor.call("tester", "POST", container, "",
		"X-Container-Meta-Quota-Bytes: "+text(bytes), "X-Container-Meta-Quota-Count: "+text(objects)))
}

func (m *mixed) SetLimit(bytes int64) error {
	return m.Gateway.Depots.SetLimits(m.Operator(), "tester", m.depot, gateway.DepotLimits{Storage: bytes}, gateway.DepotCall{Command: "limit"})
}

func (m *mixed) Put(p model.PutCall) error {
	d := swiftDoor
	if p.Drive {
		d = davDoor
	}
	c := d.call("tester", "PUT", p.Container+"/"+p.Name, p.Object.Body, "Content-Type: "+p.Object.Type).with(meta(p.Object)...)
	if p.New {
		c = c.with("If-None-Match: *")
	}
	if p.Drive {
		c = holding(c, p.Tokens)
	}
	return m.try(c)
}

// meta are the headers of an object's properties and its end.
func meta(o model.Object) (headers []string) {
	for k, v := range o.Properties {
		headers = append(headers, "X-Object-Meta-"+k+": "+v)
	}
	if !o.DeleteAt.IsZero() {
		headers = append(headers, "X-Delete-At: "+strconv.FormatInt(o.DeleteAt.Unix(), 10))
	}
	return headers
}

func (m *mixed) Delete(container, name string, _ []string) error {
	return m.try(swiftDoor.call("tester", "DELETE", container+"/"+name, ""))
}

func (m *mixed) SetMeta(container, name string, properties map[string]string, deleteAt time.Time, _ []string) error {
	c := swiftDoor.call("tester", "POST", container+"/"+name, "")
	return m.try(c.with(meta(model.Object{Properties: properties, DeleteAt: deleteAt})...))
}

func (m *mixed) Copy(c model.CopyCall) error {
	copying := swiftDoor.copyTo("tester", c.Container+"/"+c.Name, c.ToContainer+"/"+c.ToName)
	return m.try(copying.with(meta(model.Object{Properties: c.Properties})...))
}

func (m *mixed) MakeFolder(container, path string, tokens []string) error {
	return m.try(holding(davDoor.call("tester", "MKCOL", container+"/"+path, ""), tokens))
}

func (m *mixed) RemoveTree(container, path string, tokens []string) error {
	return m.try(holding(davDoor.call("tester", "DELETE", container+"/"+path, ""), tokens))
}

func (m *mixed) Transfer(c model.TreeCall) (bool, error) {
	method, depth, overwrite := "COPY", "infinity", "F"
	if c.Move {
		method = "MOVE"
	}
	if c.Shallow {
		depth = "0"
	}
	if c.Overwrite {
		overwrite = "T"
	}
	r, err := m.made(holding(davDoor.call("tester", method, c.Container+"/"+c.Path, "",
		"Destination: "+davDoor.path(c.ToContainer+"/"+c.ToPath), "Depth: "+depth, "Overwrite: "+overwrite), c.Tokens))
	return r.status == 201, err
}

func (m *mixed) Lock(c model.LockCall) (string, error) {
	scope, depth := "shared", "0"
	if c.Exclusive {
		scope = "exclusive"
	}
	if c.Infinite {
		depth = "infinity"
	}
	r, err := m.made(holding(davDoor.call("tester", "LOCK", c.Container+"/"+c.Path, strings.Replace(lockBody, "exclusive", scope, 1),
		"Depth: "+depth, fmt.Sprintf("Timeout: Second-%d", int(c.Timeout.Seconds()))), c.Tokens))
	return strings.Trim(r.header.Get("Lock-Token"), "<>"), err
}

func (m *mixed) Unlock(container, path, token string) error {
	return m.try(davDoor.call("tester", "UNLOCK", container+"/"+path, "", "Lock-Token: <"+token+">"))
}

// Get reads an object at the Swift door, and its content at the other as well
// where that can name it.
func (m *mixed) Get(container, name string) (model.Object, error) {
	r, err := m.made(swiftDoor.call("tester", "GET", container+"/"+name, ""))
	if err != nil {
		return model.Object{}, err
	}
	o := model.Object{Body: r.body, Type: r.header.Get("Content-Type"), Properties: map[string]string{}}
	for k := range r.header {
		if p, ok := strings.CutPrefix(k, "X-Object-Meta-"); ok {
			o.Properties[strings.ToLower(p)] = r.header.Get(k)
		}
	}
	if at, err := strconv.ParseInt(r.header.Get("X-Delete-At"), 10, 64); err == nil {
		o.DeleteAt = time.Unix(at, 0)
	}
	if !strings.HasSuffix(name, "/") && names.OnDrive(name) && !gateway.IsDirectoryType(o.Type) {
		if drive := m.want(m.doors.t, 200, davDoor.call("tester", "GET", container+"/"+name, "")); drive.body != o.Body {
			m.t.Fatalf("%s/%s: the drive reads %q, swift %q", container, name, drive.body, o.Body)
		}
	}
	return o, nil
}

func (m *mixed) List(container string, opt gateway.ListOptions) ([]string, error) {
	query := fmt.Sprintf("&limit=%d&marker=%s&end_marker=%s", opt.Limit, url.QueryEscape(opt.Marker), url.QueryEscape(opt.EndMarker))
	if opt.Reverse {
		query += "&reverse=on"
	}
	if opt.Direct {
		query += "&path=" + url.QueryEscape(strings.TrimSuffix(opt.Prefix, "/"))
	} else {
		query += "&prefix=" + url.QueryEscape(opt.Prefix) + "&delimiter=" + url.QueryEscape(opt.Delimiter)
	}
	var names []string
	for _, e := range m.swiftList(m.doors.t, "tester", container, query) {
		names = append(names, e.Name+e.Subdir)
	}
	return names, nil
}

func (m *mixed) Tree(container, path string, recursive bool, _ int) ([]string, error) {
	depth := "1"
	if recursive {
		depth = "infinity"
	}
	target := container + "/" + path
	names := []string{}
	for _, e := range m.propfind(m.doors.t, "tester", container, strings.TrimSuffix(target, "/")+"/", depth)[1:] {
		names = append(names, e.name)
	}
	return names, nil
}

// Usage asks either the container or the account.
func (m *mixed) Usage(container string) (objects, bytes int64, err error) {
	kind := "Container"
	c := swiftDoor.call("tester", "HEAD", container, "")
	if container == "" {
		kind, c.path = "Account", strings.TrimSuffix(c.path, "/")
	}
	r, err := m.made(c)
	if err != nil {
		return 0, 0, err
	}
	if objects, err = strconv.ParseInt(r.header.Get("X-"+kind+"-Object-Count"), 10, 64); err == nil {
		bytes, err = strconv.ParseInt(r.header.Get("X-"+kind+"-Bytes-Used"), 10, 64)
	}
	return objects, bytes, err
}

// Names lists the containers at both doors in turn.
func (m *mixed) Names() (names []string, err error) {
	if m.reads++; m.reads%2 == 0 {
		for _, e := range m.propfind(m.doors.t, "tester", "", "", "1")[1:] {
			names = append(names, strings.Trim(strings.TrimPrefix(e.Href, davDoor.root), "/"))
		}
		slices.Sort(names)
		return names, nil
	}
	c := swiftDoor.call("tester", "GET", "", "")
	c.path = strings.TrimSuffix(c.path, "/") + "?format=plain"
	r, err := m.made(c)
	return strings.Fields(r.body), err
}

// Random calls through both doors do what the model says. More:
// -rapid.checks=20000 -rapid.steps=200.
func TestRandomCallsThroughMixedDoorsDoWhatTheModelSays(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	depots, err := d.Gateway.Depots.Owned(d.Operator(), "tester", 0, false)
	if err != nil || len(depots) != 1 {
		t.Fatalf("%d depots: %v", len(depots), err)
	}
	chance.Check(t, func(r *rapid.T) {
		door := &mixed{doors: d, t: r, depot: depots[0].ID}
		if err := door.empty(); err != nil {
			r.Fatal(err)
		}
		m := &model.Machine{
			Account: model.New(d.Clock.Now), Door: door, Advance: d.Clock.Advance,
			Reap: func() error { _, err := d.Store.Expire(t.Context()); return err },
		}
		r.Repeat(m.Actions())
		m.Compare(r)
		m.Empty(r)
	})
}

// empty takes away the limit and the containers of the run before.
func (m *mixed) empty() error {
	if err := m.SetLimit(1 << 40); err != nil {
		return err
	}
	m.Clock.Advance(48 * time.Hour) // locks and tokens end
	clear(m.tokens)
	names, err := m.Names()
	for _, name := range names {
		if err == nil {
			err = m.RemoveTree(name, "", nil)
		}
	}
	return err
}

var _ model.Door = (*mixed)(nil)
