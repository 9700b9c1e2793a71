import assert from "node:assert/strict";

import { becomesByItself, keep, state, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";

const home = world({ switched: ["vkcloud"] });
const photo = sample("cat.jpg");

/** Jobs that have failed because the service refused their images, and would not again. */
async function refused(darkroom, many) {
  await darkroom.fault("vkcloud", { refuse_next_images: many });
  const ids = [];
  for (let number = 1; number <= many; number++) {
    ids.push(await darkroom.put("vkcloud/improve", photo, { name: `cat-${number}.jpg` }));
  }
  for (const id of ids) await darkroom.becomes(id, "failed");
  await darkroom.clearFaults();
  return ids;
}

story("a failed job tells why, is retried, and becomes done before one's eyes", home, {}, async (page, darkroom) => {
  const [id] = await refused(darkroom, 1);
  await page.goto(`/jobs/${id}`);
  assert.equal(await state(page), "failed");
  const failure = page.getByRole("region", { name: "What went wrong" });
  assert.match(await failure.innerText(), /vkcloud cannot work on this image/);
  await keep(page, "job-failed");
  await failure.getByRole("button", { name: "Retry" }).click();
  await page.waitForLoadState();
  await becomesByItself(page, "the job to be done", async () => (await state(page)) === "done");
  assert.equal(await failure.count(), 0);
});

story("all failed jobs of a page are selected at once, and retried together", home, {}, async (page, darkroom) => {
  const ids = await refused(darkroom, 2);
  await page.goto("/jobs?state=failed");
  assert.deepEqual(Object.keys(await states(page)).sort(), [...ids].sort());
  const boxes = page.locator(".job input[type=checkbox]");
  const all = page.getByRole("checkbox", { name: "Select all failed" });
  await all.check();
  assert.deepEqual(await boxes.evaluateAll((boxes) => boxes.map((box) => box.checked)), [true, true]);
  await keep(page, "jobs-selected");
  await all.uncheck();
  assert.deepEqual(await boxes.evaluateAll((boxes) => boxes.map((box) => box.checked)), [false, false]);
  await all.check();
  await page.getByRole("button", { name: "Retry selected" }).click();
  await page.waitForLoadState();
  for (const id of ids) await darkroom.becomes(id, "done");
  await page.goto("/jobs");
  const told = await states(page);
  for (const id of ids) assert.equal(told[id], "done");
});

story("what is no picture fails for good, says so, and can be tried all the same", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("vkcloud/improve", null, { name: "shopping-list.jpg", bytes: "milk, bread, film" });
  await darkroom.becomes(id, "failed");
  await page.goto(`/jobs/${id}`);
  assert.match(await page.getByRole("region", { name: "What went wrong" }).innerText(), /shopping-list\.jpg.* is no image/);
  await page.getByRole("button", { name: "Retry" }).click();
  await page.waitForLoadState();
  await darkroom.becomes(id, "failed");
});
