package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 20: 1, 50: 3, 99: 5, 100: 5} {
		if got := Percentile(values, p); got != want {
			t.Errorf("Percentile(%v) = %v, want %v", p, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("Percentile sorted its argument")
	}
}

func TestSamplesSurviveTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples.jsonl")
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	for rep, value := range []float64{3, 1, 2} {
		if err := w.Add(Sample{Figure: "T6", Metric: "m", Unit: "bytes", Subject: MLQ, Rep: rep + 1, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	samples, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	sums := Summarise(samples)
	if len(sums) != 1 || sums[0].Median != 2 || sums[0].Low != 1 || sums[0].High != 3 || sums[0].Reps != 3 {
		t.Errorf("summary = %+v", sums)
	}
}

func TestReadRefusesABrokenLine(t *testing.T) {
	if _, err := Read(strings.NewReader("{\"figure\":\"T1\"}\n{")); err == nil || !strings.Contains(err.Error(), "sample 2") {
		t.Errorf("err = %v, want one that names sample 2", err)
	}
}

func TestMarkdownSaysByHowMuchATargetIsMissed(t *testing.T) {
	const p50, enqueue = "submit to result, p50", "enqueue, 64 connections"
	sums := Summarise([]Sample{
		{Figure: "T10", Metric: "other", Unit: "ms", Subject: MLQ, Value: 1},
		{Figure: "T3", Metric: enqueue, Unit: "/s", Subject: MLQ, Value: 5_000},
		{Figure: "T3", Metric: enqueue, Unit: "/s", Subject: ChiScript, Value: 8_000},
		{Figure: "T1", Metric: p50, Unit: "ms", Subject: MLQ, Value: 3},
		{Figure: "T1", Metric: p50, Unit: "ms", Subject: RQ, Value: 6},
	})
	var b strings.Builder
	if err := Markdown(&b, sums); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| T1 | " + p50 + " | 3 ms (3 – 3) | " + RQ + ": 6 ms (6 – 6) | **0.50** | ≤ 0.4 × peer | **missed** by 1.25 × |",
		"**0.62** | ≥ 0.55 × peer | met |",
		"≥ 15,000 /s | **missed**, 0.33 of it |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if first, last := strings.Index(b.String(), "| T3 | "+enqueue+" | mlq |"), strings.Index(b.String(), "| T10 | other"); first > last {
		t.Error("T10 stands before T3")
	}
}

func TestDigits(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 0.4: "0.4", 6.543: "6.54", 42.1: "42.1", 999: "999", 999.6: "1,000", 1000: "1,000", 1234567: "1,234,567"} {
		if got := Digits(value); got != want {
			t.Errorf("Digits(%v) = %q, want %q", value, got, want)
		}
	}
}
