package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// An answer is what a program says of a rule in one file. A later one is the worse.
type answer int

const (
	silent        answer = iota // it reports nothing, and does not tell a pass from what it did not look at
	notApplicable               // it says that there is nothing to judge, or looks at no object of the file
	pass
	unknown
	info
	fail
	broken // it could not judge
)

func (a answer) String() string {
	return [...]string{"silent", "n/a", "pass", "unknown", "fail (info)", "fail", "error"}[a]
}

// answers to the rules that a program judges.
type answers map[string]answer

// add: a file has the worst of what is said of its objects.
func (all answers) add(rule string, answer answer) { all[rule] = max(all[rule], answer) }

// A program reads manifests and says what is wrong with them.
type program struct {
	name, version string
	command       []string
	read          func(output []byte) (answers, error)
	// Of the rules that it has no check for nothing is said.
	checks map[string]bool
}

// ask runs the program on one file.
func (p program) ask(path string) (answers, error) {
	words := make([]string, len(p.command))
	for i, word := range p.command {
		words[i] = strings.ReplaceAll(word, "FILE", path)
	}
	command := exec.Command(words[0], words[1:]...)
	var output, problems bytes.Buffer
	command.Stdout, command.Stderr = &output, &problems
	// All of them exit with another code than 0 when they find something.
	var code *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &code) {
		return nil, err
	}
	answers, err := p.read(output.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, output.String(), problems.String())
	}
	return answers, nil
}

func programs() ([]program, error) {
	score, err := build("../../tests/rig/kube-score", "github.com/zegl/kube-score", "cmd/kube-score")
	if err != nil {
		return nil, err
	}
	gator, err := build("gator", "github.com/open-policy-agent/gatekeeper/v3", "cmd/gator")
	if err != nil {
		return nil, err
	}
	kyverno, err := build("kyverno", "github.com/kyverno/kyverno", "cmd/cli/kubectl-kyverno")
	if err != nil {
		return nil, err
	}
	ours := []string{"cargo", "run", "-q", "--bin", "plimsoll", "--"}
	if path := os.Getenv("PLIMSOLL_BINARY"); path != "" {
		ours = []string{path}
	}
	return []program{
		{"Plimsoll", "", append(ours, "check", "-o", "json", "FILE"), readPlimsoll, set(rules)},
		{"kube-score", score.version, []string{
			score.path, "score", "-o", "json", "--ignore-container-cpu-limit", "FILE",
		}, readKubeScore, set(slices.Collect(maps.Keys(scored)))},
		{"gator", gator.version, []string{
			gator.path, "test", "-o", "json", "-f", "policies/gator", "-f", "FILE",
		}, readGator, policies("gator")},
		{"Kyverno", kyverno.version, []string{
			kyverno.path, "apply", "policies/kyverno", "-r", "FILE", "-r", "policies/elsewhere.yaml",
			"--policy-report", "--output-format", "json",
		}, readKyverno, policies("kyverno")},
	}, nil
}

func set(words []string) map[string]bool {
	all := map[string]bool{}
	for _, word := range words {
		all[word] = true
	}
	return all
}

// policies are the rules for which an engine has been given a policy.
func policies(engine string) map[string]bool {
	all := map[string]bool{}
	for _, rule := range rules {
		_, err := os.Stat(filepath.Join("policies", engine, rule+".yaml"))
		all[rule] = err == nil
	}
	return all
}

type binary struct{ path, version string }

// build builds the command of a pinned module into the cache, unless it is there.
func build(folder, module, command string) (binary, error) {
	pins, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return binary{}, err
	}
	_, rest, _ := strings.Cut(string(pins), module+" v")
	version, _, _ := strings.Cut(rest, "\n")
	version, _, _ = strings.Cut("v"+version, " ")
	sums, err := os.ReadFile(filepath.Join(folder, "go.sum"))
	if err != nil {
		return binary{}, err
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return binary{}, err
		}
		cache = filepath.Join(home, ".cache")
	}
	state := fnv.New64a()
	state.Write(pins)
	state.Write(sums)
	path := filepath.Join(cache, "plimsoll", "peers", fmt.Sprintf("%016x", state.Sum64()), filepath.Base(command))
	if _, err := os.Stat(path); err == nil {
		return binary{path, version}, nil
	}
	fmt.Fprintf(os.Stderr, "building %s %s, once …\n", filepath.Base(command), version)
	part := path + ".part"
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", part,
		module+"/"+command)
	build.Dir, build.Stderr = folder, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if err := build.Run(); err != nil {
		return binary{}, fmt.Errorf("building %s: %w", command, err)
	}
	return binary{path, version}, os.Rename(part, path)
}

// readPlimsoll reads `check -o json`.
func readPlimsoll(output []byte) (answers, error) {
	var report struct {
		Workloads []struct {
			Checks []struct{ Rule, Status, Severity string }
		}
		Errors []any
	}
	if err := json.Unmarshal(output, &report); err != nil {
		return nil, err
	}
	all := answers{}
	for _, workload := range report.Workloads {
		for _, check := range workload.Checks {
			switch check.Status {
			case "fail":
				if check.Severity == "info" {
					all.add(check.Rule, info)
				} else {
					all.add(check.Rule, fail)
				}
			case "unknown":
				all.add(check.Rule, unknown)
			case "pass":
				all.add(check.Rule, pass)
			case "notApplicable":
				all.add(check.Rule, notApplicable)
			default:
				return nil, fmt.Errorf("what is a status %q?", check.Status)
			}
		}
	}
	if len(report.Errors) > 0 {
		return nil, fmt.Errorf("it cannot read all of it: %v", report.Errors)
	}
	for _, rule := range rules {
		all.add(rule, notApplicable)
	}
	return all, nil
}

// scored is where kube-score judges what a rule does: some of its checks, and in them the comments that name this
// (none: the check's grade).
var scored = map[string]struct {
	checks   []string
	comments []string
}{
	"memory-limit":      {[]string{"container-resources"}, []string{"Memory limit is not set"}},
	"resource-requests": {[]string{"container-resources"}, []string{"CPU request is not set", "Memory request is not set"}},
	"min-replicas":      {[]string{"deployment-replicas", "horizontalpodautoscaler-replicas"}, nil},
	"pod-spread":        {[]string{"deployment-has-host-podantiaffinity", "statefulset-has-host-podantiaffinity"}, nil},
	"pdb-missing":       {[]string{"deployment-has-poddisruptionbudget", "statefulset-has-poddisruptionbudget"}, nil},
	"pdb-blocks-drain":  {[]string{"poddisruptionbudget-has-policy"}, nil},
	"readiness-probe":   {[]string{"pod-probes"}, []string{"Container is missing a readinessProbe"}},
	"rollout-strategy":  {[]string{"deployment-strategy"}, nil},
	"autoscaler-conflict": {[]string{"deployment-targeted-by-hpa-does-not-have-replicas-configured",
		"horizontalpodautoscaler-has-target"}, nil},
}

// readKubeScore reads `score -o json`. Its grades are 1 critical, 5 warning, 7 almost ok, 10 ok.
func readKubeScore(output []byte) (answers, error) {
	type check struct {
		Check    struct{ ID string }
		Grade    int
		Skipped  bool
		Comments []struct{ Summary string }
	}
	var objects []struct{ Checks []check }
	if err := json.Unmarshal(output, &objects); err != nil {
		return nil, err
	}
	judged := func(check check, comments []string) answer {
		switch {
		case check.Skipped:
			return notApplicable
		case comments == nil && check.Grade <= 5:
			return fail
		}
		for _, comment := range check.Comments {
			if slices.Contains(comments, comment.Summary) {
				return fail
			}
		}
		return pass
	}
	all := answers{}
	for rule, where := range scored {
		all.add(rule, notApplicable)
		for _, object := range objects {
			for _, check := range object.Checks {
				if slices.Contains(where.checks, check.Check.ID) {
					all.add(rule, judged(check, where.comments))
				}
			}
		}
	}
	return all, nil
}

// readGator reads `test -o json`: violations, and nothing of what has none.
func readGator(output []byte) (answers, error) {
	var violations []struct {
		Constraint struct {
			Metadata struct{ Name string }
		}
	}
	if err := json.Unmarshal(output, &violations); err != nil {
		return nil, err
	}
	all := answers{}
	for _, violation := range violations {
		all.add(violation.Constraint.Metadata.Name, fail)
	}
	return all, nil
}

// readKyverno reads the report of `apply --policy-report`, which is preceded by lines for people.
func readKyverno(output []byte) (answers, error) {
	begin := bytes.IndexByte(output, '{')
	if begin < 0 {
		return nil, errors.New("no report")
	}
	var report struct {
		Results []struct {
			Policy, Result string
			Resources      []struct{ Namespace string }
		}
	}
	if err := json.NewDecoder(bytes.NewReader(output[begin:])).Decode(&report); err != nil {
		return nil, err
	}
	all := answers{}
	for _, rule := range rules {
		all.add(rule, notApplicable)
	}
	words := map[string]answer{"pass": pass, "fail": fail, "skip": notApplicable, "error": broken}
	for _, result := range report.Results {
		answer, known := words[result.Result]
		if !known {
			return nil, fmt.Errorf("what is a result %q?", result.Result)
		}
		if len(result.Resources) == 1 && result.Resources[0].Namespace == "elsewhere" {
			continue
		}
		all.add(result.Policy, answer)
	}
	return all, nil
}
