// What a running job reports of its progress: a number of percent, {done, total}, or
// any other value. Takes a job, or an update of its events.

/** reported is what its function said; null where it said nothing, or does not run. */
function reported({ state, progress, progress_text: words }) {
  return state === "running" && words !== "[started]" ? progress : null;
}

/** percent is how far a job is, from 0 to 100; null where it did not say. */
export function percent(job) {
  const progress = reported(job);
  if (typeof progress === "number" && progress >= 0) return Math.min(progress, 100);
  if (progress && typeof progress === "object" && progress.total > 0 && progress.done >= 0) {
    return Math.min((100 * progress.done) / progress.total, 100);
  }
  return null;
}

/** progressWords is what it said, in at most 200 characters. */
export function progressWords(job) {
  const progress = reported(job);
  if (progress === null || progress === undefined) return "";
  if (typeof progress === "number") return `${progress} %`;
  if (typeof progress === "string") return progress.slice(0, 200);
  if (typeof progress === "object" && "done" in progress) return `${progress.done} of ${progress.total ?? "?"}`;
  return JSON.stringify(progress).slice(0, 200);
}
