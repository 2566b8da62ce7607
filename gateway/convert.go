package gateway

import (
	"encoding/hex"
	"maps"
	"strconv"
	"strings"
	"time"

	"entrepot/store"
)

// fromObject describes an object: a static large one as what it joins, a
// dynamic one and a link as what they store, since they are not looked into.
func fromObject(o *store.Object) Object {
	return fromListed(o, nil)
}

// fromListed is fromObject for a row of a listing, which shows no SHA-256. The
// texts of digests lie in t. A nil t stands for no listing.
func fromListed(o *store.Object, t *digestTexts) (out Object) {
	fillObject(&out, o, t)
	return out
}

// fillObject describes an object in out, which is zero; see fromListed.
func fillObject(out *Object, o *store.Object, t *digestTexts) {
	out.Name, out.ContentType = o.Name, o.ContentType
	out.Headers, out.Properties = o.Headers, o.Properties
	out.Created, out.Timestamp, out.Modified = o.Created.Time(), o.Timestamp.Time(), modified(o).Time()
	if o.DeleteAt != 0 {
		out.DeleteAt = time.Unix(o.DeleteAt, 0).UTC()
	}
	switch {
	case o.Large != nil:
		out.Large, out.Size, out.Composite = Static, o.Large.Size, t.text(&o.Large.MD5)
		out.JoinedMD5 = joinedText(o, o.Large.MD5, o.Large.Size, t)
	case o.Dynamic():
		out.Large, out.Size = Dynamic, o.Content.Size
	default:
		setStored(out, o, t)
		if l := o.Link; l != nil {
			out.Link = &Link{Ref: Ref{Account: o.Refers, Container: l.Container, Object: l.Object}, Size: l.Size}
			if l.Static {
				out.Link.ETag = t.text(&l.MD5)
			}
		}
		return
	}
	out.ManifestMD5, out.ManifestSize = t.text(&o.Content.MD5), o.Content.Size
}

// digestTexts keeps the texts of a listing's digests in few pieces of memory.
type digestTexts struct{ piece strings.Builder }

// digestsAPiece is how many texts lie in one piece of memory.
const digestsAPiece = 128

// text returns a digest in lower-case hex; with a nil receiver in memory of its
// own.
func (t *digestTexts) text(sum *[16]byte) string {
	var text [32]byte
	hex.Encode(text[:], sum[:])
	if t == nil {
		return string(text[:])
	}
	if t.piece.Cap()-t.piece.Len() < len(text) {
		t.piece = strings.Builder{}
		t.piece.Grow(digestsAPiece * len(text))
	}
	at := t.piece.Len()
	t.piece.Write(text[:])
	return t.piece.String()[at:]
}

// setStored shows the content that an object itself stores; t as for
// fromListed.
func setStored(out *Object, o *store.Object, t *digestTexts) {
	out.Size = o.Content.Size
	out.MD5 = t.text(&o.Content.MD5)
	if t == nil && o.Content.SHA256 != [32]byte{} {
		var text [64]byte
		hex.Encode(text[:], o.Content.SHA256[:])
		out.SHA256 = string(text[:])
	}
	if o.Content.SHA1 != nil {
		out.SHA1 = hex.EncodeToString(o.Content.SHA1)
	}
}

// sizeOf is the number of bytes that a reader gets of an object; of a dynamic
// one or a link, which must be looked into, what is stored.
func sizeOf(o *store.Object) int64 {
	if o.Large != nil {
		return o.Large.Size
	}
	return o.Content.Size
}

// fromAccount returns an account without its counts.
func fromAccount(a *store.Account, access Access) Account {
	out := Account{
		Name: a.Name, Created: a.Created.Time(), Properties: a.Properties, State: fromState(a.State), Access: access,
		Limited: a.Quota != 0, Quota: max(a.Quota, 0),
	}
	if access.Owner {
		out.ACL = AccountACL{Admin: a.Admins, ReadWrite: a.Writers, ReadOnly: a.Readers}
	}
	if out.Limited {
		// Swift's name for the same limit, so that its clients see it.
		out.Properties = merge(out.Properties, Properties{propQuotaBytes: strconv.FormatInt(out.Quota, 10)})
	}
	return out
}

// count reads what an account holds.
func (a *Account) count(b *store.Batch) {
	b.CountOf(store.CountAccountSpaces, a.Name, &a.Containers)
	b.CountOf(store.CountAccountObjects, a.Name, &a.Objects)
	b.CountOf(store.CountAccountBytes, a.Name, &a.Bytes)
}

// modified is the user-visible modification time.
func modified(o *store.Object) store.Stamp {
	if o.Modified != 0 {
		return o.Modified
	}
	return o.Written
}

func fromContainer(s *scope, objects, bytes int64) Container {
	c := &s.container
	out := Container{
		ID: c.ID, Account: c.Account, Name: c.Name, Depot: c.Depot, Creator: c.Creator,
		Created: c.Created.Time(), Modified: c.Modified.Time(),
		Properties: maps.Clone(c.Properties), Headers: maps.Clone(c.Headers),
		Objects: objects, Bytes: bytes, Access: s.access,
		Versioned: c.Versioning == store.Versioned, WasVersioned: c.Versioning != store.NeverVersioned,
	}
	if s.access.Owner {
		out.ReadACL, out.WriteACL = c.ReadACL, c.WriteACL
	}
	return out
}

func fromLock(account, container string, l *store.Lock) Lock {
	return Lock{
		Token: l.Token, Root: Ref{Account: account, Container: container, Object: l.Path},
		Infinite: l.Infinite, Exclusive: l.Exclusive, Owner: l.Owner, User: l.User,
		Created: l.Created.Time(), Expires: l.Expires.Time(),
	}
}

func fromProps(list []store.DeadProp) []DeadProp {
	out := make([]DeadProp, len(list))
	for i, p := range list {
		out[i] = DeadProp{Space: p.Space, Name: p.Name, Lang: p.Lang, Value: p.Value}
	}
	return out
}
