package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Summary is one metric of one subject over all repetitions.
type Summary struct {
	Figure, Metric, Unit, Subject string
	Median, Low, High             float64
	Reps                          int
	Load                          float64 // the highest load average that stood beside a sample
}

// Summarise groups samples by figure, metric and subject, in order of figure,
// then of first appearance.
func Summarise(samples []Sample) []Summary {
	type key struct{ figure, metric, subject string }
	values := map[key][]float64{}
	var sums []Summary
	for _, s := range samples {
		k := key{s.Figure, s.Metric, s.Subject}
		if values[k] == nil {
			sums = append(sums, Summary{Figure: s.Figure, Metric: s.Metric, Unit: s.Unit, Subject: s.Subject})
		}
		values[k] = append(values[k], s.Value)
		for i := range sums {
			if sums[i].Figure == s.Figure && sums[i].Metric == s.Metric && sums[i].Subject == s.Subject {
				sums[i].Load = max(sums[i].Load, s.Load1)
			}
		}
	}
	for i, s := range sums {
		v := values[key{s.Figure, s.Metric, s.Subject}]
		sums[i].Median, sums[i].Low, sums[i].High = median(v), slices.Min(v), slices.Max(v)
		sums[i].Reps = len(v)
	}
	slices.SortStableFunc(sums, func(a, b Summary) int { return cmp.Compare(number(a.Figure), number(b.Figure)) })
	return sums
}

// median is the middle value, or the mean of the middle two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// number is 10 of "T10"; figures without a number come last.
func number(figure string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(figure, "T"))
	if err != nil {
		return math.MaxInt
	}
	return n
}

// Markdown writes two tables: the promises with what became of them, and all
// that was measured. A promise whose samples are missing is left out.
func Markdown(w io.Writer, sums []Summary) error {
	var b strings.Builder
	b.WriteString("| | metric | ours | peer | ratio | target | |\n|---|---|---|---|---|---|---|\n")
	for _, t := range Targets {
		b.WriteString(targetRow(t, sums))
	}
	b.WriteString("\n| | metric | subject | median | range | repetitions | load average ≤ |\n|---|---|---|---|---|---|---|\n")
	for _, s := range sums {
		fmt.Fprintf(&b, "| %s | %s | %s | %s %s | %s – %s | %d | %.1f |\n", s.Figure, s.Metric, s.Subject,
			Digits(s.Median), s.Unit, Digits(s.Low), Digits(s.High), s.Reps, s.Load)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func targetRow(t Target, sums []Summary) string {
	ours, ok := find(sums, t.Figure, t.Metric, t.Subject)
	if !ok {
		return ""
	}
	value, peerCell, ratioCell := ours.Median, "", ""
	if t.Peer != "" {
		peer, ok := find(sums, t.Figure, t.Metric, t.Peer)
		if !ok {
			return ""
		}
		value = ours.Median / peer.Median
		peerCell = fmt.Sprintf("%s: %s", t.Peer, spread(peer))
		ratioCell = fmt.Sprintf("**%.2f**", value)
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s | %s | %s | %s |\n", t.Figure, t.Metric, variant(t), spread(ours), peerCell, ratioCell, bound(t, ours.Unit), verdict(t, value))
}

// variant names the subject where it is not simply MLQ.
func variant(t Target) string {
	if t.Subject == MLQ {
		return ""
	}
	return ", " + t.Subject
}

func bound(t Target, unit string) string {
	sign, what := "≤", fmt.Sprintf("%s × peer", Digits(t.Limit))
	if t.AtLeast {
		sign = "≥"
	}
	if t.Peer == "" {
		what = Digits(t.Limit) + " " + unit
	}
	if t.Stretch {
		what += " (stretch)"
	}
	return sign + " " + what
}

func verdict(t Target, value float64) string {
	if t.Met(value) {
		return "met"
	}
	if t.AtLeast {
		return fmt.Sprintf("**missed**, %.2f of it", value/t.Limit)
	}
	return fmt.Sprintf("**missed** by %.2f ×", value/t.Limit)
}

func spread(s Summary) string {
	return fmt.Sprintf("%s %s (%s – %s)", Digits(s.Median), s.Unit, Digits(s.Low), Digits(s.High))
}

func find(sums []Summary, figure, metric, subject string) (Summary, bool) {
	i := slices.IndexFunc(sums, func(s Summary) bool {
		return s.Figure == figure && s.Metric == metric && s.Subject == subject
	})
	if i < 0 {
		return Summary{}, false
	}
	return sums[i], true
}

// Digits shows three significant digits, and thousands with commas.
func Digits(v float64) string {
	if math.Abs(v) < 999.5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
