package duracloud

import (
	"net/http"
	"strconv"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// snapshotComplete is the state of every snapshot: taking one is one step.
const snapshotComplete = "SNAPSHOT_COMPLETE"

// maxSnapshotPage is the longest page of a snapshot's contents.
const maxSnapshotPage = 1000

// createSnapshot takes a snapshot of a space.
func (f *Face) createSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.CreateSnapshot(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID}, p.Description)
	if errs.ReasonOf(err) == errs.NoContainer {
		return nil, refuse(http.StatusNotFound, "Space with ID %s does not exist", p.SpaceID)
	}
	return map[string]any{"snapshotId": s.ID, "status": snapshotComplete}, err
}

// getSnapshot describes a snapshot.
func (f *Face) getSnapshot(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	s, err := f.spaces.Snapshot(r.Context(), account, p.SnapshotID)
	return map[string]any{
		"snapshotId": s.ID, "snapshotDate": s.Created.UnixMilli(), "status": snapshotComplete,
		"sourceHost": r.Host, "sourceSpaceId": s.Space, "sourceStoreId": strconv.Itoa(s.StoreID),
		"description": s.Description, "contentItemCount": s.Items, "totalSizeInBytes": s.Bytes,
		"memberId": c.account, "alternateIds": []string{},
	}, err
}

// getSnapshots lists the snapshots of a store.
func (f *Face) getSnapshots(r *http.Request, c *call, _ taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	list, err := f.spaces.Snapshots(r.Context(), account)
	out := make([]map[string]any, len(list))
	for i, s := range list {
		out[i] = map[string]any{
			"snapshotId": s.ID, "description": s.Description, "sourceSpaceId": s.Space,
			"sourceStoreId": strconv.Itoa(s.StoreID), "status": snapshotComplete,
		}
	}
	return map[string]any{"snapshots": out}, err
}

// getSnapshotTotals sums the snapshots of a store up.
func (f *Face) getSnapshotTotals(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	list, err := f.spaces.Snapshots(r.Context(), account)
	var count, size, files int64
	for _, s := range list {
		if p.Status == "" || p.Status == snapshotComplete {
			count, size, files = count+1, size+s.Bytes, files+s.Items
		}
	}
	return map[string]any{"totalCount": count, "totalSize": size, "totalFiles": files}, err
}

// getSnapshotContents lists a page of what a snapshot shows.
func (f *Face) getSnapshotContents(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	page, size := p.page()
	s, err := f.spaces.Snapshot(r.Context(), account, p.SnapshotID)
	if err != nil {
		return nil, err
	}
	list, err := f.spaces.SnapshotItems(r.Context(), account, p.SnapshotID, p.Prefix, page, size)
	items := make([]map[string]any, len(list))
	for i := range list {
		o := &list[i]
		props := map[string]string{
			"content-mimetype": o.ContentType, "content-size": strconv.FormatInt(o.Size, 10),
			"content-checksum": checksumOf(o), "content-modified": o.Timestamp.UTC().Format(isoTime),
		}
		for k, v := range o.Properties {
			props[k] = v
		}
		items[i] = map[string]any{"contentId": o.Name, "contentProperties": props}
	}
	return map[string]any{"totalCount": s.Items, "contentItems": items}, err
}

// checksumOf is an item's digest, or the tag that stands for it.
func checksumOf(obj *gateway.Object) string {
	if sum := digestOf(obj); sum != "" {
		return sum
	}
	return obj.ETag()
}
