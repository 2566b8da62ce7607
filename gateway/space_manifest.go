package gateway

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// A ManifestItem is what a manifest says of an item.
type ManifestItem struct {
	Name        string
	MD5         [16]byte
	SHA256      [32]byte
	Size        int64
	ContentType string
	Modified    time.Time // of content or properties
}

// manifestPage is how many items of a manifest are read at once.
const manifestPage = 5000

// Manifest passes on the items of a space whose names begin with prefix, page
// by page in byte order, to a caller who may list it. emit is called outside of any transaction
// and must not keep the page; its error ends the work. A change meanwhile
// shows where the page was not read yet.
func (s *Spaces) Manifest(ctx context.Context, ref Ref, prefix string, emit func([]ManifestItem) error) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	var page []ManifestItem
	for marker, more := "", true; more; {
		now := s.now()
		err := s.store.View(ctx, func(v *store.View) error {
			at, err := s.load(v, p, ref, nil)
			if err != nil {
				return err
			}
			if err := at.mayStudy(p); err != nil {
				return err
			}
			list, err := v.Objects(at.container.ID, store.Query{
				Prefix: prefix, Marker: marker, Limit: manifestPage, Now: now, Items: true,
			})
			page = page[:0]
			for i := range list {
				o := &list[i].Object
				m := ManifestItem{
					Name: o.Name, MD5: o.Content.MD5, SHA256: o.Content.SHA256, Size: o.Content.Size,
					ContentType: o.ContentType, Modified: o.Timestamp.Time(),
				}
				if o.Large != nil { // its tag where no digest of the joined bytes is known
					m.MD5, m.SHA256, m.Size = o.Large.MD5, [32]byte{}, o.Large.Size
					if sum, known := o.JoinedMD5(o.Large.MD5, o.Large.Size); known {
						m.MD5 = sum
					}
				}
				if o.Link != nil || o.Dynamic() { // what a reader of the item gets
					at := place{ref: Ref{Account: ref.Account, Container: ref.Container, Object: o.Name}, obj: *o}
					if err := s.manifestOf(v, p, &m, &at, now); err != nil {
						return err
					}
				}
				page = append(page, m)
			}
			return err
		})
		if err != nil {
			return err
		}
		if more = len(page) == manifestPage; more {
			marker = page[len(page)-1].Name
		}
		if err := emit(page); err != nil {
			return err
		}
	}
	return nil
}

// manifestOf fills in what a manifest says of an item that stands for others:
// size and entity tag as its reader sees them, and the digest where it has one.
func (c *core) manifestOf(v *store.View, p auth.Principal, m *ManifestItem, at *place, now store.Stamp) error {
	out, _, err := c.shown(v, p, at, now)
	if err != nil {
		return err
	}
	m.Size, m.MD5, m.SHA256 = out.Size, [16]byte{}, [32]byte{}
	sum := out.ETag()
	if out.JoinedMD5 != "" {
		sum = out.JoinedMD5
	}
	if _, err := hex.Decode(m.MD5[:], []byte(sum)); err != nil {
		return errs.Wrap("spaces.Manifest", errs.Other, "", err)
	}
	if out.Large == Plain {
		_, err = hex.Decode(m.SHA256[:], []byte(out.SHA256))
	}
	return err
}

// adminSpace is where a store keeps what it writes for its users: manifests
// and reports.
const adminSpace = "x-duracloud-admin"

// manifestFolder holds generated manifests in the admin space.
const manifestFolder = "generated-manifests/"

// manifestLife is how long a generated manifest stays.
const manifestLife = 7 * 24 * time.Hour

// fileStamp is how times stand in the names of generated files.
const fileStamp = "2006-01-02-15-04-05"

// RequestManifest has a manifest of a space written in the background, in the
// given form, which Config.WriteManifest knows. It returns the object that it
// is going to be, compressed with gzip, in the admin space of the primary
// store: whoever may list the space may read it, and after seven days it goes.
// The caller must have the right to write to the space.
func (s *Spaces) RequestManifest(ctx context.Context, ref Ref, form string) (Ref, error) {
	if names.Text(ref.Container) != nil {
		return Ref{}, errNoSpace
	}
	p, now := auth.PrincipalOf(ctx), s.now()
	at, err := s.locate(ctx, p, ref)
	if err != nil {
		return Ref{}, err
	}
	if err := at.mayList(p); err != nil {
		return Ref{}, err
	}
	home := homeAccount(ref.Account)
	if err := s.ensureAdminSpace(ctx, home, p.User); err != nil {
		return Ref{}, err
	}
	kind := strings.ToLower(s.storeOf(ref.Account).Type)
	to, err := s.addManifestJob(ctx, home, "manifest-"+ref.Container+"_"+kind+"_", store.Job{
		Kind: store.JobManifest, Due: now, Account: ref.Account, Container: at.container.ID, User: p.User, Since: now, Option: form,
	})
	if err == nil {
		s.jobs.hurry()
	}
	return to, err
}

// manifestsAhead is how many manifests of a space may be asked for in one
// second, whose names then say later ones.
const manifestsAhead = 60

// addManifestJob queues job under the first name for its result that begins
// with prefix, goes on with its time and nothing has yet: whoever asks for a
// manifest must not get what another one asked for, in another form or of
// before a change.
func (s *Spaces) addManifestJob(ctx context.Context, home, prefix string, job store.Job) (Ref, error) {
	admin, err := s.find(ctx, Ref{Account: home, Container: adminSpace})
	if err != nil {
		return Ref{}, err
	}
	items, jobs := manifestNames(home, prefix, job.Since.Time())
	to := Ref{Account: home, Container: adminSpace}
	err = s.store.Update(ctx, []store.Guard{store.LockJobs(job.Kind)}, func(tx *store.Tx) error {
		// The job goes after its object was made: looked for in this order.
		taken, err := tx.NamedJobs(job.Kind, jobs)
		if err != nil {
			return err
		}
		made, err := tx.Records(admin.container.ID, store.Query{
			Prefix: manifestFolder + prefix, Marker: strings.TrimSuffix(items[0], manifestEnd), EndMarker: items[len(items)-1] + "~", Limit: 10 * manifestsAhead,
		})
		if err != nil {
			return err
		}
		for i := range made {
			taken[home+"/"+made[i].Name] = true
		}
		for i, name := range jobs {
			if !taken[name] {
				queued := job
				queued.Name, to.Object = name, items[i]
				tx.AddJob(&queued)
				return nil
			}
		}
		return errs.New("spaces.RequestManifest", errs.RateLimited, "", "Too many manifests of this space were asked for at once.")
	})
	return to, err
}

// manifestEnd is how the names of generated manifests end, behind their time.
const manifestEnd = ".txt.gz"

// manifestNames are the names that a manifest which is asked for now may get,
// and those of the jobs that write it.
func manifestNames(home, prefix string, now time.Time) (items, jobs []string) {
	for i := range manifestsAhead {
		stamp := now.Add(time.Duration(i) * time.Second).UTC()
		item := manifestFolder + prefix + stamp.Format(fileStamp) + manifestEnd
		items, jobs = append(items, item), append(jobs, home+"/"+item)
	}
	return items, jobs
}

// asSystem is the context of the gateway's own work for somebody: it may do
// everything, and the audit names who asked.
func asSystem(ctx context.Context, account, user string) context.Context {
	if user == "" {
		user = systemUser
	}
	return auth.WithPrincipal(ctx, auth.Principal{User: user, Account: account, Role: auth.RoleAdmin})
}

// systemUser stands in audits for work that nobody asked for. No login can be
// called so.
const systemUser = "entrepot:system"

// ensureAdminSpace makes the admin space of an account where there is none.
func (s *Spaces) ensureAdminSpace(ctx context.Context, account, user string) error {
	ref := Ref{Account: account, Container: adminSpace}
	at, err := s.find(ctx, ref)
	if err != nil || at.container.ID != 0 {
		return err
	}
	_, err = (&Containers{core: s.core}).Create(asSystem(ctx, account, user), ref, ContainerChange{})
	return err
}

// mayReadObject is mayRead, and lets those read an object who may list the
// container that it was made for (store.Object.ReadersOf).
func (c *core) mayReadObject(v *store.View, p auth.Principal, s *scope, name string, o *store.Object, found bool) error {
	refused := s.mayRead(p)
	switch {
	case refused == nil || errs.ReasonOf(refused) == errs.Inactive || p.Grant != nil:
		return refused
	case forEveryUser(s.container.Name, name) && p.User != "" && p.Scope == nil && member(p, s.container.Account):
		return nil
	case s.container.Name == bagSpace:
		return c.mayReadBag(v, p, s.container.Account, name, refused)
	case s.container.Name != adminSpace:
		return refused
	}
	if !found {
		if strings.HasPrefix(name, manifestFolder) && member(p, s.container.Account) {
			return errs.New("gateway", errs.NotFound, errs.NoObject, "") // may be on its way
		}
		return refused
	}
	if o.ReadersOf == 0 {
		return refused
	}
	k, there, err := v.Container(o.ReadersOf)
	if err != nil || !there {
		return refused
	}
	d, hasDepot, err := v.Depot(k.Depot)
	if err != nil {
		return err
	}
	if containerAccess(p, &k, &d, hasDepot).List {
		return nil
	}
	return refused
}

// HexMD5 is the digest as manifests write it.
func (m *ManifestItem) HexMD5() string { return hex.EncodeToString(m.MD5[:]) }

// HexSHA256 is the digest as manifests write it; "" where it is not known.
func (m *ManifestItem) HexSHA256() string {
	if m.SHA256 == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(m.SHA256[:])
}
