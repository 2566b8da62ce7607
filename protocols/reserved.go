package protocols

import (
	"net/http"
	"slices"
	"strings"
)

// reservedPrefixes begin the names of headers that the servers of an OpenStack
// Swift or MinIO cluster send each other: settings that no client makes,
// owners, places of updates, states of replication. No door reads them; they
// are taken away before a door could, so that none ever does.
var reservedPrefixes = [...]string{
	"X-Account-Sysmeta-", "X-Container-Sysmeta-", "X-Object-Sysmeta-", "X-Object-Transient-Sysmeta-",
	"X-Backend-", "X-Container-Update-", "X-Replication-", "X-Minio-", "X-Container-Override-", "X-Account-Override-", "X-Object-Override-",
}

// reservedNames are further such headers.
var reservedNames = [...]string{
	"X-Account-Device", "X-Account-Host", "X-Account-Partition", "X-Container-Device", "X-Container-Host",
	"X-Container-Partition", "X-Delete-At-Container", "X-Delete-At-Device", "X-Delete-At-Host", "X-Delete-At-Partition",
	"X-Object-Owner", "X-Container-Owner", "X-Account-Owner", "X-If-Delete-At-Host",
}

// dropReserved removes reserved headers and returns their names, sorted; nil
// for nearly every request.
func dropReserved(h http.Header) (dropped []string) {
	for name := range h {
		if reserved(name) {
			dropped = append(dropped, name)
			delete(h, name)
		}
	}
	slices.Sort(dropped)
	return dropped
}

func reserved(name string) bool {
	if len(name) < 10 || name[0] != 'X' || name[1] != '-' {
		return false
	}
	for _, prefix := range &reservedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains(reservedNames[:], name)
}
