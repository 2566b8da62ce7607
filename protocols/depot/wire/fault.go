package wire

import "strconv"

// A Fault is a refusal in the words of the API: a primary code, which decides
// the message, and a secondary code where several causes share a primary one;
// 0 is none.
type Fault struct {
	Primary, Secondary int
}

// The primary codes that the gateway answers with. Those from -30000 to -30003
// and from -30301 on are of the Host Server 3.0.013.5, the others of the
// Registration Server; InternalError lies in the documented range of engine
// errors.
const (
	AccessDenied     = -30000
	InvalidCommand   = -30001
	InvalidRequest   = -30002
	InvalidXML       = -30003
	UnknownUser      = -30100
	NotActivated     = -30102
	BadLocation      = -30112
	ProviderNotFound = -30114
	NoDepotForUser   = -30301
	DepotMismatch    = -30302
	SpaceMismatch    = -30303
	IncreasingFailed = -30304
	DecreasingFailed = -30305
	InvalidStorage   = -30306
	InternalError    = -20000
)

// Secondary codes of InvalidRequest.
const (
	ChecksumMissing  = 1
	ChecksumWrong    = 2
	TimeMissing      = 3 // or no integer
	TimeOutside      = 4 // of the window
	Replayed         = 5
	WrongShape       = 6 // root, structure, number or type of parameters
	GivenTwice       = 7
	ParameterMissing = 8 // or empty
	ParameterInvalid = 9
	ParameterTooLong = 10
)

// Secondary codes of InvalidXML.
const (
	NotWellFormed  = 1 // also invalid UTF-8 and forbidden characters
	HasDirective   = 2 // DOCTYPE or any other <!…>
	WrongEncoding  = 3 // or version
	OutsideRoot    = 4 // content outside the root, or no root
	LimitsExceeded = 5
)

var messages = map[int]string{
	AccessDenied:     "Access denied",
	InvalidCommand:   "Invalid Command",
	InvalidRequest:   "Invalid Request",
	InvalidXML:       "Invalid XML",
	UnknownUser:      "Username does not exists", // as the original spells it
	NotActivated:     "Account not Activated by activation mail",
	BadLocation:      "Invalid location",
	ProviderNotFound: "Provider not found",
	NoDepotForUser:   "No Depot for User",
	DepotMismatch:    "Depot-ID does not match",
	SpaceMismatch:    "Space-ID does not match",
	IncreasingFailed: "Increasing Depot failed",
	DecreasingFailed: "Decreasing Depot failed",
	InvalidStorage:   "Invalid storage limit",
	InternalError:    "Internal Error",
}

// Message returns the text that belongs to the primary code.
func (f Fault) Message() string { return messages[f.Primary] }

// Error describes the fault for the log: "Invalid Request (2)".
func (f Fault) Error() string {
	if f.Secondary == 0 {
		return f.Message()
	}
	return f.Message() + " (" + strconv.Itoa(f.Secondary) + ")"
}

// notXML and badRequest make the two faults of this package.
func notXML(secondary int) error     { return Fault{InvalidXML, secondary} }
func badRequest(secondary int) error { return Fault{InvalidRequest, secondary} }
