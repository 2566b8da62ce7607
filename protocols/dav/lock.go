package dav

import (
	"errors"
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// lock serves LOCK (RFC 4918 section 9.10): a new lock when there is a body,
// else a refresh.
func (f *Face) lock(q *request) error {
	root, err := readXML(q.r, f.cfg.MaxXMLBytes)
	if err != nil {
		return err
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	timeout := parseTimeout(q.r.Header["Timeout"])
	ref := f.resolve(q.ctx(), q.ref)
	if root == nil {
		if len(cond.Tokens) == 0 {
			return badHeader("a LOCK without a body needs a lock token in an If header")
		}
		lock, err := f.trees.Refresh(q.ctx(), ref, cond, timeout)
		if err != nil {
			return err
		}
		f.sendLock(q, http.StatusOK, lock)
		return nil
	}
	body, err := decodeLock(root)
	if err != nil {
		return err
	}
	reach, noroot, err := parseDepth(q.r.Header.Get("Depth"))
	if err != nil || reach == depthOne || noroot {
		return badHeader("the Depth of a LOCK is 0 or infinity")
	}
	lock, created, err := f.trees.Lock(q.ctx(), ref, gateway.LockRequest{
		Infinite: reach == depthInfinity, Exclusive: body.exclusive, Owner: body.owner,
		Timeout: timeout, Conditions: cond,
	})
	if err != nil {
		return conflicting(err)
	}
	q.w.Header().Set("Lock-Token", "<"+lock.Token+">")
	if created {
		f.sendLock(q, http.StatusCreated, lock)
	} else {
		f.sendLock(q, http.StatusOK, lock)
	}
	return nil
}

// conflicting says of a lock in the way of a LOCK that it conflicts, where
// other methods say that its token is missing (RFC 4918 section 9.10.6).
func conflicting(err error) error {
	var locked *gateway.LockError
	if !errors.As(err, &locked) || errs.ReasonOf(err) != "" {
		return err
	}
	return &errs.Error{Op: "dav.lock", Kind: errs.Locked, Reason: lockConflict, Text: errs.TextOf(err), Err: err}
}

// sendLock answers with the lock as it was granted.
func (f *Face) sendLock(q *request, status int, lock gateway.Lock) {
	v := view{face: f, req: q, now: f.now()}
	out := append([]byte(nil), xmlHeader...)
	out = append(out, `<D:prop xmlns:D="DAV:"><D:lockdiscovery>`...)
	out = v.appendActiveLock(out, &lock)
	out = append(out, "</D:lockdiscovery></D:prop>"...)
	sendXML(q.w, status, out)
}

// unlock serves UNLOCK (RFC 4918 section 9.11).
func (f *Face) unlock(q *request) error {
	token, err := parseLockToken(q.r.Header.Get("Lock-Token"))
	if err != nil {
		return err
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	ref := f.resolve(q.ctx(), q.ref)
	if err := f.trees.Check(q.ctx(), ref, cond); err != nil {
		return err
	}
	return f.delegateUnlock(q, ref, token)
}
