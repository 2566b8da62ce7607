package gateway

import (
	"time"

	"entrepot/store"
)

// A Depot is a quota over containers, owned by one user.
type Depot struct {
	ID       uint64
	Owner    string // login name; "" for a depot without an owner
	Account  string // the owner's
	Active   bool
	Created  time.Time
	Contract string
	// StorageLimit and TrafficLimit are bytes; 0 means no limit.
	StorageLimit, TrafficLimit int64
	StorageUsed, TrafficUsed   int64 // traffic of the current calendar month, UTC
	Default                    bool
	Users                      []string // who may create containers in it, ascending
	// Epoch is part of its documents: raising it ends those made before.
	Epoch uint64
}

// A Space is a container as the depot API shows it.
type Space struct {
	ID          uint64
	Depot       uint64
	Name        string
	Owner       string // user who created it
	Active      bool
	Created     time.Time
	StorageUsed int64
	TrafficUsed int64
}

// A DepotCall accompanies every change of a depot.
type DepotCall struct {
	Command string // for history and audit
	Note    string // free text of the caller, at most 1,024 characters
	// Replay, when not nil, makes the change happen at most once: its digest
	// is remembered in the same transaction until Until. A digest that is
	// known already is errs.Conflict with errs.Replayed.
	Replay *Replay
	// Log, when not nil, gives the line of the API's log that is written in
	// the transaction of the change, so that no crash comes between them. It
	// is called once, before the transaction. A call that fails writes none.
	Log  func() DepotAPICall
	line *store.DepotCall
}

// Replay identifies one signed request.
type Replay struct {
	Digest [32]byte
	Until  time.Time
}

// DepotOptions describe a new depot.
type DepotOptions struct {
	User         string // owner; made on demand, without a password; "" for CreateWithoutOwner
	StorageLimit int64  // must be positive
	TrafficLimit int64  // 0: ten times the storage limit
	ID           uint64 // wished id, greater than all given out; 0: the next
	Users        []string
	Contract     string
}

// A DepotEntry is one line of a depot's history.
type DepotEntry struct {
	Seq                    uint64 // 1 is the oldest
	Time                   time.Time
	Command                string
	Address                string // of the caller; "" when it is not known
	Note                   string
	OldStorage, NewStorage int64 // limits in bytes; 0: none
	OldTraffic, NewTraffic int64
}

// An Invitation asks a user to take a depot into the list of his depots.
type Invitation struct {
	Depot   Depot
	Time    time.Time
	Message string
}

// DepotLimits are new absolute limits in bytes.
type DepotLimits struct {
	Storage int64 // must be positive
	Traffic int64 // 0: ten times the storage limit
}
