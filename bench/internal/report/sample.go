// Package report keeps what was measured as JSON lines and turns it into the
// tables of docs/performance.md.
package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sample is one value of one repetition.
type Sample struct {
	Figure  string    `json:"figure"`  // "T1"
	Metric  string    `json:"metric"`  // "submit to result, p50"
	Unit    string    `json:"unit"`    // "ms"
	Subject string    `json:"subject"` // "mlq", "rq"
	Rep     int       `json:"rep"`     // from 1
	Value   float64   `json:"value"`
	N       int       `json:"n"`     // observations behind the value
	Load1   float64   `json:"load1"` // load average of the last minute, when it was taken
	At      time.Time `json:"at"`
}

// Writer appends samples to a file as they are taken, so that a run that is
// cut short leaves what it has.
type Writer struct{ file *os.File }

// NewWriter appends to the file at path.
func NewWriter(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &Writer{file: f}, nil
}

// Add stamps a sample with time and load, and writes it.
func (w *Writer) Add(s Sample) error {
	s.At, s.Load1 = time.Now().UTC().Truncate(time.Second), loadAverage()
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write sample: %w", err)
	}
	_, err = w.file.Write(append(line, '\n'))
	return err
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

// Read reads the samples that a Writer wrote.
func Read(r io.Reader) ([]Sample, error) {
	var all []Sample
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var s Sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("sample %d: %w", len(all)+1, err)
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

// Percentile is the smallest value that at least p percent of the values do
// not exceed; NaN of none.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// loadAverage is the first number of /proc/loadavg; 0 where there is none.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}
