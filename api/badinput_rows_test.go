package api_test

import (
	"slices"
	"testing"
)

// row is a kind of bad input about requests. docs/inputs.md groups them in another way, and
// has no numbers; names of tests that fail begin with ours.
type row struct {
	number int
	what   string
	inputs []bad // sent by TestBadInputs
	// tests have what needs a world of its own; why says what of the row does not apply.
	tests []string
	why   string
}

var rows = []row{
	{1, "no, malformed, unknown, expired or revoked token", row1, []string{"api.TestTokens", "auth.TestIDAloneProvesNothing"}, ""},
	{2, "token in the query", row2, []string{"api.TestTokenInURL"}, ""},
	{3, "user's token where an agent's or an admin's is needed", row3, []string{"api.TestRoles"}, ""},
	{4, "agent's token that submits, or acts for another agent", row4, []string{"api.TestAgentOfAnotherHost"}, ""},
	{5, "another user's job", row5, []string{"api.TestOthersJobsAreUnknown"}, ""},
	{6, "unknown route or method", row6, []string{"api.TestUnknownRouteAndMethod"}, ""},
	{7, "Content-Type that is not the route's", row7, []string{"api.TestMediaTypes"}, ""},
	{8, "body above its limit", row8, []string{"api.TestBodyLimits"}, ""},
	{9, "Content-Length that lies", row9, []string{"api.TestLyingContentLength"}, ""},
	{10, "Content-Encoding", row10, []string{"api.TestMediaTypes"}, ""},
	{11, "what is no JSON, goes on after its end, or is two documents", row11, []string{"submission.TestRefusals"}, ""},
	{12, "unknown or duplicate JSON field, different case", row12, []string{"submission.TestRefusals"}, ""},
	{13, "null, array or scalar body; depth above 32", row13, []string{"api.TestDeepMessage"}, ""},
	{14, "NaN, 1e309, negative, float where int, 2^63", row14, []string{"submission.TestRefusals"}, ""},
	{15, "timeout 0, above the maximum, missing", row15, []string{"api.TestLimitsOfSubmits"}, ""},
	{16, "priority out of the user's band", row16, []string{"api.TestFieldRefusals"}, ""},
	{17, "name or label that disturbs", row17, []string{"submission.TestRefusals"}, ""},
	{18, "1,000 labels, 1 MB of env", row18, []string{"submission.TestRefusals"}, ""},
	{19, "reserved environment", row19, []string{"submission.TestRefusals"}, ""},
	{20, "devices or memory that there are not", row20, []string{"scheduler.TestCannotRun"}, "gpus=0 is a CPU slot here and no mistake (docs/reference.md)"},
	{21, "payload of another digest", row21, []string{"api.TestBlobs", "api.TestUploadedCall"}, ""},
	{22, "payload that is no cloudpickle, or is cut", nil, []string{"test_server_ends.test_a_call_that_is_no_pickle_is_not_tried_again", "test_runner.test_pickle_that_cannot_be_read_is_rejected"}, ""},
	{23, "pickle of another Python", nil, []string{"test_server.test_a_call_of_another_python_is_refused_before_it_is_queued", "test_runner.test_other_python_is_refused"}, ""},
	{24, "Idempotency-Key reused, too long, in progress", row24, []string{"api.TestIdempotencyKey", "api.TestOneKeyAtOnce"}, "one in progress waits for the first and has its id"},
	{25, "id that is none", row25, []string{"api.TestBadIDs"}, ""},
	{26, "ending of a result that is none", row26, []string{"api.TestEveryExtensionIsHarmless", "api.TestServedResultsAreHarmless"}, "any plain ending is taken, as the predecessor did: served in a sandbox or to be saved"},
	{27, "result of a live, failed or purged job", row27, []string{"api.TestFailedJob", "api.TestResultWhoseBytesAreGone", "api.TestCancel"}, ""},
	{28, "ranges", row28, []string{"api.TestRanges"}, ""},
	{29, "wait that is none", row29, []string{"api.TestWaitParameter"}, ""},
	{30, "cursor or limit that is none", row30, []string{"api.TestListAndFilters"}, ""},
	{31, "cancel of what has ended or never was", row31, []string{"api.TestCancel", "api.TestFiltersThatSayLess"}, ""},
	{32, "fence that is old, of the future, zero, text", row32, []string{"api.TestAgentFences"}, ""},
	{33, "finish without its blob", nil, []string{"api.TestAgentFinishWithoutItsBlob"}, ""},
	{34, "finish for a job leased to another agent", nil, []string{"api.TestAgentOfAnotherHost"}, ""},
	{35, "claim of a device that is not registered, or no UUID", row35, []string{"api.TestAgentClaims"}, ""},
	{36, "claim_id of another job", nil, []string{"api.TestAgentClaims"}, ""},
	{37, "join with another host's name, or an old epoch", row37, []string{"api.TestAgentEpochs", "agent.TestTwoAgentsWithOneName"}, ""},
	{38, "heartbeat with 100,000 leases, or 1,000 a second", nil, []string{"api.TestAgentRenewsTooMuch"}, ""},
	{39, "result above its limit", nil, []string{"slot.TestResultOverTheLimit", "test_runner_ends.test_too_large_a_result_is_refused"}, ""},
	{40, "slow headers, slow body", nil, []string{"api.TestSlowSenders", "api.TestTrickle", "api.TestABodyThatDoesNotCome"}, ""},
	{41, "idle connections, large headers, floods of streams", row41, []string{"api.TestIdleConnections", "api.TestStreamFlood", "api.TestRapidReset", "api.TestConnectionLimit"}, ""},
	{42, "submits without end", nil, []string{"api.TestQuotaAndRate"}, ""},
	{43, "Host of another server", row43, []string{"api.TestHostHeader"}, ""},
	{44, "foreign Origin, any method", row44, []string{"api.TestOrigin", "api.TestAllowedOrigins"}, ""},
	{45, "X-Forwarded-For and X-Request-ID that are forged", row45, []string{"api.TestRequestID"}, ""},
	{46, "callback to where none may go", row46, []string{"api.TestCallbackToAForbiddenAddress", "callback.TestNamesAreCheckedWhenDialled", "callback.TestBadApplications"}, ""},
	{47, "smuggled requests, HTTP/1.0, absolute form", row47, []string{"api.TestSmuggling"}, "a length beside chunks is no error: the chunks count, and the rest is a request of its own without a token"},
	{48, "Redis away, busy, loading, full", nil, []string{"api.TestRedisDown", "api.TestRedisBusy", "api.TestRedisLoading", "api.TestRedisFull", "api.TestStoreAwayAndFull"}, ""},
	{49, "handler that panics", nil, []string{"api.TestPanic"}, ""},
	{50, "client: HTML, a redirect, a cut body, another digest, 2 GB", nil, []string{"test_result.test_html", "test_result.test_a_redirect_is_not_followed", "test_result.test_a_frame_that_is_cut", "test_result.test_a_wrong_digest", "test_result.test_a_limit_refuses_before_it_is_read"}, ""},
	{51, "client: what cannot be pickled, or is too large", nil, []string{"test_pickle.test_an_argument", "test_pickle.test_a_huge_one_is_refused"}, ""},
	{52, "client: a token that others can read, http:// beyond this machine", nil, []string{"test_config.test_a_token_that_others_can_read_is_warned_of", "test_config.test_no_token_over_plain_http_to_another_machine"}, ""},
	{53, "agent: a grant with an old fence, an unknown device, a bad digest, a NUL in a variable", nil, []string{"slot.TestGrantsThatCannotBe", "agent.TestResultIsSentAgain"}, ""},
	{54, "agent: links, pipes, devices, 1,000,000 files, a deep tree, a setuid file", nil, []string{"slot.TestOutFiles", "slot.TestTooManyOutFiles", "removetree.TestWhatAJobMayLeave", "removetree.TestDeepTreeNeedsFewFiles"}, ""},
	{55, "agent: 10 GB of output, no newline, binary, ANSI", nil, []string{"slot.TestTenGigabytesOfOutput", "slot.TestBinaryOutputWithoutNewline", "mlq.TestCellsCannotSteerTheTerminal"}, ""},
	{56, "agent: a job that kills its parent, opens another's device", nil, []string{"slot.TestJobThatKillsItsParent", "slot.TestJobOpensNoDeviceOfOthers", "slot.TestJobCannotHoldTheLock"}, ""},
	{57, "agent: a wrong setting", nil, []string{"mlq.TestWrongSettingsStartNothing", "mlq.TestEnvFile"}, "times of the protocol are no settings, so that no lease can be shorter than its heartbeats"},
}

// TestBadInputsAreAllTried: every row of the table has inputs here, or tests that are there.
func TestBadInputsAreAllTried(t *testing.T) {
	t.Parallel()
	for i, r := range rows {
		if r.number != i+1 {
			t.Errorf("row %d stands in the place of row %d", r.number, i+1)
		}
		if len(r.inputs)+len(r.tests) == 0 {
			t.Errorf("row %d is tried nowhere", r.number)
		}
		for _, name := range r.tests {
			if !isTest(t, name) {
				t.Errorf("row %d: there is no test %s", r.number, name)
			}
		}
		for _, in := range r.inputs {
			if in.what == "" || in.status < 400 && !slices.Contains([]int{31, 45, 47}, r.number) {
				t.Errorf("row %d: %q is answered %d, which refuses nothing", r.number, in.what, in.status)
			}
		}
	}
	if len(rows) != 57 {
		t.Errorf("%d rows", len(rows))
	}
}
