package store

import (
	"bytes"
	"encoding/binary"
	"slices"

	"entrepot/store/blob"
	"entrepot/store/kv"
)

// The tables. Numbers are part of the format and are never reused.
//
// "id" is a container's 8 bytes, big-endian; "·" is the byte 0x00, which no
// name holds; "user" is a login name, case-folded.
const (
	tableMeta         kv.Table = 1  // name → text or number: format, store ID, clock, sequences
	tableAccounts     kv.Table = 2  // account → Account
	tableUsers        kv.Table = 3  // user → User
	tableUserOf       kv.Table = 4  // account · user → empty
	tableTokens       kv.Table = 5  // digest → Token
	tableTokenOf      kv.Table = 6  // user · issue → digest
	tableKeys         kv.Table = 7  // digest → Key
	tableNames        kv.Table = 8  // account · container name → id
	tableContainers   kv.Table = 9  // id → Container
	tableObjects      kv.Table = 10 // id name → Object
	tableHistory      kv.Table = 11 // id name · epoch → Object; replaced rows that a snapshot still shows
	tableContent      kv.Table = 12 // blob → bytes, sealed; content up to the inline limit
	tableOwners       kv.Table = 13 // blob owner → empty; owner is the number in Content.Owner
	tableCounters     kv.Table = 14 // kind key → counter
	tableQueue        kv.Table = 15 // kind due unique → payload; background work by due time
	tableJournal      kv.Table = 16 // id time hash(name) → Journal
	tableProps        kv.Table = 17 // id path · space · name · chunk → DeadProp
	tableLocks        kv.Table = 18 // id path · token → Lock
	tableLockOf       kv.Table = 19 // token → id path
	tableDepots       kv.Table = 20 // depot → Depot
	tableDepotOf      kv.Table = 21 // user · depot → empty
	tableMemberOf     kv.Table = 22 // user · depot → empty; users a depot authorises
	tableDepotLog     kv.Table = 23 // depot seq → DepotEntry
	tableDepotSpaces  kv.Table = 24 // depot id → empty
	tableReplay       kv.Table = 25 // digest → time until which it is remembered
	tableReplayByTime kv.Table = 26 // time digest → empty
	tableEvents       kv.Table = 27 // time random → Event; what an operator should know
	tableQuarantine   kv.Table = 28 // blob → Quarantined; damaged content, kept but not served
	tableSnapshots    kv.Table = 30 // id name → Snapshot
	tableVerified     kv.Table = 29 // blob → time; when the scrubber last found it sound
	tableSamples      kv.Table = 32 // 'c' id day → Sample
	tableOrphans      kv.Table = 31 // blob → Orphan; content that no row named when the collector looked
	tableVersions     kv.Table = 46 // id name · ^version → Object; versions and markers of deletions, newest first
	tableAdminLog     kv.Table = 40 // time random → AdminEntry; who administered what

	tableDepotTarget kv.Table = 53 // user · depot → empty; where a user's new containers go
	tableDepotClaim  kv.Table = 54 // user · depot → empty; depots that a user took into his list
	tableInvitations kv.Table = 55 // user · depot → Invitation; waits for the user's answer
	tableInvited     kv.Table = 56 // depot user → empty; whom a depot invited
	tableDepotCalls  kv.Table = 57 // time random → DepotCall; log of the depot API

	tableFormer    kv.Table = 60 // account · container name · id → time; containers that had the name, for their journals
	tableArchive   kv.Table = 61 // id time hash → Journal records, compressed; the key is that of the last of them
	tableIntegrity kv.Table = 62 // id → Integrity; how the last comparison with the records ended

	tableParts       kv.Table = 65 // list offset → parts of content, see parts.go; offset is that of their first byte
	tablePending     kv.Table = 70 // id store name → Pending; what is to be brought in step in that store; no name: the container's settings
	tableReplicas    kv.Table = 71 // id store → Replica; how the replication of a container into that store stands
	tableUsage       kv.Table = 75 // account · month id → MonthUsage; what containers held day by day, those that are gone included
	tableRestores    kv.Table = 76 // account · ID → Restoration; containers made of snapshots
	tableSnapshotLog kv.Table = 77 // id name · time → SnapshotNote; what was done with a snapshot

	tableThrottle     kv.Table = 33 // counter → Strike; what was counted about wrong passwords
	tableApplications kv.Table = 34 // application → Application
	tableAllowed      kv.Table = 35 // 'g' account · application → Grant; 'c' user · credential → digest
	tableCredentials  kv.Table = 36 // digest → Credential; passwords of applications

	tablePastProps kv.Table = 85 // id path · space · name · epoch chunk → DeadProp; replaced properties that a snapshot still shows, see props_past.go

	tableFreed kv.Table = 80 // 'u' user, 'a' account → time; when a name was last given up, see freed.go
)

// lastTable is the greatest number that a table may have.
const lastTable kv.Table = 99

// CounterTables lists the tables whose rows are counters, for engines that lay
// them out differently.
func CounterTables() []kv.Table { return []kv.Table{tableCounters} }

// Tables lists every table, for tools that walk the whole store.
func Tables() []kv.Table {
	all := make([]kv.Table, 0, lastTable)
	for t := tableMeta; t <= lastTable; t++ {
		if tableName(t) != "" {
			all = append(all, t)
		}
	}
	return all
}

// A CounterKind says what a counter counts.
type CounterKind byte

// The counters. Those of containers are keyed by id, of accounts by name, of
// depots by number; traffic also by month (see TrafficMonth).
const (
	CountContainerObjects CounterKind = 1
	CountContainerBytes   CounterKind = 2
	CountContainerClashes CounterKind = 3 // not zero: a file and a folder may share a name
	CountContainerLocks   CounterKind = 4 // lock rows, expired ones included until swept
	CountContainerTraffic CounterKind = 5
	CountAccountSpaces    CounterKind = 6
	CountAccountObjects   CounterKind = 7
	CountAccountBytes     CounterKind = 8
	CountDepotBytes       CounterKind = 9
	CountDepotTraffic     CounterKind = 10
	CountContainerHistory CounterKind = 11 // bytes of rows that only snapshots show

	CountContainerExpiring CounterKind = 12 // objects with a time to live
	CountContainerMarkers  CounterKind = 60 // objects that only mark folders, see Object.Marks
)

// Queue kinds.
const (
	queueRelease       byte = 1  // unique: blob whose file is to be removed
	queueReap          byte = 2  // unique: id of a detached container whose rows are to be removed
	queueShared        byte = 3  // unique: owner row of a blob that lost it and may have none left; payload: kind of content
	queueHistory       byte = 6  // unique: id of a container that lost a snapshot; payload: row to go on behind
	queueExpireVersion byte = 18 // as queueExpire; unique: id name · ^version
	queueExpire        byte = 4  // unique: id name of an object whose time to live ends when the row is due

	queueAccount byte = 14 // unique: name of a deleted account whose rows are removed when the row is due

	queueParts byte = 30 // unique: list of parts that nothing refers to any more

	queueForget byte = 10 // unique: serial id of an application that was deleted
	queueFreed  byte = 80 // unique: 'u' user · account, 'a' account; due: when the name was given up, and lists may hold it
	// 24 to 29, 34 and 35: see JobKind; unique: the job's name, payload: Job
)

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func key(t kv.Table, row []byte) kv.Key { return kv.Key{Table: t, Row: row} }

// join puts parts behind each other with NUL bytes between them.
func join(parts ...string) []byte {
	n := len(parts) - 1
	for _, p := range parts {
		n += len(p)
	}
	row := make([]byte, 0, n)
	for i, p := range parts {
		if i > 0 {
			row = append(row, 0)
		}
		row = append(row, p...)
	}
	return row
}

// in returns the row of a name or path inside a container.
func in(id uint64, name string) []byte {
	row := make([]byte, 0, 8+len(name))
	return append(binary.BigEndian.AppendUint64(row, id), name...)
}

func metaKey(name string) kv.Key              { return key(tableMeta, []byte(name)) }
func accountKey(name string) kv.Key           { return key(tableAccounts, []byte(name)) }
func userKey(folded string) kv.Key            { return key(tableUsers, []byte(folded)) }
func userOfKey(account, folded string) kv.Key { return key(tableUserOf, join(account, folded)) }
func tokenKey(digest [32]byte) kv.Key         { return key(tableTokens, digest[:]) }
func apiKeyKey(digest [32]byte) kv.Key        { return key(tableKeys, digest[:]) }
func nameKey(account, name string) kv.Key     { return key(tableNames, join(account, name)) }
func containerKey(id uint64) kv.Key           { return key(tableContainers, u64(id)) }
func objectKey(id uint64, name string) kv.Key { return key(tableObjects, in(id, name)) }
func contentKey(b blob.ID) kv.Key             { return key(tableContent, b[:]) }
func depotKey(id uint64) kv.Key               { return key(tableDepots, u64(id)) }
func applicationKey(id string) kv.Key         { return key(tableApplications, []byte(id)) }
func credentialKey(digest [32]byte) kv.Key    { return key(tableCredentials, digest[:]) }
func lockOfKey(token string) kv.Key           { return key(tableLockOf, []byte(token)) }
func replayKey(digest [32]byte) kv.Key        { return key(tableReplay, digest[:]) }

func grantKey(account, application string) kv.Key {
	return key(tableAllowed, join("g"+account, application))
}

func credentialOfKey(folded, id string) kv.Key {
	return key(tableAllowed, join("c"+folded, id))
}

func tokenOfKey(folded string, issue uint64) kv.Key {
	return key(tableTokenOf, append(join(folded, ""), u64(issue)...))
}

func lockKey(id uint64, path, token string) kv.Key {
	return key(tableLocks, append(append(in(id, path), 0), token...))
}

func ownerKey(b blob.ID, owner uint64) kv.Key {
	return key(tableOwners, binary.BigEndian.AppendUint64(bytes.Clone(b[:]), owner))
}

func counterKey(kind CounterKind, of []byte) kv.Key {
	return key(tableCounters, append([]byte{byte(kind)}, of...))
}

func depotOfKey(folded string, depot uint64) kv.Key {
	return key(tableDepotOf, append(join(folded, ""), u64(depot)...))
}

func memberOfKey(folded string, depot uint64) kv.Key {
	return key(tableMemberOf, append(join(folded, ""), u64(depot)...))
}

func depotLogKey(depot, seq uint64) kv.Key {
	return key(tableDepotLog, append(u64(depot), u64(seq)...))
}

func depotSpaceKey(depot, id uint64) kv.Key {
	return key(tableDepotSpaces, append(u64(depot), u64(id)...))
}

func replayTimeKey(until int64, digest [32]byte) kv.Key {
	return key(tableReplayByTime, append(u64(uint64(until)), digest[:]...))
}

func queueKey(kind byte, due Stamp, unique []byte) kv.Key {
	row := append(make([]byte, 0, 9+len(unique)), kind)
	return key(tableQueue, append(binary.BigEndian.AppendUint64(row, uint64(due)), unique...))
}

// expireKey is the row that asks for the removal of an object when its time to
// live, Unix seconds, is over.
func expireKey(id uint64, o *Object) kv.Key {
	return queueKey(queueExpire, Stamp(o.DeleteAt*100_000), in(id, o.Name))
}

// expireVersionKey is the row that asks for the removal of a version when its
// time to live is over.
func expireVersionKey(id uint64, o *Object) kv.Key {
	return queueKey(queueExpireVersion, Stamp(o.DeleteAt*100_000), versionKey(id, o.Name, o.Version).Row)
}

// TrafficMonth returns the key of a month's traffic counter.
func trafficKey(kind CounterKind, of uint64, month uint32) kv.Key {
	return counterKey(kind, binary.BigEndian.AppendUint32(u64(of), month))
}

// Which locks guard which rows
//
//	lock                     guards
//	object (id, name)        the object's row, its history, its versions, its dead
//	                         properties, present and past;
//	                         also those of the folder marker name/, whose writers
//	                         take both locks
//	container (id) exclusive everything in the container: row, objects,
//	                         properties, locks; shared: held by every writer of
//	                         one of its objects, so that tree operations,
//	                         settings, detaching and snapshots exclude them
//	name (account, name)     which container has that name
//	account                  its row, when its name was given up; shared: held by whoever makes a container.
//	                         An account that is marked as deleted gets no new
//	                         containers and users
//	user                     the user's row, when its name was given up, tokens, list of depots and
//	                         application passwords; shared: held by who notes
//	                         that such a password was used
//	application              its row and keys, and what accounts and users allow
//	                         it; shared: held by who writes one of these under
//	                         the lock of its row
//	depot                    its row, members, targets, claims, invitations and
//	                         log, and everything in all its
//	                         containers; its byte counter when the room is
//	                         small; shared: held by whoever makes or changes a
//	                         container in it or writes an object there
//	meta (name)              one sequence; "administrators": that there is one;
//	                         "sampled": what containers held each day; "format":
//	                         everything, for the upgrade before anybody is served
//	restore (account, ID)    its record
//	replay (digest)          that a signed request came already
//	replica (id, store)      how the replication of a container stands; who takes
//	                         it holds the container's lock shared. What is
//	                         pending for a name is guarded by the lock of that
//	                         name, for the settings by that of the container
//
// A writer of an object also holds the shared locks of the names of its
// ancestors without their slash: so "a" and "a/b" cannot both be made by
// callers that each saw the other absent. Rows under a fresh random ID
// (content, lists of parts), rows of the journal, of the administrators' log, queues and
// owners need no lock: nobody else names them. Nor do events, the log of the
// depot API, what is counted about wrong passwords and what is noted about
// content (quarantine, verified, orphans):
// whoever writes such a row last has seen the most. The row of a former container
// is written once, by who detaches it; the archive, by who holds the lock of its
// mark in meta.

// A Guard is a lock that a transaction declares, see above.
type Guard = kv.Lock

// LockContainer returns the lock of a container.
func LockContainer(id uint64, shared bool) Guard {
	return Guard{Key: containerKey(id), Shared: shared}
}

// LockObject returns the exclusive lock of one name in a container.
func LockObject(id uint64, name string) Guard { return Guard{Key: objectKey(id, name)} }

// LockName returns the exclusive lock of one container name of an account.
func LockName(account, name string) Guard { return Guard{Key: nameKey(account, name)} }

// LockAccount returns the lock of an account.
func LockAccount(name string, shared bool) Guard {
	return Guard{Key: accountKey(name), Shared: shared}
}

// LockUser returns the exclusive lock of a user.
func LockUser(name string) Guard { return Guard{Key: userKey(Fold(name))} }

// LockKey returns the exclusive lock of an API key.
func LockKey(digest [32]byte) Guard { return Guard{Key: apiKeyKey(digest)} }

// LockApplication returns the lock of an application.
func LockApplication(id string, shared bool) Guard {
	return Guard{Key: applicationKey(id), Shared: shared}
}

// LockGrant returns the exclusive lock of what an account allows an
// application.
func LockGrant(account, application string) Guard { return Guard{Key: grantKey(account, application)} }

// LockCredential returns the exclusive lock of an application password.
func LockCredential(digest [32]byte) Guard { return Guard{Key: credentialKey(digest)} }

// LockUserShared returns the lock of a user that keeps it from being changed.
func LockUserShared(name string) Guard { return Guard{Key: userKey(Fold(name)), Shared: true} }

// LockDepot returns the lock of a depot.
func LockDepot(id uint64, shared bool) Guard { return Guard{Key: depotKey(id), Shared: shared} }

// LockSequence returns the exclusive lock of a sequence.
func LockSequence(name string) Guard { return Guard{Key: metaKey(sequencePrefix + name)} }

// LockAdministrators returns the lock that whoever takes the last right of an
// administrator away must hold.
func LockAdministrators() Guard { return Guard{Key: metaKey("administrators")} }

// LockReplay returns the exclusive lock of a signed request's digest.
func LockReplay(digest [32]byte) Guard { return Guard{Key: replayKey(digest)} }

// LocksOfWrite returns the locks of a write to one object. With parent the
// name of its parent folder is taken exclusively, for writers that must not
// see a folder vanish between two of them. Names nested deeper than the
// engine's limit of locks take the whole container instead.
func LocksOfWrite(id uint64, name string, parent bool) []Guard {
	locks := []Guard{LockContainer(id, true), LockObject(id, name)}
	trimmed := trimSlash(name)
	for i := 1; i < len(trimmed); i++ {
		if trimmed[i] != '/' {
			continue
		}
		locks = append(locks, Guard{Key: objectKey(id, trimmed[:i]), Shared: true})
		if len(locks) > kv.DefaultLimits.MaxLocks/4 {
			return []Guard{LockContainer(id, false)}
		}
	}
	if parent && len(locks) > 2 {
		locks[len(locks)-1].Shared = false
	}
	if trimmed != name {
		locks = append(locks, LockObject(id, trimmed))
	}
	return locks
}

func trimSlash(name string) string {
	if n := len(name); n > 0 && name[n-1] == '/' {
		return name[:n-1]
	}
	return name
}

// Covers tells whether the held locks permit a write of the row k: the rule
// above as code, for engines that check it in tests.
func Covers(held []Guard, k kv.Key) bool {
	has := func(want kv.Key) bool {
		for _, l := range held {
			if !l.Shared && l.Key.Table == want.Table && bytes.Equal(l.Key.Row, want.Row) {
				return true
			}
		}
		return false
	}
	anyOf := func(t kv.Table) bool {
		for _, l := range held {
			if !l.Shared && l.Key.Table == t {
				return true
			}
		}
		return false
	}
	if has(metaKey(metaFormat)) {
		return true
	}
	switch k.Table {
	case tableContent, tableParts, tableOwners, tableCounters, tableQueue, tableJournal,
		tableFormer, tableArchive, tableIntegrity, tableEvents, tableQuarantine, tableVerified, tableOrphans, tableSamples, tableThrottle, tableAdminLog, tableDepotCalls:
		return true
	case tableFreed:
		return anyOf(tableUsers) || anyOf(tableAccounts)
	case tableObjects, tableHistory, tableVersions, tableProps, tablePastProps, tableLocks, tableSnapshots:
		if has(kv.Key{Table: tableContainers, Row: k.Row[:8]}) || k.Table == tableSnapshots && anyOf(tableDepots) {
			return true
		}
		name, _, _ := bytes.Cut(k.Row[8:], []byte{0})
		id := k.Row[:8:8]
		return has(kv.Key{Table: tableObjects, Row: append(id, name...)}) ||
			has(kv.Key{Table: tableObjects, Row: append(id, bytes.TrimSuffix(name, []byte{'/'})...)})
	case tablePending, tableReplicas:
		return coversReplica(held, k)
	case tableLockOf:
		return anyOf(tableContainers)
	case tableSnapshotLog:
		return has(kv.Key{Table: tableContainers, Row: k.Row[:8]})
	case tableRestores:
		return has(k) || anyOf(tableAccounts)
	case tableUsage:
		return anyOf(tableMeta) || anyOf(tableAccounts)
	case tableTokens, tableTokenOf, tableDepotOf, tableMemberOf, tableUserOf:
		return anyOf(tableUsers) || anyOf(tableDepots)
	case tableAllowed, tableCredentials:
		return has(k) || anyOf(tableApplications) || anyOf(tableUsers) || anyOf(tableAccounts)
	case tableDepotLog, tableInvited:
		return has(kv.Key{Table: tableDepots, Row: k.Row[:8]})
	case tableDepotTarget, tableDepotClaim, tableInvitations:
		return has(kv.Key{Table: tableDepots, Row: k.Row[len(k.Row)-8:]})
	case tableDepotSpaces:
		return has(kv.Key{Table: tableContainers, Row: k.Row[8:]}) || has(kv.Key{Table: tableDepots, Row: k.Row[:8]})
	case tableNames, tableContainers:
		return has(k) || anyOf(tableDepots)
	case tableReplayByTime:
		return anyOf(tableReplay)
	case tableReplay:
		return has(k) || anyOf(tableReplay)
	case tableKeys:
		return has(k) || anyOf(tableApplications)
	}
	return has(k)
}

// coversReplica is Covers of what belongs to the replication of a container.
func coversReplica(held []Guard, k kv.Key) bool {
	container := containerKey(beID(k.Row))
	if k.Table == tablePending && len(k.Row) > 9 {
		return Covers(held, key(tableObjects, append(bytes.Clone(container.Row), k.Row[9:]...)))
	}
	// Who changes a depot writes the records of its containers.
	return Covers(held, container) || slices.ContainsFunc(held, func(l Guard) bool {
		return !l.Shared && l.Key.Table == k.Table && bytes.Equal(l.Key.Row, k.Row)
	})
}
