// Package callback tells the web applications of users that their jobs have
// ended: one GET of the URL that a job came with, by the server, never by the job.
//
// Every server runs a Sender. Which of them sends is decided in the store
// (scheduler.TakeCallback): one takes the sending for a while, and records each
// try. A server that dies between the two leaves it to the next, so that a
// callback may come twice, and is never lost.
//
// The URL is a user's, and the server stands where users may not reach: each
// address is checked in the moment it is dialled (Policy), whatever the name
// said before, no redirect is followed, and nothing of the answer is shown but
// its status.
package callback
