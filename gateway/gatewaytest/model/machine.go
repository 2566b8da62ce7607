package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"entrepot/gateway"
)

// A Door does to a gateway what the methods of Account of the same names do to
// the model.
type Door interface {
	Containers
	Objects
	Folders
	Views
}

// Containers makes, removes and limits containers.
type Containers interface {
	Create(container string) error
	Remove(container string) error
	SetQuota(container string, bytes, objects int64) error
	// SetLimit limits the account's depot.
	SetLimit(bytes int64) error
}

// Objects changes objects by their names.
type Objects interface {
	Put(call PutCall) error
	Delete(container, name string, tokens []string) error
	SetMeta(container, name string, properties map[string]string, deleteAt time.Time, tokens []string) error
	Copy(call CopyCall) error
}

// Folders changes the tree of a drive.
type Folders interface {
	MakeFolder(container, path string, tokens []string) error
	RemoveTree(container, path string, tokens []string) error
	Transfer(call TreeCall) (created bool, err error)
	Lock(call LockCall) (token string, err error)
	Unlock(container, path, token string) error
}

// Views shows what there is.
type Views interface {
	// Get returns an object; a type or properties that the door does not show
	// are empty.
	Get(container, name string) (Object, error)
	List(container string, opt gateway.ListOptions) ([]string, error)
	// Tree lists a folder page by page.
	Tree(container, path string, recursive bool, limit int) ([]string, error)
	// Usage counts objects and bytes of a container, or of the account when
	// it is "".
	Usage(container string) (objects, bytes int64, err error)
	Names() ([]string, error)
}

// A Machine makes random calls of a Door and of the model side by side.
type Machine struct {
	Account *Account
	Door    Door
	// Advance moves the clock that both go by; Reap removes what has expired
	// from the store.
	Advance func(time.Duration)
	Reap    func() error
	// Direct says that the calls reach the gateway itself: those of Objects
	// can submit lock tokens and ask that there be something already, which
	// Swift's cannot, and a path with a slash names folders only, which
	// WebDAV does not insist on.
	Direct bool

	step int
	held []string // tokens of the locks that were given out
}

var (
	containers = []string{"c", "d", "e"}
	paths      = []string{"a", "a/b", "a/b/c", "a/c", "a!", "a0", "b", "d", "d/e", "d/e/f"}
	others     = []string{"a/", "a/b/", "a//b", "b/", "d/", "d/e/"} // names that no drive writes
	types      = []string{"text/plain", "text/plain", "image/png", "application/directory", "application/x-directory"}
	sizes      = []int{0, 0, 1, 30, 64, 65, 200}
)

// Actions are the machine's steps for rapid's Repeat; the empty name is the
// check after each.
func (m *Machine) Actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"put": m.put, "put again": m.put, "put on drive": m.putOnDrive, "delete": m.remove, "set meta": m.setMeta, "copy": m.copy,
		"make folder": m.makeFolder, "remove tree": m.removeTree, "move": m.move, "copy tree": m.copyTree,
		"create": m.create, "remove container": m.removeContainer, "lock": m.lock, "unlock": m.unlock,
		"quota": m.quota, "time": m.time, "list": m.list, "tree": m.tree,
		"": m.sample,
	}
}

func container(t *rapid.T, label string) string { return rapid.SampledFrom(containers).Draw(t, label) }

// path draws a drive's path, sometimes with a slash behind it.
func (m *Machine) path(t *rapid.T, label string) string {
	p := rapid.SampledFrom(paths).Draw(t, label)
	if m.Direct && rapid.IntRange(0, 7).Draw(t, label+" slash") == 0 {
		p += "/"
	}
	return p
}

// any draws any name that objects may have.
func anyName(t *rapid.T, label string) string {
	return rapid.SampledFrom(slices.Concat(paths, others)).Draw(t, label)
}

// tokens draws whether the caller submits the locks that it holds.
func (m *Machine) tokens(t *rapid.T) []string {
	if len(m.held) > 0 && rapid.Bool().Draw(t, "with tokens") {
		return m.held
	}
	return nil
}

func (m *Machine) objectTokens(t *rapid.T) []string {
	if !m.Direct {
		return nil
	}
	return m.tokens(t)
}

// body draws content that no other step makes.
func (m *Machine) body(t *rapid.T) string {
	m.step++
	n := rapid.SampledFrom(sizes).Draw(t, "size")
	return strings.Repeat(fmt.Sprintf("%d,", m.step), n+1)[:n]
}

func properties(t *rapid.T) map[string]string {
	p := make(map[string]string)
	for _, k := range []string{"colour", "note"} {
		if rapid.Bool().Draw(t, k) {
			p[k] = rapid.SampledFrom([]string{"1", "two", "a longer text"}).Draw(t, k+" is")
		}
	}
	return p
}

// deleteAt draws a time to live, mostly none.
func (m *Machine) deleteAt(t *rapid.T) time.Time {
	if rapid.IntRange(0, 4).Draw(t, "expires") != 0 {
		return time.Time{}
	}
	return m.Account.Now().Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second).Truncate(time.Second)
}

// judge compares an answer with a verdict.
func judge(t *rapid.T, what string, v Verdict, err error) {
	t.Helper()
	if !v.Allows(err) {
		t.Fatalf("%s: %v; the model says %v, or perhaps %v", what, err, v.Must, v.May)
	}
}

// agreed is judge for calls whose change the model makes only when the gateway
// took it, which a Verdict with May leaves open.
func (m *Machine) agreed(t *rapid.T, what string, err error, do func(a *Account) Verdict) {
	t.Helper()
	trial := m.Account.clone()
	v := do(trial)
	t.Logf("%s: %v", what, err)
	judge(t, what, v, err)
	if err == nil {
		m.Account.Containers, m.Account.Limit = trial.Containers, trial.Limit
	}
}

// clone is a copy that may be changed; objects are never changed in place.
func (a *Account) clone() *Account {
	n := *a
	n.Containers = make(map[string]*Container, len(a.Containers))
	for name, c := range a.Containers {
		n.Containers[name] = c.clone()
	}
	return &n
}

func (m *Machine) put(t *rapid.T) {
	call := PutCall{
		Container: container(t, "container"), Name: anyName(t, "name"), Tokens: m.objectTokens(t),
		New: rapid.IntRange(0, 9).Draw(t, "new") == 0, Existing: m.Direct && rapid.IntRange(0, 9).Draw(t, "existing") == 0,
		Object: Object{Body: m.body(t), Type: rapid.SampledFrom(types).Draw(t, "type"), Properties: properties(t), DeleteAt: m.deleteAt(t)},
	}
	err := m.Door.Put(call)
	m.agreed(t, fmt.Sprintf("put %+v", call), err, func(a *Account) Verdict { return a.Put(call) })
}

func (m *Machine) putOnDrive(t *rapid.T) {
	call := PutCall{
		Container: container(t, "container"), Name: rapid.SampledFrom(paths).Draw(t, "path"), Tokens: m.tokens(t), Drive: true,
		New:    rapid.IntRange(0, 9).Draw(t, "new") == 0,
		Object: Object{Body: m.body(t), Type: "text/plain"},
	}
	err := m.Door.Put(call)
	m.agreed(t, fmt.Sprintf("put on drive %+v", call), err, func(a *Account) Verdict { return a.Put(call) })
}

func (m *Machine) remove(t *rapid.T) {
	c, name, tokens := container(t, "container"), anyName(t, "name"), m.objectTokens(t)
	err := m.Door.Delete(c, name, tokens)
	m.agreed(t, "delete "+c+"/"+name, err, func(a *Account) Verdict { return a.Delete(c, name, tokens) })
}

func (m *Machine) setMeta(t *rapid.T) {
	c, name, tokens := container(t, "container"), anyName(t, "name"), m.objectTokens(t)
	p, at := properties(t), m.deleteAt(t)
	err := m.Door.SetMeta(c, name, p, at, tokens)
	m.agreed(t, "set meta "+c+"/"+name, err, func(a *Account) Verdict { return a.SetMeta(c, name, p, at, tokens) })
}

func (m *Machine) copy(t *rapid.T) {
	call := CopyCall{
		Container: container(t, "container"), Name: anyName(t, "name"),
		ToContainer: container(t, "to container"), ToName: anyName(t, "to name"),
		Properties: properties(t), Tokens: m.objectTokens(t),
	}
	err := m.Door.Copy(call)
	m.agreed(t, fmt.Sprintf("copy %+v", call), err, func(a *Account) Verdict { return a.Copy(call) })
}

func (m *Machine) makeFolder(t *rapid.T) {
	c, p, tokens := container(t, "container"), m.path(t, "path"), m.tokens(t)
	err := m.Door.MakeFolder(c, p, tokens)
	m.agreed(t, "make folder "+c+"/"+p, err, func(a *Account) Verdict { return a.MakeFolder(c, p, tokens) })
}

// treePath draws a path, sometimes that of the container.
func (m *Machine) treePath(t *rapid.T, label string) string {
	if rapid.IntRange(0, 6).Draw(t, label+" is a container") == 0 {
		return ""
	}
	return m.path(t, label)
}

func (m *Machine) removeTree(t *rapid.T) {
	c, p, tokens := container(t, "container"), m.treePath(t, "path"), m.tokens(t)
	err := m.Door.RemoveTree(c, p, tokens)
	m.agreed(t, "remove tree "+c+"/"+p, err, func(a *Account) Verdict { return a.RemoveTree(c, p, tokens) })
}

func (m *Machine) move(t *rapid.T)     { m.transfer(t, true) }
func (m *Machine) copyTree(t *rapid.T) { m.transfer(t, false) }

func (m *Machine) transfer(t *rapid.T, move bool) {
	call := TreeCall{
		Container: container(t, "container"), Path: m.treePath(t, "path"),
		ToContainer: container(t, "to container"), ToPath: m.treePath(t, "to path"), Move: move,
		Overwrite: rapid.Bool().Draw(t, "overwrite"), Shallow: !move && rapid.IntRange(0, 4).Draw(t, "shallow") == 0,
		Tokens: m.tokens(t),
	}
	if c := m.Account.Containers[call.Container]; c != nil && call.ToPath == "" {
		if twin := strings.TrimSuffix(call.Path, "/"); m.Account.live(c, twin) != nil && !m.Account.live(c, twin).marker(twin) {
			t.Skip("a file that shares its name with the folder has no place beside containers")
		}
	}
	made, err := m.Door.Transfer(call)
	m.agreed(t, fmt.Sprintf("transfer %+v", call), err, func(a *Account) Verdict {
		v, created := a.Transfer(call)
		if err == nil && v.OK() && made != created {
			t.Fatalf("transfer %+v: created %t, the model says %t", call, made, created)
		}
		return v
	})
}

func (m *Machine) create(t *rapid.T) {
	c := container(t, "container")
	err := m.Door.Create(c)
	m.agreed(t, "create "+c, err, func(a *Account) (v Verdict) { a.Create(c); return v })
}

func (m *Machine) removeContainer(t *rapid.T) {
	c := container(t, "container")
	err := m.Door.Remove(c)
	m.agreed(t, "remove container "+c, err, func(a *Account) Verdict { return a.Remove(c) })
}

func (m *Machine) lock(t *rapid.T) {
	call := LockCall{
		Container: container(t, "container"), Infinite: rapid.Bool().Draw(t, "infinite"),
		Path:      strings.TrimSuffix(m.treePath(t, "path"), "/"), // a door may make a file of a new name with a slash
		Exclusive: rapid.Bool().Draw(t, "exclusive"), Tokens: m.tokens(t),
		Timeout: time.Duration(rapid.IntRange(10, 100).Draw(t, "timeout")) * time.Second,
	}
	token, err := m.Door.Lock(call)
	m.agreed(t, fmt.Sprintf("lock %+v", call), err, func(a *Account) Verdict {
		v, granted := a.Lock(call)
		if err == nil && granted != nil {
			granted(token)
			m.held = append(m.held, token)
		}
		return v
	})
}

func (m *Machine) unlock(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no lock was given out")
	}
	c, p, token := container(t, "container"), m.treePath(t, "path"), rapid.SampledFrom(m.held).Draw(t, "token")
	err := m.Door.Unlock(c, p, token)
	m.agreed(t, "unlock "+c+"/"+p, err, func(a *Account) Verdict { return a.Unlock(c, p, token) })
}

func (m *Machine) quota(t *rapid.T) {
	limit := int64(rapid.SampledFrom([]int{-1, -1, 0, 3, 100, 500}).Draw(t, "limit"))
	if rapid.IntRange(0, 3).Draw(t, "depot") == 0 {
		if limit <= 0 {
			limit = 1 << 40
		}
		err := m.Door.SetLimit(limit)
		m.agreed(t, "limit", err, func(a *Account) (v Verdict) { a.Limit = limit; return v })
		return
	}
	c := container(t, "container")
	bytes, size := limit, int64(-1)
	if rapid.Bool().Draw(t, "objects") {
		bytes, size = -1, limit
	}
	err := m.Door.SetQuota(c, bytes, size)
	m.agreed(t, "quota "+c, err, func(a *Account) Verdict { return a.SetQuota(c, bytes, size) })
}

func (m *Machine) time(t *rapid.T) {
	m.Advance(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
	if rapid.Bool().Draw(t, "reap") {
		if err := m.Reap(); err != nil {
			t.Fatal(err)
		}
		m.Account.Reap()
	}
}

// known are the containers that the model has.
func (m *Machine) known() []string { return slices.Sorted(maps.Keys(m.Account.Containers)) }
