import assert from "node:assert/strict";

import { becomesByItself, dropFiles, keep, listed, state, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";
import { until } from "../support/until.js";

const home = world({ switched: ["watermark"] });
const THREE = ["coffee-watermarked.jpg", "cat.jpg", "rocket.jpg"];
const files = THREE.map(sample);
/** A picture that is opened alone has no page of ours around it. */
const NO_ICON = /favicon\.ico/;

/** Writes down what the lines of the upload page say, in the order in which they say it. */
const follow = (page) =>
  page.evaluate(() => {
    window.seen = { states: [], bars: [] };
    const look = () => {
      for (const badge of document.querySelectorAll("#progress .badge")) window.seen.states.push(badge.dataset.state);
      for (const bar of document.querySelectorAll("#progress progress")) window.seen.bars.push(bar.value);
    };
    new MutationObserver(look).observe(document.getElementById("progress"), { attributes: true, childList: true, subtree: true });
  });

const lines = (page) => page.locator("#progress .badge[data-state=done]").count();

story("three files that are dropped go through three services, and their states tell so by themselves", home,
  { expected: [NO_ICON] }, async (page, darkroom, context) => {
    await darkroom.fault("watermark", { latency_ms: 2000 });
    await page.goto("/upload");
    await page.getByRole("radio", { name: "watermark/publish" }).check();
    await follow(page);
    await dropFiles(page, ".drop", files);
    assert.deepEqual(await page.locator("#progress li").evaluateAll((all) => all.map((line) => line.querySelector("progress").getAttribute("aria-label"))), THREE);
    assert.equal(await page.locator("#progress img").count(), 3);

    // On a slow line one sees the bars grow.
    const line = await context.newCDPSession(page);
    await line.send("Network.enable");
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 60_000 });
    await page.locator("#upload button[type=submit]").click();
    await page.locator("#progress .badge").first().waitFor();
    await keep(page, "upload-bars", { fullPage: false });
    await line.detach();

    const list = await context.newPage();
    await until("three jobs on the list", async () => (await list.goto("/jobs"), (await listed(list)).length === 3));
    assert.ok(Object.values(await states(list)).some((told) => told !== "done"), "the list begins with jobs that wait");
    await Promise.all([
      becomesByItself(page, "three times 'done' on the upload page", async () => (await lines(page)) === 3),
      becomesByItself(list, "three times 'done' on the list", async () => Object.values(await states(list)).every((told) => told === "done")),
    ]);
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen.bars.some((value) => value > 0 && value < 1), "a bar that is half full");
    assert.ok(seen.states.some((told) => told !== "done"), `${seen.states}`);
    await keep(page, "upload-done", { fullPage: false });

    // From the line to the job, from the job to the picture.
    await page.locator("#progress li a").first().click();
    await page.waitForURL("**/jobs/*");
    assert.equal(await state(page), "done");
    const [picture] = await Promise.all([context.waitForEvent("page"), page.locator(".outputs a").first().click()]);
    await picture.waitForLoadState();
    assert.ok(picture.url().startsWith(`${darkroom.bucket}/darkroom/results/watermark/publish/`), picture.url().split("?")[0]);
    assert.ok(await picture.evaluate(() => document.images[0].naturalWidth > 1000), "twice as large as it was");
  });

story("files can be chosen as well, and more of them afterwards", home, {}, async (page) => {
  await page.goto("/upload?route=imageban/public");
  assert.ok(await page.getByRole("radio", { name: "imageban/public" }).isChecked());
  await page.setInputFiles("#files", files.slice(0, 2));
  await page.locator("#upload button[type=submit]").click();
  await becomesByItself(page, "two that are done", async () => (await lines(page)) === 2);
  await page.setInputFiles("#files", files.slice(2));
  await page.locator("#upload button[type=submit]").click();
  await becomesByItself(page, "three that are done", async () => (await lines(page)) === 3);
});

story("a preset is chosen and nothing else: the form asks for files", home, {}, async (page) => {
  await page.goto("/upload");
  await page.locator("#upload button[type=submit]").click();
  assert.ok(await page.locator("#files").evaluate((input) => input.matches(":invalid") || input.matches(":focus")));
  assert.equal(new URL(page.url()).pathname, "/upload");
});

// Sent again under another key, it would be another job, and paid for again.
story("a file whose answer is lost on the way is sent again and makes one job", home,
  { expected: [/ERR_FAILED|status of 412/] }, async (page, _, context) => {
    let lost = 0;
    const line = await context.newCDPSession(page);
    await line.send("Fetch.enable", { patterns: [{ urlPattern: "*X-Amz-Signature*", requestStage: "Response" }] });
    line.on("Fetch.requestPaused", ({ requestId, request }) => {
      const loses = request.method === "PUT" && lost === 0;
      if (loses) lost += 1;
      const goesOn = loses ? line.send("Fetch.failRequest", { requestId, errorReason: "Failed" }) : line.send("Fetch.continueRequest", { requestId });
      // A picture that was asked for by a page that has gone meanwhile waits for nobody.
      goesOn.catch((problem) => { if (!/Invalid InterceptionId|closed/.test(problem.message)) throw problem; });
    });
    await page.goto("/jobs");
    const before = await page.locator(".job").count();
    await page.goto("/upload?route=imageban/public");
    await page.setInputFiles("#files", files.slice(0, 1));
    await page.locator("#upload button[type=submit]").click();
    await page.locator("#progress .trouble").waitFor();
    await page.locator("#upload button[type=submit]").click();
    await becomesByItself(page, "one that is done", async () => (await lines(page)) === 1);
    assert.equal(lost, 1);
    await page.goto("/jobs");
    assert.equal(await page.locator(".job").count(), before + 1);
  });
