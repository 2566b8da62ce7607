package duracloud

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// reportResource finds what is below /report: "space/{space}", "store" and
// "store/{day}". name is the last part.
func reportResource(rest string) (res resource, name string) {
	what, name, deeper := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	switch {
	case strings.Contains(name, "/"):
	case what == "space" && name != "":
		return reader("spaces.ReportSpace", (*Face).getSpaceReport), name
	case what == "store" && !deeper:
		return reader("spaces.ReportStore", (*Face).getStoreReport), ""
	case what == "store" && name != "":
		return reader("spaces.ReportDay", (*Face).getDayReport), name
	case rest == "":
		return resource{}, ""
	}
	return nil, ""
}

// A usageRow is a row of a report as it is sent.
type usageRow struct {
	Timestamp   int64  `json:"timestamp"`
	AccountID   string `json:"accountId"`
	SpaceID     string `json:"spaceId,omitempty"`
	StoreID     string `json:"storeId"`
	ByteCount   int64  `json:"byteCount"`
	ObjectCount int64  `json:"objectCount"`
}

// epochMillis reads a time in milliseconds since 1970; def where text is empty.
// Times before 1970 count as its beginning.
func epochMillis(text string, def time.Time) (time.Time, error) {
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, refuse(http.StatusBadRequest, "Unable to parse date: %s. Input value must be in epoch milliseconds.", text)
	}
	return time.UnixMilli(min(max(n, 0), lastMilli)).UTC(), nil
}

// lastMilli stands for all times behind it: no sample is as late.
const lastMilli = math.MaxInt64 / int64(time.Millisecond)

// A reportQuery is what a request for a report asks for.
type reportQuery struct {
	from, to time.Time
	ref      gateway.Ref
	store    string
	group    gateway.Grouping
}

// report reads a request for a report. The grouping is judged by grouping,
// after the space: DuraStore looks in that order.
func (f *Face) report(c *call) (q reportQuery, err error) {
	if q.from, err = epochMillis(c.query.Get("start"), time.UnixMilli(0)); err != nil {
		return q, err
	}
	if q.to, err = epochMillis(c.query.Get("end"), f.now()); err != nil {
		return q, err
	}
	id := c.storeID()
	account, info, err := f.spaces.Store(c.account, id)
	if err != nil {
		return q, refuse(http.StatusNotFound, "Store id (%s) is not associated with this account.", id)
	}
	q.ref, q.store = gateway.Ref{Account: account, Container: c.space}, strconv.Itoa(info.ID)
	q.group = gateway.Grouping(strings.ToLower(c.query.Get("groupBy")))
	if q.group == "" {
		q.group = gateway.ByDay
	}
	return q, nil
}

func (q *reportQuery) grouping(c *call) error {
	if q.group.Valid() {
		return nil
	}
	return refuse(http.StatusBadRequest, "%s is not a valid value for the groupBy parameter. "+
		"You must specify one of the following values: day,week,month", c.query.Get("groupBy"))
}

// getSpaceReport tells what a space held over time.
func (f *Face) getSpaceReport(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := f.report(c)
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	list, err := f.spaces.ReportSpace(r.Context(), q.ref, q.from, q.to, q.group)
	if errs.Of(err) == errs.NotFound {
		return refuse(http.StatusNotFound, "The space was not found: %s", c.space)
	}
	if err == nil {
		err = q.grouping(c)
	}
	if err != nil {
		return err
	}
	return writeReport(w, r, c, q.store, list, endOfDay)
}

// getStoreReport tells what a store held over time.
func (f *Face) getStoreReport(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := f.report(c)
	if err != nil {
		return rightsFirst(f.spaces.MayReport(r.Context(), c.account), err)
	}
	list, err := f.spaces.ReportStore(r.Context(), q.ref.Account, q.from, q.to, q.group)
	if err == nil {
		err = q.grouping(c)
	}
	if err != nil {
		return err
	}
	return writeReport(w, r, c, q.store, list, endOfDay)
}

// getDayReport tells what each space of a store held on one day.
func (f *Face) getDayReport(w http.ResponseWriter, r *http.Request, c *call) error {
	day, err := epochMillis(c.space, time.Time{})
	var q reportQuery
	if err == nil {
		q, err = f.report(c)
	}
	if err != nil {
		return rightsFirst(f.spaces.MayReport(r.Context(), c.account), err)
	}
	list, err := f.spaces.ReportDay(r.Context(), q.ref.Account, day)
	if err != nil {
		return err
	}
	return writeReport(w, r, c, q.store, list, 0)
}

// endOfDay is from the day of a row to the moment that stands for it.
const endOfDay = 24*time.Hour - time.Second

func writeReport(w http.ResponseWriter, r *http.Request, c *call, store string, list []gateway.Usage, moment time.Duration) error {
	rows := make([]usageRow, len(list))
	for i, u := range list {
		rows[i] = usageRow{
			Timestamp: u.Day.Add(moment).UnixMilli(), AccountID: c.account, SpaceID: u.Space, StoreID: store,
			ByteCount: u.Bytes, ObjectCount: u.Items,
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	writeBody(w, r, http.StatusOK, "application/json", body)
	return nil
}
