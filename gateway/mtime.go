package gateway

import (
	"strconv"
	"strings"
	"time"

	"entrepot/store"
)

// propMtime is the property in which Swift's clients keep the user-visible
// modification time, in seconds since the Unix epoch.
const propMtime = "mtime"

// setModified settles the user-visible modification time: the one given, else
// the one that the properties hold, else that of the write.
func setModified(o *store.Object, given time.Time) {
	if !given.IsZero() {
		o.Modified = store.StampOf(given)
		if o.Properties == nil {
			o.Properties = make(map[string]string)
		}
		o.Properties[propMtime] = formatSeconds(given)
		return
	}
	o.Modified = parseSeconds(o.Properties[propMtime])
}

// formatSeconds writes a time as seconds since the epoch, with a fraction only
// when there is one.
func formatSeconds(t time.Time) string {
	text := strconv.FormatInt(t.Unix(), 10)
	if us := t.Nanosecond() / 1000; us != 0 {
		text += "." + strconv.Itoa(1_000_000 + us)[1:]
	}
	return text
}

// parseSeconds reads a time as formatSeconds and Swift's clients write it; 0
// for anything else.
func parseSeconds(text string) store.Stamp {
	if text == "" {
		return 0 // as for most objects, at no cost
	}
	whole, frac, _ := strings.Cut(strings.TrimSpace(text), ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < -1<<40 || sec > 1<<40 {
		return 0
	}
	ticks, err := strconv.ParseInt((frac + "00000")[:5], 10, 64)
	if err != nil || ticks < 0 {
		return 0
	}
	if strings.HasPrefix(whole, "-") {
		ticks = -ticks
	}
	return store.Ticks(sec*100_000 + ticks)
}
