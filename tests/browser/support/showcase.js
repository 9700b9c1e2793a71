// A darkroom with something of everything: done, waiting, failed, on hold. For stories that look at all pages.
import { sample } from "./places.js";
import { until } from "./until.js";

/** Without a place at which a line could be broken. */
const LONG_NAME = `${"the_oldest_photograph_of_the_album_".repeat(4)}.jpg`;

/** Fills it, and returns the ids of its jobs. */
async function fill(darkroom) {
  const [read, published, copied, improved, revived] = await Promise.all([
    darkroom.put("watermark/read", sample("coffee-watermarked.jpg")),
    darkroom.put("watermark/publish", sample("coffee-watermarked.jpg")),
    darkroom.put("imgfactory/copies", sample("cat.jpg")),
    darkroom.put("vkcloud/improve", sample("cat.jpg")),
    darkroom.put("fangtang/revive", sample("old-portrait.jpg")),
  ]);
  for (const id of [read, published, copied, improved, revived]) await darkroom.becomes(id, "done");
  const failed = await darkroom.put("vkcloud/double", null, { name: LONG_NAME, bytes: "This is no picture." });
  await darkroom.becomes(failed, "failed");
  await darkroom.fault("imgfactory", { refuse_payment: true });
  const held = await darkroom.put("imgfactory/copies", sample("rocket.jpg"));
  await darkroom.fault("fangtang", { hold_tasks: true });
  const waiting = await darkroom.put("fangtang/revive", sample("old-portrait.jpg"), { name: "grandmother.jpg" });
  await darkroom.becomes(waiting, "waiting");
  await until("a hold", async () => (await darkroom.ask("/api/providers")).providers.some((provider) => provider.hold));
  return { read, published, copied, improved, revived, failed, held, waiting };
}

/** Every page that there is, with a name for each. */
export function pages(jobs) {
  return {
    jobs: "/jobs",
    "jobs-failed": "/jobs?state=failed",
    "jobs-none-found": "/jobs?text=nothing-is-called-so",
    upload: "/upload",
    providers: "/providers",
    "job-done": `/jobs/${jobs.published}`,
    "job-with-copies": `/jobs/${jobs.copied}?compare=2`,
    "job-only-read": `/jobs/${jobs.read}`,
    "job-failed": `/jobs/${jobs.failed}`,
    "job-on-hold": `/jobs/${jobs.held}`,
    "job-waiting": `/jobs/${jobs.waiting}`,
    "no-such-job": "/jobs/00000000000000000000000000000000",
  };
}

/** A page that is not there is said to be so, in the console as well. */
export const NOT_THERE = /status of 404.*\/jobs\/0{32}/;

/** What a world is to be given for it. */
export const SHOWCASE = { switched: ["fangtang", "imgfactory"], fill };
