//go:build race

package clients_test

// raceDetector tells whether the tests, and so the program, are built with the
// race detector.
const raceDetector = true
