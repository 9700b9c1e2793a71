// The two pictures of the README: a list with all kinds of jobs, and one job with its slider.
import assert from "node:assert/strict";

import { keep, picturesAreThere, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";

async function fill(darkroom) {
  // In this order no photo stands beside itself.
  const done = [];
  for (const [route, name] of [
    ["watermark/clean", "coffee-watermarked.jpg"], ["fangtang/revive", "old-portrait.jpg"], ["vkcloud/double", "rocket.jpg"],
    ["imgfactory/copies", "cat.jpg"], ["watermark/publish", "coffee-watermarked.jpg"],
  ]) {
    done.push(await darkroom.put(route, sample(name)));
  }
  for (const id of done) await darkroom.becomes(id, "done");
  await darkroom.fault("vkcloud", { refuse_next_images: 1 });
  const failed = await darkroom.put("vkcloud/improve", sample("rocket.jpg"), { name: "night-shot.jpg" });
  await darkroom.becomes(failed, "failed");
  await darkroom.fault("imgfactory", { hold_tasks: true });
  await darkroom.fault("fangtang", { hold_tasks: true });
  const waiting = [
    await darkroom.put("imgfactory/copies", sample("cat.jpg"), { name: "kitten.jpg" }),
    await darkroom.put("fangtang/revive", sample("old-portrait.jpg"), { name: "grandmother.jpg" }),
  ];
  for (const id of waiting) await darkroom.becomes(id, "waiting");
  return { published: done.at(-1) };
}

const home = world({ switched: ["vkcloud", "imgfactory", "fangtang"], fill });

story("a list with jobs that are done, wait and have failed", home, {}, async (page) => {
  await page.goto("/jobs");
  await picturesAreThere(page);
  assert.deepEqual(Object.values(await states(page)).sort(), ["done", "done", "done", "done", "done", "failed", "waiting", "waiting"]);
  const { y, height } = await page.locator("ul.jobs").boundingBox();
  await keep(page, "gallery-jobs", { clip: { x: 0, y: 0, width: 1280, height: Math.ceil(y + height + 24) } });
});

story("a job with its slider, and how it came to be", home, { visitor: { viewport: { width: 1280, height: 860 } } },
  async (page) => {
    await page.goto(`/jobs/${home.jobs.published}`);
    await picturesAreThere(page);
    await keep(page, "gallery-job", { fullPage: false });
  });
