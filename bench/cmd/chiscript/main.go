// Command chiscript is the floor under an enqueue over HTTP: a chi handler
// that passes the body to one Redis script and answers the id. No token, no
// checks, no fair order, no idempotency.
//
//	chiscript LISTEN REDIS
package main

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/redis/go-redis/v9"
)

//go:embed enqueue.lua
var source string

const maxBody = 64 << 20

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: chiscript LISTEN REDIS")
		os.Exit(2)
	}
	client := redis.NewClient(&redis.Options{Addr: os.Args[2], PoolSize: 64})
	server := &http.Server{Addr: os.Args[1], Handler: routes(client), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "chiscript:", server.ListenAndServe())
	os.Exit(1)
}

func routes(client *redis.Client) http.Handler {
	enqueue := redis.NewScript(source)
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	r.Post("/jobs", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id, err := enqueue.Run(r.Context(), client, []string{"{b}:next", "{b}:order", "{b}:job:"}, body).Int64()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		text := strconv.FormatInt(id, 10)
		w.Header().Set("Location", "/jobs/"+text)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, text) // the client has gone if this fails
	})
	return r
}
