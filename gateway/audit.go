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

// An AuditAction says what an audit record tells of.
type AuditAction string

// The actions, in DuraCloud's words.
const (
	AuditCreateSpace   AuditAction = "CREATE_SPACE"
	AuditDeleteSpace   AuditAction = "DELETE_SPACE"
	AuditSetGrants     AuditAction = "SET_SPACE_ACLS"
	AuditPut           AuditAction = "ADD_CONTENT"
	AuditCopy          AuditAction = "COPY_CONTENT"
	AuditDelete        AuditAction = "DELETE_CONTENT"
	AuditSetProperties AuditAction = "SET_CONTENT_PROPERTIES"
)

// An AuditRecord is one line of a space's audit trail. What an action does not
// tell is empty.
type AuditRecord struct {
	Action      AuditAction
	Time        time.Time
	User        string
	Item        string
	MD5         string
	Size        int64 // -1: not told
	ContentType string
	Properties  Properties // told where not nil
	Grants      string     // Grants.Text
	SourceSpace string     // of a copy within the store
	SourceItem  string
}

// auditPage is how many records are read at once.
const auditPage = 2000

// Audit passes on the audit trail of a space, oldest first, page by page, to a
// caller who owns it; of spaces that are gone to the owners of the account.
// NotFound with NoContainer where there is neither a space nor a record of
// one. What every door did is in it; folder markers are not. emit is called
// outside of any transaction, and ends the work with an error.
func (s *Spaces) Audit(ctx context.Context, ref Ref, emit func([]AuditRecord) error) error {
	ids, err := s.audited(ctx, ref)
	if err != nil {
		return err
	}
	records := make([]AuditRecord, 0, auditPage)
	for _, id := range ids {
		for cursor, more := []byte(nil), true; more; {
			var page []store.Journal
			err := s.store.View(ctx, func(v *store.View) (err error) {
				page, cursor, err = v.JournalPage(id, cursor, auditPage)
				return err
			})
			if err != nil {
				return err
			}
			more = cursor != nil
			records = records[:0]
			for i := range page {
				if r, ok := fromJournal(ref, &page[i]); ok {
					records = append(records, r)
				}
			}
			if err := emit(records); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxFormer is of how many containers that had one name audits are shown.
const maxFormer = 10_000

// audited lists the containers whose journals belong to a name, oldest first,
// for a caller who may see them.
func (s *Spaces) audited(ctx context.Context, ref Ref) (ids []uint64, err error) {
	if names.Text(ref.Container) != nil {
		return nil, errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	err = s.store.View(ctx, func(v *store.View) error {
		at, err := s.load(v, p, ref, nil)
		missing := errs.ReasonOf(err) == errs.NoContainer
		switch {
		case err != nil && !missing:
			return err
		case !missing && !at.access.Owner, missing && !accountAccess(p, ref.Account).Owner:
			return refuse(p)
		}
		if ids, err = v.Former(ref.Account, ref.Container, maxFormer); err != nil {
			return err
		}
		if !missing {
			ids = append(ids, at.container.ID)
		}
		if len(ids) == 0 {
			return errNoSpace
		}
		return nil
	})
	return ids, err
}

// fromJournal makes an audit record of a journal's; false for what an audit
// does not tell.
func fromJournal(ref Ref, j *store.Journal) (AuditRecord, bool) {
	r := AuditRecord{Time: j.Time.Time(), User: j.User, Item: j.Name, Size: -1}
	if j.Marker {
		return r, false
	}
	switch j.Action {
	case "create":
		r.Action = AuditCreateSpace
	case "remove":
		r.Action = AuditDeleteSpace
	case "acl":
		r.Action, r.Grants = AuditSetGrants, j.ACL
	case "put":
		r.Action = AuditPut
		r.tellContent(j)
		r.Properties = told(j)
	case "copy":
		r.Action = AuditPut
		r.tellContent(j)
		r.Properties = told(j)
		if rest, ok := strings.CutPrefix(j.Source, ref.Account+"/"); ok {
			r.Action = AuditCopy
			r.SourceSpace, r.SourceItem, _ = strings.Cut(rest, "/")
		}
	case "delete":
		r.Action = AuditDelete
		r.tellContent(j)
	case "post":
		r.Action, r.Properties = AuditSetProperties, told(j)
	default:
		return r, false
	}
	return r, true
}

// tellContent fills in what a record says of content. One that stands for a
// whole folder says nothing of it.
func (r *AuditRecord) tellContent(j *store.Journal) {
	if j.Entries > 1 {
		return
	}
	r.MD5, r.Size, r.ContentType = hex.EncodeToString(j.MD5), j.Size, j.ContentType
}

// told are the properties of a record, the content type among them.
func told(j *store.Journal) Properties {
	if j.Entries > 1 {
		return nil
	}
	props := over(j.Properties, nil)
	if j.ContentType != "" {
		props["content-mimetype"] = j.ContentType
	}
	return props
}
