package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual pages.
func (p *program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for every command into a directory",
		Long: "Write a manual page for every command (section 1) into a directory, which is made where it is missing. " +
			"\"man -l DIR/entrepot.1\" shows the first of them.",
		Args: oneArg("directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // the same program writes the same pages
			return doc.GenManTree(root, &doc.GenManHeader{Title: "ENTREPOT", Section: "1", Source: "entrepot " + version(), Manual: "Entrepot"}, args[0])
		},
	}
}
