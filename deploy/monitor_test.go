package deploy

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v4"
)

// queries are those of the dashboard and of the alert rules, by where they stand.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content(t, "grafana/mlq.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found[p.Title+": "+target.Expr] = target.Expr
		}
	}
	for _, r := range rules(t) {
		found[r.Alert] = r.Expr
	}
	return found
}

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content(t, "prometheus/mlq.rules.yml"))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every query can be read, and names metrics and labels that docs/reference.md
// has, which api.TestMetricsAreDocumented holds to those of a real server.
func TestQueriesNameRealMetrics(t *testing.T) {
	labels := documented(t)
	all := queries(t)
	if len(all) < 25 {
		t.Errorf("only %d queries", len(all))
	}
	for where, q := range all {
		expr, err := metricsql.Parse(strings.ReplaceAll(strings.ReplaceAll(q, "$instance", "i"), "$host", "h"))
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for _, metric := range metricsIn(expr) {
			have, ok := labels[metric.name]
			if !ok {
				t.Errorf("%s: there is no metric %s", where, metric.name)
			}
			for _, l := range metric.labels {
				if !slices.Contains(have, l) {
					t.Errorf("%s: %s has no label %s, but %v", where, metric.name, l, have)
				}
			}
		}
	}
}

type used struct {
	name   string
	labels []string
}

func metricsIn(e metricsql.Expr) (list []used) {
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			var u used
			for _, f := range filters {
				if f.Label == "__name__" {
					u.name = f.Value
				} else {
					u.labels = append(u.labels, f.Label)
				}
			}
			list = append(list, u)
		}
	})
	return list
}

// documented are the metrics of docs/reference.md with their labels, and what
// Prometheus itself adds.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	own := []string{"instance", "job"}
	all := map[string][]string{"up": own}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:mlq_|DCGM_)[A-Za-z_]+)(?:\\{([A-Za-z_,]+)\\})?` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(content(t, "../docs/reference.md")), -1) {
		labels := append(strings.Split(row[2], ","), own...)
		all[row[1]] = labels
		if row[3] == "histogram" {
			all[row[1]+"_bucket"] = append(labels, "le")
		}
	}
	return all
}

// Each alert has its part of docs/monitoring.md, and each metric its row there.
func TestPageSaysWhatToDo(t *testing.T) {
	page := string(content(t, "../docs/monitoring.md"))
	for _, r := range rules(t) {
		if !strings.Contains(page, "\n### "+r.Alert+"\n") {
			t.Errorf("docs/monitoring.md says nothing of %s", r.Alert)
		}
		if want := "docs/monitoring.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s: %v %v", r.Alert, r.Annotations, r.Labels)
		}
	}
	for name := range documented(t) {
		if name != "up" && !strings.HasSuffix(name, "_bucket") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/monitoring.md says nothing of %s", name)
		}
	}
}
