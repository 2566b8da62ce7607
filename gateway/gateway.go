package gateway

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"entrepot/store"
)

// Config holds the gateway's settings. The zero value works.
type Config struct {
	// MaxObject is the largest object in bytes; default 5 GiB + 2, as Swift.
	MaxObject int64
	// MaxTree is how many objects one COPY or MOVE of a folder may touch, and
	// how many a DELETE removes in one step; default and maximum 100,000.
	MaxTree int
	// MaxLocks is how many locks a container may have at once; default and
	// maximum 10,000.
	MaxLocks int
	// LockDefault and LockMax are the timeouts of locks that ask for none and
	// for too much; defaults 1 h and 24 h.
	LockDefault, LockMax time.Duration
	// TrafficFlush is how often transferred bytes are written down; default
	// 5 s.
	TrafficFlush time.Duration
	// EnforceTraffic refuses transfers of a depot whose traffic limit of the
	// month is used up.
	EnforceTraffic bool
	// RemovalDelay is how long the data of a deleted account stay before they
	// are removed; default none.
	RemovalDelay time.Duration
	// Consent asks accounts to allow an application before its first call; else
	// the first call allows it.
	Consent bool
	// Now tells the time by which logins and application passwords that are
	// remembered grow old; default time.Now. Everything else goes by the store's
	// clock, which stands still where the machine's is set back.
	Now func() time.Time
	// Random is where keys and passwords come from; default crypto/rand.
	Random io.Reader
	// NoDepotUsers forbids the depot API to make users on demand.
	NoDepotUsers bool
	Logger       *slog.Logger
	// Stores are the stores that every account has; none: the primary one.
	Stores []StoreInfo
	// Manifests writes the manifests that are made in the background; nil: there
	// are none.
	Manifests ManifestWriter
	// Chunks reads the manifests of files that were put in chunks; nil: drives
	// show chunks and manifests as files.
	Chunks ChunkCodec
	// VerifyEvery is how often the content of each container is compared with
	// its records, and a report written; default 30 days, negative: only when
	// it is asked for.
	VerifyEvery time.Duration
	// DepotLog is how long lines of the depot API's log are kept; 0: 90 days,
	// negative: for ever. DepotLogFlush is how often they are written down;
	// default 1 s.
	DepotLog, DepotLogFlush time.Duration
	// SpacesAtOnce is how many containers one transaction removes with their
	// depot; default 10,000.
	SpacesAtOnce int
	// Replication says how containers are kept in further stores as well.
	Replication ReplicationConfig
}

// DefaultVerifyEvery is how often containers are compared with their records.
const DefaultVerifyEvery = 30 * 24 * time.Hour

func (c Config) withDefaults() Config {
	if c.MaxObject == 0 {
		c.MaxObject = 5<<30 + 2
	}
	if c.MaxTree <= 0 || c.MaxTree > 100_000 {
		c.MaxTree = 100_000
	}
	if c.MaxLocks <= 0 || c.MaxLocks > maxLocks {
		c.MaxLocks = maxLocks
	}
	if c.LockDefault == 0 {
		c.LockDefault = time.Hour
	}
	if c.LockMax == 0 {
		c.LockMax = 24 * time.Hour
	}
	if c.TrafficFlush == 0 {
		c.TrafficFlush = 5 * time.Second
	}
	c.Stores = withPrimary(c.Stores)
	if c.VerifyEvery == 0 {
		c.VerifyEvery = DefaultVerifyEvery
	}
	if c.DepotLog == 0 {
		c.DepotLog = 90 * 24 * time.Hour
	}
	if c.DepotLogFlush == 0 {
		c.DepotLogFlush = time.Second
	}
	if c.SpacesAtOnce <= 0 {
		c.SpacesAtOnce = 10_000
	}
	c.Replication = c.Replication.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Gateway is the core. A face is given the parts it needs, not the whole.
type Gateway struct {
	Accounts   *Accounts
	Containers *Containers
	Objects    *Objects
	Trees      *Trees // the drive's view: folders, whole prefixes, properties, locks
	Depots     *Depots
	Snapshots  *Snapshots
	Spaces     *Spaces // what preservation clients see

	Applications *Applications
	Credentials  *Credentials
	Replication  *Replication

	core *core
}

// core is what the parts of the gateway share.
type core struct {
	store     *store.Store
	cfg       Config
	hints     *lru.Cache[[2]string, hint]
	manifests *lru.Cache[[16]byte, []Segment] // decoded, by the content they are
	users     *userCache
	pending   *reservations
	traffic   *traffic
	jobs      *jobs
	calls     *callLog
	uses      *uses

	replicator *replicator
	digests    *digests
	summing    sync.Map // uploads in pieces whose digests somebody brings up to date: Ref of the folder → true
}

// hint remembers which container had a name and in which depot it was, so that
// one read finds everything; what it says is checked against that read.
type hint struct {
	id, depot uint64
	quota     bool // the account has one
	archive   bool // versions go to another container
}

// scope returns as much of a scope as the choice of locks needs, where the
// account has no quota.
func (h hint) scope(ref Ref) scope {
	var s scope
	s.container.ID, s.container.Depot = h.id, h.depot
	s.container.Account, s.container.Name = ref.Account, ref.Container
	return s
}

const (
	maxHints = 10_000
	// maxManifests is how many decoded manifests are kept, for ranges of large
	// objects that are read one after the other; of about 300 KB each at most.
	maxManifests = 32
)

// New returns the core over a store and begins its background work, which ends
// with Close.
func New(ctx context.Context, s *store.Store, cfg Config) (*Gateway, error) {
	hints, err := lru.New[[2]string, hint](maxHints)
	if err != nil {
		return nil, err
	}
	manifests, err := lru.New[[16]byte, []Segment](maxManifests)
	if err != nil {
		return nil, err
	}
	users, err := newUserCache()
	if err != nil {
		return nil, err
	}
	c := &core{store: s, cfg: cfg.withDefaults(), hints: hints, manifests: manifests, users: users, pending: newReservations()}
	if c.digests, err = startDigests(ctx, c); err != nil {
		return nil, err
	}
	c.traffic = startTraffic(ctx, c)
	c.calls = startCallLog(ctx, c)
	c.uses = startUses(ctx, c)
	c.jobs = startJobs(ctx, c)
	c.replicator = startReplicator(ctx, c)
	return &Gateway{
		Accounts:   &Accounts{core: c, noted: newNotes()},
		Containers: &Containers{core: c},
		Objects:    &Objects{c},
		Trees:      &Trees{c},
		Depots:     &Depots{c},
		Snapshots:  &Snapshots{core: c},
		Spaces:     &Spaces{c},

		Applications: &Applications{c},
		Credentials:  &Credentials{c},
		Replication:  &Replication{core: c},

		core: c,
	}, nil
}

// Close writes down what is pending. It does not close the store.
func (g *Gateway) Close() error {
	g.core.replicator.close()
	g.core.jobs.close()
	g.core.digests.close()
	g.core.traffic.close()
	g.core.calls.close()
	g.core.uses.close()
	return nil
}

// now returns the time that transactions are given.
func (c *core) now() store.Stamp { return c.store.Now() }
