package pgtest

// ErrMissing is the error of New where no server is installed.
var ErrMissing = errMissing
