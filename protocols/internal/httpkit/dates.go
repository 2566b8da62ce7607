package httpkit

import (
	"net/http"
	"time"
)

// Dates are in every row of a listing, and time.Time.AppendFormat reads its
// layout anew for each. These write the two forms that listings have, for the
// years 0 to 9999; other years take the general way.

// layoutDateTime is ISO 8601's form to the second, without a zone.
const layoutDateTime = "2006-01-02T15:04:05"

// AppendHTTPDate appends t as an HTTP date (RFC 9110 section 5.6.7), rounded
// down to the second.
func AppendHTTPDate(b []byte, t time.Time) []byte {
	var d civil
	if !d.set(t.Unix()) {
		return t.UTC().AppendFormat(b, http.TimeFormat)
	}
	const days, months = "ThuFriSatSunMonTueWed", "JanFebMarAprMayJunJulAugSepOctNovDec" // the epoch was a Thursday
	b = append(b, "ddd, 00 mmm 0000 00:00:00 GMT"...)
	p := b[len(b)-len(http.TimeFormat):]
	three(p, days[3*d.weekday:])
	two(p[5:], d.day)
	three(p[8:], months[3*d.month-3:])
	two(p[12:], d.year/100)
	two(p[14:], d.year%100)
	d.clock(p[17:])
	return b
}

// HTTPDate returns what AppendHTTPDate appends.
func HTTPDate(t time.Time) string {
	var room [len(http.TimeFormat)]byte
	return string(AppendHTTPDate(room[:0], t))
}

// AppendDateTime appends t in UTC as 2006-01-02T15:04:05, rounded down to the
// second.
func AppendDateTime(b []byte, t time.Time) []byte {
	var d civil
	if !d.set(t.Unix()) {
		return t.UTC().AppendFormat(b, layoutDateTime)
	}
	b = append(b, "0000-00-00T00:00:00"...)
	p := b[len(b)-len(layoutDateTime):]
	two(p, d.year/100)
	two(p[2:], d.year%100)
	two(p[5:], d.month)
	two(p[8:], d.day)
	d.clock(p[11:])
	return b
}

// A civil is a second of the Gregorian calendar in UTC.
type civil struct {
	year, month, day uint32
	weekday          uint32 // days since the last Thursday
	second           uint32 // of the day
}

// Seconds since 1970 at the beginning of the years 0 and 10000.
const (
	beginOfYear0     = -62_167_219_200
	beginOfYear10000 = 253_402_300_800
)

// set takes seconds since 1970; false where their year has not four digits.
//
// The calendar repeats after 400 years of 146,097 days. Counted from the first
// of March, leap days come at the end of years, and five months in a row have
// 153 days.
func (d *civil) set(unix int64) bool {
	if unix < beginOfYear0 || unix >= beginOfYear10000 {
		return false
	}
	const daySeconds, era, marchOf0 = 86_400, 146_097, 60 // days from the first of January of the year 0 to its March
	since := uint64(unix - beginOfYear0)
	days := uint32(since / daySeconds)
	d.second = uint32(since % daySeconds)
	d.weekday = (days + 2) % 7 // the year 0 began on a Saturday
	days += era - marchOf0     // one era earlier, so that nothing is negative
	n := days % era
	yearOfEra := (n - n/1460 + n/36_524 - n/146_096) / 365
	n -= 365*yearOfEra + yearOfEra/4 - yearOfEra/100
	fromMarch := (5*n + 2) / 153
	d.day = n - (153*fromMarch+2)/5 + 1
	d.month = fromMarch + 3
	d.year = days/era*400 + yearOfEra - 400
	if d.month > 12 {
		d.month -= 12
		d.year++
	}
	return true
}

// clock writes the time of day as 15:04:05.
func (d *civil) clock(p []byte) {
	two(p, d.second/3600)
	two(p[3:], d.second/60%60)
	two(p[6:], d.second%60)
}

// two writes a number below 100 in two digits.
func two(p []byte, n uint32) {
	_ = p[1]
	p[0], p[1] = '0'+byte(n/10), '0'+byte(n%10)
}

// three copies three bytes.
func three(p []byte, s string) {
	_, _ = p[2], s[2]
	p[0], p[1], p[2] = s[0], s[1], s[2]
}
