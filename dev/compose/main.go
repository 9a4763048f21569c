// Reads Compose files as Docker Compose does, by its own library, and prints the project as JSON.
//
//	compose FILE...
//
// Variables come from the environment. Exit status 1, and the reason, for what Compose would refuse.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := print(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func print(files []string) error {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithName("switchgear"), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	written, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(written)
	return err
}
