import assert from "node:assert/strict";

import { becomesByItself, keep, state } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";

const home = world({ switched: ["imgfactory"] });

story("a service whose account is empty is on hold, says why, and is let go with a button", home, {}, async (page, darkroom, context) => {
  await darkroom.fault("imgfactory", { refuse_payment: true });
  const ids = await Promise.all(["cat.jpg", "rocket.jpg"].map((name) => darkroom.put("imgfactory/copies", sample(name))));
  await page.goto("/providers");
  const card = page.getByRole("region", { name: "imgfactory", exact: true });
  await becomesByItself(page, "the hold on the page", async () => (await card.getByText("On hold").count()) > 0);
  assert.match(await card.innerText(), /imgfactory answered HTTP 402/);
  assert.match(await card.innerText(), /Next try: in [45] min/);
  assert.match(await page.getByRole("region", { name: "watermark", exact: true }).innerText(), /In order/);
  await keep(page, "providers");

  // What waits for it says so, on its page and in the list.
  const waiting = await context.newPage();
  await waiting.goto(`/jobs/${ids[0]}`);
  await becomesByItself(waiting, "words about the hold", async () => /imgfactory is on hold/.test(await waiting.locator(".now").innerText()));
  await keep(waiting, "job-on-hold");
  await waiting.goto("/jobs");
  await becomesByItself(waiting, "both cards", async () => (await waiting.getByText("imgfactory is on hold").count()) === 2);
  await waiting.goto(`/jobs/${ids[0]}`);

  await darkroom.clearFaults();
  await card.getByRole("button", { name: "Release imgfactory" }).click();
  await page.waitForLoadState();
  await card.getByText("In order").waitFor();
  await becomesByItself(waiting, "the job to be done", async () => (await state(waiting)) === "done");
  await darkroom.becomes(ids[1], "done");
});

story("each service tells what it does, what was asked of it and that it is a sandbox", home, {}, async (page) => {
  await page.goto("/providers");
  const names = await page.getByRole("heading", { level: 2 }).allInnerTexts();
  assert.deepEqual(names, ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"]);
  for (const card of (await page.locator(".provider").all()).slice(1)) {
    assert.match(await card.innerText(), /sandbox/);
    assert.match(await card.innerText(), /Requests today\s+0/);
  }
  await page.getByRole("link", { name: "Jobs imgfactory" }).click();
  await page.waitForURL("**/jobs?provider=imgfactory");
});
