package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rules are those that a fixture may ask about, in the order of the document.
var rules = []string{
	"memory-limit", "resource-requests", "min-replicas", "pod-spread", "pdb-missing", "pdb-blocks-drain", "pdb-overlap",
	"readiness-probe", "rollout-strategy", "autoscaler-conflict",
}

// A fixture is a file of manifests whose first two lines say what it shows and which rules it asks about.
type fixture struct {
	path, title string
	asks        []string
}

func readFixtures(folder string) ([]fixture, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []fixture
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		lines := strings.SplitN(string(text), "\n", 3)
		title, titled := strings.CutPrefix(lines[0], "# ")
		asks, asking := strings.CutPrefix(lines[1], "# asks: ")
		if !titled || !asking {
			return nil, fmt.Errorf("%s does not begin with a title and what it asks", path)
		}
		fixture := fixture{path, title, strings.Fields(asks)}
		for _, rule := range fixture.asks {
			if !slices.Contains(rules, rule) {
				return nil, fmt.Errorf("%s asks about %q, which is no rule that is compared", path, rule)
			}
		}
		all = append(all, fixture)
	}
	return all, nil
}
