package api_test

import (
	"net/http"
	"runtime"
	"testing"
)

// TestAnnouncersTakeNoMemory: requests that announce 64 MiB each and send none of it
// make the server allocate next to nothing. Not parallel: it counts what the process allocates.
func TestAnnouncersTakeNoMemory(t *testing.T) { //nolint:paralleltest // see above
	const many = 32
	w := newWorld(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range many {
		_, r := w.raw("POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana +
			"\r\nContent-Type: application/json\r\nContent-Length: 67108864\r\nExpect: 100-continue\r\n\r\n")
		// It is told to go on when its body is first read: the room for it is there then.
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusContinue {
			t.Fatalf("answered %d", response.StatusCode)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / many; each > 1<<20 {
		t.Errorf("%d bytes allocated for each request of which nothing came", each)
	}
}
