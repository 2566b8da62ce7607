package main

import (
	"fmt"
	"io"
	"strings"
)

// A column is what one peer reached in each row.
type column struct {
	name  string
	cells []string
}

// A table is the outcome.
type table struct {
	rows    []string
	columns []column
	missing []string
}

// print writes the table in Markdown.
func (t *table) print(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| work |")
	for _, c := range t.columns {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(t.columns)) + "\n")
	for i, row := range t.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, c := range t.columns {
			fmt.Fprintf(&b, " %s |", c.cells[i])
		}
		b.WriteString("\n")
	}
	for _, m := range t.missing {
		fmt.Fprintf(&b, "\nNot measured: %s.\n", m)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
