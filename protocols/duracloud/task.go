package duracloud

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// maxTask bounds the parameters of a task, in bytes.
const maxTask = 64 << 10

// A task does one thing and returns what is sent back: text, or a value as
// JSON.
type task struct {
	name  string
	needs string // the parameter without which it cannot run: spaceId, snapshotId or ""
	run   func(f *Face, r *http.Request, c *call, p taskParams) (any, error)
}

// taskParams are the parameters that tasks take.
type taskParams struct {
	SpaceID     string `json:"spaceId"`
	Description string `json:"description"`
	SnapshotID  string `json:"snapshotId"`
	Prefix      string `json:"prefix"`
	PageNumber  int    `json:"pageNumber"`
	PageSize    int    `json:"pageSize"`
	Status      string `json:"status"`
	StoreIDs    []int  `json:"storeIds"`
	Default     bool   `json:"default"`
	Adopt       bool   `json:"adopt"`
	UserEmail   string `json:"userEmail"`
	RestoreID   string `json:"restoreId"`
	// DaysToExpire is a number, or text that is one, as the snapshot bridge
	// has sent it.
	DaysToExpire json.Number `json:"daysToExpire"`
}

// tasks are the tasks that there are, in the order in which they are listed.
func tasks() []task {
	return []task{
		{"noop", "", func(*Face, *http.Request, *call, taskParams) (any, error) { return "Success", nil }},
		{"verify-space", "spaceId", (*Face).verifySpace},
		{"create-snapshot", "spaceId", (*Face).createSnapshot},
		{"get-snapshot", "snapshotId", (*Face).getSnapshot},
		{"get-snapshots", "", (*Face).getSnapshots},
		{"get-snapshots-totals", "", (*Face).getSnapshotTotals},
		{"get-snapshot-contents", "snapshotId", (*Face).getSnapshotContents},
		{"get-snapshot-history", "snapshotId", (*Face).getSnapshotHistory},
		{"restart-snapshot", "snapshotId", (*Face).restartSnapshot},
		{"cleanup-snapshot", "spaceId", (*Face).cleanupSnapshot},
		{"complete-snapshot", "spaceId", (*Face).completeSnapshot},
		{"complete-cancel-snapshot", "spaceId", (*Face).completeCancel},
		{"request-restore-snapshot", "snapshotId", (*Face).requestRestore},
		{"restore-snapshot", "snapshotId", (*Face).restoreSnapshot},
		{"get-restore", "", (*Face).getRestore},
		{"complete-restore", "spaceId", (*Face).completeRestore},
		{"set-replication", "spaceId", (*Face).setReplication},
		{"get-replication", "spaceId", (*Face).getReplication},
	}
}

// taskStore finds the store that a task is about.
func (f *Face) taskStore(c *call) (account string, info gateway.StoreInfo, err error) {
	id := c.storeID()
	if account, info, err = f.spaces.Store(c.account, id); err != nil {
		err = refuse(http.StatusNotFound, "No store exists with ID %s", id)
	}
	return account, info, err
}

// getTasks lists the tasks, as XStream writes lists.
func (f *Face) getTasks(w http.ResponseWriter, r *http.Request, c *call) error {
	if _, err := f.spaces.Stores(r.Context(), c.account); err != nil {
		return err
	}
	if _, _, err := f.taskStore(c); err != nil {
		return err
	}
	b := []byte("<list>\n")
	for _, t := range tasks() {
		b = append(append(append(b, "  <string>"...), t.name...), "</string>\n"...)
	}
	writeBody(w, r, http.StatusOK, xmlType, append(b, "</list>"...))
	return nil
}

// postTask runs a task. Whoever does not belong to the account learns nothing
// of the tasks.
func (f *Face) postTask(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := f.spaces.MayRunTasks(r.Context(), c.account, classOf(c.item)); err != nil {
		return err
	}
	i := slices.IndexFunc(tasks(), func(t task) bool { return t.name == c.item })
	if i < 0 {
		return refuse(http.StatusBadRequest, "%s is not a supported task.", c.item)
	}
	if _, _, err := f.taskStore(c); err != nil {
		return err
	}
	params, err := readTask(r.Body)
	if err != nil {
		return err
	}
	if needs := tasks()[i].needs; needs == "spaceId" && params.SpaceID == "" || needs == "snapshotId" && params.SnapshotID == "" {
		return refuse(http.StatusBadRequest, "The task %s needs the parameter %s", c.item, needs)
	}
	result, err := tasks()[i].run(f, r, c, params)
	if err != nil {
		return taskFailed(c.item, err)
	}
	text, ok := result.(string)
	if !ok {
		b, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		text = string(b)
	}
	writeText(w, r, http.StatusOK, text)
	return nil
}

// classOf says who may run a task, those of DuraStore included that there are
// not here.
func classOf(task string) gateway.TaskClass {
	switch task {
	case "get-snapshot", "get-snapshots", "get-snapshot-history", "get-snapshot-contents", "get-restore", "get-url", "get-signed-url":
		return gateway.TaskOfUsers
	case "restore-snapshot", "restore-content", "set-storage-policy":
		return gateway.TaskOfAdmins
	}
	return gateway.TaskOfOwners
}

// taskFailed says which task failed.
func taskFailed(name string, err error) error {
	var wire *refusal
	if k := errs.Of(err); k == errs.Forbidden || k == errs.Unauthenticated || errors.As(err, &wire) {
		return err
	}
	return &failure{attempt: "Error attempting to perform the task " + name, err: err}
}

// readTask reads the parameters of a task: a JSON object, or nothing.
func readTask(body io.Reader) (p taskParams, err error) {
	b, err := io.ReadAll(io.LimitReader(body, maxTask+1))
	switch {
	case err != nil:
		return p, errs.Wrap("duracloud.task", errs.Incomplete, "", err)
	case len(b) > maxTask:
		return p, errs.New("duracloud.task", errs.TooLarge, "", "The parameters of a task have at most 64 KiB")
	case strings.TrimSpace(string(b)) == "":
		return p, nil
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, refuse(http.StatusBadRequest, "The parameters of the task are not a JSON object that it understands")
	}
	return p, nil
}

// verifySpace has the content of a space compared with its records.
func (f *Face) verifySpace(r *http.Request, c *call, p taskParams) (any, error) {
	account, _, err := f.taskStore(c)
	if err != nil {
		return nil, err
	}
	if err := f.spaces.RequestVerify(r.Context(), gateway.Ref{Account: account, Container: p.SpaceID}); err != nil {
		if errs.ReasonOf(err) == errs.NoContainer {
			return nil, refuse(http.StatusNotFound, "Space with ID %s does not exist", p.SpaceID)
		}
		return nil, err
	}
	return "The space " + p.SpaceID + " is going to be verified; see /bit-integrity/" + p.SpaceID, nil
}

// serveCookies is the resource of streaming services, of which there are none:
// whoever asks.
func (f *Face) serveCookies(w http.ResponseWriter, r *http.Request) {
	httpkit.EventOf(r.Context()).Face = "duracloud"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		f.fail(w, r, notAllowed("GET, HEAD"))
		return
	}
	f.fail(w, r, refuse(http.StatusNotFound, "Token not found"))
}
