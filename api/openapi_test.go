package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/audit"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/submission"
)

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	must(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	must(t, err)
	return doc
}

func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	must(t, contract(t).Validate(t.Context()))
}

// TestOpenAPIMatchesRoutes compares both ways.
func TestOpenAPIMatchesRoutes(t *testing.T) {
	t.Parallel()
	var described, routed []string
	for path, item := range contract(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, r := range newWorld(t).api.Routes() {
		routed = append(routed, r.Method+" "+strings.ReplaceAll(r.Pattern, "*", "{path}"))
	}
	sort.Strings(described)
	sort.Strings(routed)
	if fmt.Sprint(described) != fmt.Sprint(routed) {
		t.Errorf("described: %v\nrouted: %v", described, routed)
	}
}

// TestOpenAPIMatchesTypes: every field of a wire type is described, and no other.
func TestOpenAPIMatchesTypes(t *testing.T) {
	t.Parallel()
	doc := contract(t)
	for name, value := range map[string]any{
		"Job": api.Job{}, "Attempt": api.Attempt{}, "ResultInfo": api.ResultInfo{}, "Lease": api.Lease{}, "Page": api.Page{},
		"Cancelled": api.Cancelled{}, "Bulk": api.Bulk{}, "Requeued": api.Requeued{}, "Why": api.Why{}, "WhyReason": api.WhyReason{},
		"Estimate": api.Estimate{}, "File": blob.File{}, "Manifest": blob.Manifest{}, "LogWritten": api.LogWritten{},
		"BlobWritten": api.BlobWritten{}, "BlobFolder": api.BlobFolder{}, "BackupBegun": api.BackupBegun{}, "Function": api.Function{}, "FunctionProcess": api.FunctionProcess{}, "Environment": api.Environment{}, "Device": api.Device{}, "Foreigner": api.Foreigner{}, "DeviceHealth": api.DeviceHealth{}, "Signed": api.Signed{}, "Driver": api.Driver{}, "GPUs": api.GPUs{}, "Ordered": api.Ordered{}, "OrderedToo": api.OrderedToo{},
		"Host": api.Host{}, "Waiting": api.Waiting{}, "User": api.User{}, "Limits": api.Limits{}, "RemovedUser": api.RemovedUser{}, "Token": api.Token{}, "AuditEntry": audit.Entry{}, "AuditPage": api.AuditPage{}, "Admission": api.Admission{}, "Removed": api.Removed{}, "Joined": api.Joined{}, "Whoami": api.Whoami{}, "Ready": api.Ready{},
		"Usage": api.Usage{}, "UsageOf": api.UsageOf{},
		"LeaseRef": api.LeaseRef{}, "AgentDevice": api.AgentDevice{}, "AgentReadings": api.AgentReadings{}, "AgentProcess": api.AgentProcess{}, "AgentHealth": api.AgentHealth{},
		"AgentLink": api.AgentLink{}, "AgentDriver": api.AgentDriver{}, "AgentOrders": api.AgentOrders{}, "AgentBarred": api.AgentBarred{}, "AgentInventory": api.AgentInventory{},
		"AgentState": api.AgentState{}, "AgentJoin": api.AgentJoin{}, "AgentNamed": api.AgentNamed{}, "AgentHeld": api.AgentHeld{},
		"AgentTakeOver": api.AgentTakeOver{}, "AgentJoined": api.AgentJoined{}, "AgentReport": api.AgentReport{}, "AgentRenew": api.AgentRenew{},
		"AgentRenewed": api.AgentRenewed{}, "LeaseAnswer": api.LeaseAnswer{}, "AgentOffer": api.AgentOffer{}, "AgentView": api.AgentView{},
		"AgentEntry": api.AgentEntry{}, "AgentIdle": api.AgentIdle{}, "AgentRevision": api.AgentRevision{}, "AgentClaim": api.AgentClaim{},
		"AgentClaimed": api.AgentClaimed{}, "AgentJob": api.AgentJob{}, "AgentSpec": api.AgentSpec{}, "AgentProgress": api.AgentProgress{},
		"ConsumerTake": api.ConsumerTake{}, "ConsumerJob": api.ConsumerJob{}, "ConsumerRenew": api.ConsumerRenew{}, "ConsumerRenewed": api.ConsumerRenewed{},
		"ConsumerStop": api.ConsumerStop{}, "ConsumerProgress": api.ConsumerProgress{},
		"AgentRelease": api.AgentRelease{}, "AgentFinish": api.AgentFinish{},
		"Secret": api.Secret{}, "Link": api.Link{}, "Problem": api.Problem{}, "FieldProblem": api.FieldProblem{}, "RemoteError": api.RemoteError{},
		"Purged": api.Purged{}, "DiskUsage": api.DiskUsage{}, "UserDisk": api.UserDisk{}, "Deadline": api.Deadline{}, "Closing": api.Closing{}, "Drained": api.Drained{}, "Revoked": api.Revoked{},
	} {
		var described []string
		for field := range doc.Components.Schemas[name].Value.Properties {
			described = append(described, field)
		}
		sort.Strings(described)
		if got := jsonNames(reflect.TypeOf(value)); fmt.Sprint(got) != fmt.Sprint(described) {
			t.Errorf("%s: in Go %v, described %v", name, got, described)
		}
	}
	var described []string
	for field := range doc.Components.Schemas["Submission"].Value.Properties {
		described = append(described, field)
	}
	sort.Strings(described)
	if got := submission.FieldNames(); fmt.Sprint(got) != fmt.Sprint(described) {
		t.Errorf("Submission: parsed %v, described %v", got, described)
	}
}

func jsonNames(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		if field.Anonymous {
			names = append(names, jsonNames(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// TestAnswersMatchTheContract checks real answers against their schemas.
func TestAnswersMatchTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := contract(t)
	w.join()
	id := w.submit(w.ana, `{"msg":{"a":1},"name":"n"}`)
	w.start(id, 0)
	for target, schema := range map[string]string{
		"/jobs": "Page", path(id, ""): "Job", path(id, "/why"): "Why", path(id, "/files"): "Manifest", "/leases": "Leases",
		"/hosts": "Hosts", "/gpus": "GPUs", "/queue": "Queue", "/users": "Users", "/tokens": "Tokens", "/audit": "AuditPage", "/jobs/999": "Problem",
		"/jobs/count": "Count", "/jobs/count?by=state": "Count", "/consumer": "Functions",
	} {
		var value any
		must(t, json.Unmarshal(w.do(w.admin, "GET", target, nil).body, &value))
		if err := doc.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
			t.Errorf("%s is no %s: %v", target, schema, err)
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("", "GET", "/openapi.yaml", nil)
	if a.status != 200 || !strings.HasPrefix(string(a.body), "openapi: 3") {
		t.Errorf("got %d %.40s", a.status, a.body)
	}
}

// TestErrorCodesAreDocumented: docs/reference.md has every code with its status, and no other.
func TestErrorCodesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/reference.md")
	must(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Error codes\n")
	if !ok {
		t.Fatal("docs/reference.md has no section Error codes")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	want := map[string]bool{}
	for _, c := range api.Codes() {
		want[fmt.Sprintf("| `%s` | %d | %s | `%s` |", c.Code, c.Status, c.Title, c.Python)] = true
	}
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if !want[line] {
			t.Errorf("not in the table of errors: %s", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("not documented: %s", line)
	}
}

// TestRequestFieldsAreDocumented: docs/reference.md names every field of a submission.
func TestRequestFieldsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/reference.md")
	must(t, err)
	_, section, _ := strings.Cut(string(text), "\n## Request fields\n")
	for _, name := range submission.FieldNames() {
		if !strings.Contains(section, "| `"+name+"` |") {
			t.Errorf("%s is not documented", name)
		}
	}
}
