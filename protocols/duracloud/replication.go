package duracloud

import (
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// replicationShown is the answer of the tasks of replication.
type replicationShown struct {
	SpaceID  string         `json:"spaceId"`
	StoreIDs []int          `json:"storeIds"`
	Default  bool           `json:"default"` // nothing was set for the space
	Replicas []replicaShown `json:"replicas"`
}

// replicaShown says how the replication into one store stands.
type replicaShown struct {
	StoreID int    `json:"storeId"`
	State   string `json:"state"`
	Pending int64  `json:"pending"`
	Failed  int64  `json:"failed"`
	Reason  string `json:"reason,omitempty"`
}

// setReplication chooses into which stores a space is replicated: storeIds, none
// of them for no replication, or default. adopt takes over spaces of those
// stores that are not empty.
func (f *Face) setReplication(r *http.Request, c *call, p taskParams) (any, error) {
	ref, err := f.replicated(c, p)
	if err != nil {
		return nil, err
	}
	if p.StoreIDs == nil && !p.Default {
		return nil, refuse(http.StatusBadRequest, "The parameters of set-replication are spaceId and storeIds, or default")
	}
	set := gateway.ReplicationSetting{Stores: p.StoreIDs, Default: p.Default, Adopt: p.Adopt}
	if err := f.replication.Set(r.Context(), ref, set); err != nil {
		return nil, f.noReplicated(p, err)
	}
	return f.getReplication(r, c, p)
}

// getReplication tells into which stores a space is replicated, and how that
// stands.
func (f *Face) getReplication(r *http.Request, c *call, p taskParams) (any, error) {
	ref, err := f.replicated(c, p)
	if err != nil {
		return nil, err
	}
	set, err := f.replication.Setting(r.Context(), ref)
	if err != nil {
		return nil, f.noReplicated(p, err)
	}
	list, err := f.replication.Status(r.Context(), ref)
	if err != nil {
		return nil, f.noReplicated(p, err)
	}
	out := replicationShown{SpaceID: p.SpaceID, StoreIDs: set.Stores, Default: set.Default, Replicas: make([]replicaShown, len(list))}
	for i := range list {
		s := &list[i]
		out.Replicas[i] = replicaShown{StoreID: s.Store, State: string(s.State), Pending: s.Pending, Failed: s.Failed, Reason: s.Reason}
	}
	return out, nil
}

// replicated is the space that a task of replication is about.
func (f *Face) replicated(c *call, p taskParams) (gateway.Ref, error) {
	account, _, err := f.taskStore(c)
	return gateway.Ref{Account: account, Container: p.SpaceID}, err
}

// noReplicated says in DuraStore's words that there is no such space or store.
func (f *Face) noReplicated(p taskParams, err error) error {
	if errs.ReasonOf(err) == errs.NoContainer {
		return refuse(http.StatusNotFound, "Space with ID %s does not exist", p.SpaceID)
	}
	return err
}
