package duracloud

import (
	"math"
	"net"
	"net/http"
	"strconv"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// page is which page of a listing is asked for: from 0 on, of at most
// maxSnapshotPage entries, which is also what other sizes mean.
func (p *taskParams) page() (number, size int) {
	size = p.PageSize
	if size < 1 || size > maxSnapshotPage {
		size = maxSnapshotPage
	}
	return max(p.PageNumber, 0), size
}

// getSnapshotHistory tells what was done with a snapshot.
func (f *Face) getSnapshotHistory(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	list, err := f.spaces.SnapshotHistory(r.Context(), account, p.SnapshotID)
	number, size := p.page()
	items := []map[string]any{}
	if number <= math.MaxInt/size {
		for _, e := range list[min(number*size, len(list)):min(number*size+size, len(list))] {
			items = append(items, map[string]any{"historyDate": e.At.UnixMilli(), "history": e.Text})
		}
	}
	return map[string]any{"totalCount": len(list), "historyItems": items}, err
}

// restartSnapshot begins a snapshot again that did not end. Here each ended
// when it was taken.
func (f *Face) restartSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.NoteRestart(r.Context(), account, p.SnapshotID)
	return map[string]any{"description": "The snapshot " + s.ID + " is complete: there is nothing to restart", "status": snapshotComplete}, err
}

// neverExpires stands for the days after which content goes that stays.
const neverExpires = -1

// cleanupSnapshot removes the content of a space after its snapshot was taken
// away to other storage. Here the snapshot lies in the space, so all stays.
func (f *Face) cleanupSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	_, err = f.spaces.LastSnapshot(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID})
	return map[string]any{"contentExpirationDays": neverExpires}, p.about(err)
}

// completeSnapshot ends the work on a snapshot.
func (f *Face) completeSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.CompleteSnapshot(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID})
	return map[string]any{"result": "The snapshot " + s.ID + " is complete"}, p.about(err)
}

// completeCancel ends the cancelling of a snapshot, which cannot be under way:
// it is complete when it is taken.
func (f *Face) completeCancel(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.LastSnapshot(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID})
	if err == nil {
		err = refuse(http.StatusConflict, "The snapshot %s is complete and cannot be cancelled", s.ID)
	}
	return nil, p.about(err)
}

// about says which space there is not.
func (p *taskParams) about(err error) error {
	if errs.ReasonOf(err) == errs.NoContainer {
		return refuse(http.StatusNotFound, "Space with ID %s does not exist", p.SpaceID)
	}
	return err
}

// requestRestore asks the administrators to restore a snapshot.
func (f *Face) requestRestore(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	err = f.spaces.RequestRestore(r.Context(), account, p.SnapshotID, p.UserEmail)
	return map[string]any{"description": "The request is noted in the history of the snapshot " + p.SnapshotID}, err
}

// restoreSnapshot makes a new space of what a snapshot shows.
func (f *Face) restoreSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.RestoreSnapshot(r.Context(), account, p.SnapshotID)
	return map[string]any{"restoreId": s.ID, "status": s.Status, "spaceId": s.ID}, err
}

// getRestore tells how far a restoration is.
func (f *Face) getRestore(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	if p.RestoreID == "" && p.SnapshotID == "" {
		return nil, refuse(http.StatusBadRequest, "A restoreId or a snapshotId is needed")
	}
	s, err := f.spaces.Restore(r.Context(), account, p.RestoreID, p.SnapshotID)
	if err != nil {
		return nil, err
	}
	host, port := hostOf(r)
	text := s.Text
	if text == "" {
		text = strconv.FormatInt(s.Items, 10) + " items restored"
	}
	out := map[string]any{
		"restoreId": s.ID, "snapshotId": s.Snapshot, "status": s.Status, "startDate": s.Started.UnixMilli(),
		"statusText": text, "destinationHost": host, "destinationPort": port,
		"destinationStoreId": strconv.Itoa(s.StoreID), "destinationSpaceId": s.ID,
	}
	if !s.Ended.IsZero() {
		out["endDate"] = s.Ended.UnixMilli()
	}
	if !s.Expires.IsZero() {
		out["expirationDate"] = s.Expires.UnixMilli()
	}
	return out, nil
}

// hostOf is where the request was sent to.
func hostOf(r *http.Request) (host string, port int) {
	port = 80
	if r.TLS != nil {
		port = 443
	}
	name, digits, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host, port
	}
	if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
		port = int(n)
	}
	return name, port
}

// completeRestore says how long a restored space stays.
func (f *Face) completeRestore(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	days := 0
	if p.DaysToExpire != "" {
		if days, err = strconv.Atoi(p.DaysToExpire.String()); err != nil {
			return nil, refuse(http.StatusBadRequest, "daysToExpire is a whole number")
		}
	}
	s, err := f.spaces.KeepRestored(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID}, days)
	if err != nil {
		return nil, p.about(err)
	}
	result := "The space " + s.ID + " stays"
	if days > 0 {
		result += " until " + s.Expires.UTC().Format(isoTime) + " UTC"
	}
	return map[string]any{"result": result}, nil
}
