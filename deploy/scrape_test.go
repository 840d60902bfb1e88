package deploy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"

	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// What dashboard and alerts name is in what a real server tells.
func TestQueriesNameWhatAServerTells(t *testing.T) {
	text := scrape(t)
	for where, q := range queries(t) {
		expr, err := metricsql.Parse(strings.ReplaceAll(strings.ReplaceAll(q, "$instance", "i"), "$host", "h"))
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		for _, m := range metricsIn(expr) {
			if m.name != "up" && !regexp.MustCompile("(?m)^"+m.name+"[ {]").MatchString(text) {
				t.Errorf("%s: a server has no %s", where, m.name)
			}
		}
	}
}

// scrape starts a server with an agent and reads its metrics.
func scrape(t *testing.T) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "serve", "--with-agent", "--gpus", "sim:2", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(strings.TrimSpace(line), "mlq serve at ")
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	reportGPU(ctx, t, url, strings.TrimSpace(string(token)))
	for {
		text := get(ctx, t, url+"/metrics", strings.TrimSpace(string(token)))
		// The agent has joined, and a request was counted.
		if strings.Contains(text, "\nmlq_devices{host=\"gpu9\"") && strings.Count(text, "\nmlq_simulated_devices{") == 2 && strings.Contains(text, "\nmlq_http_responses_total{") {
			return text
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no devices in\n%s", text)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, t *testing.T, url, token string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v\n%s", answer.Status, err, body)
	}
	return string(body)
}

// reportGPU joins as the agent of a host gpu9 with a GPU that tells all readings.
func reportGPU(ctx context.Context, t *testing.T, url, admin string) {
	t.Helper()
	value := 50
	agent := agentclient.New(agentclient.Options{Server: url, Token: admin, Host: "gpu9", HTTP: http.DefaultClient, Timing: scheduler.DefaultTiming()})
	_, err := agent.Join(ctx, scheduler.Inventory{
		Host: "gpu9", BootID: "b", Version: "test", GPU: gpu.Info{Driver: "580.82.07"},
		Devices: []scheduler.DeviceReport{{
			Device: gpu.Device{UUID: "GPU-9", Kind: gpu.KindGPU, Model: "NVIDIA H100", Memory: 80 << 30}, State: gpu.Free,
			Readings: gpu.Readings{Utilization: &value, Temperature: &value, Power: &value, PowerLimit: &value, Clock: &value},
		}},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
}
