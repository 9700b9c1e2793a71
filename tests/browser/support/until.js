// Waiting for conditions, never for times.

/** Asks until the answer is something, and returns it. A machine may be slow: only what never comes is a failure. */
export async function until(what, ask, withinMs = 60_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
