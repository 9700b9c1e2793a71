// Somebody who has read nothing, with what a fresh clone starts: the example presets, no token, sandboxes only.
import assert from "node:assert/strict";

import { examine } from "../support/accessibility.js";
import { becomesByItself, keep, picturesAreThere, state } from "../support/page.js";
import { examplePresets, sample } from "../support/places.js";
import { story, world } from "../support/story.js";

const home = world({ presets: examplePresets });

story("a newcomer gets from nothing to a photo that two services worked on, by words on the pages alone", home, {},
  async (page, darkroom) => {
    await page.goto("/");
    await keep(page, "newcomer-begins");
    await page.getByRole("main").getByRole("link", { name: "Upload" }).click();
    await page.waitForURL("**/upload");
    // The one that says "watermarks" and "then" something else.
    const preset = page.locator(".preset", { hasText: /Takes text watermarks away.*then.*resolution/s }).first();
    await preset.getByRole("radio").check();
    await keep(page, "newcomer-chooses");
    const chooser = page.waitForEvent("filechooser");
    await page.getByText("Choose photos").click();
    await (await chooser).setFiles(sample("coffee-watermarked.jpg"));
    await page.getByRole("button", { name: "Upload" }).click();
    const done = page.locator("#progress").getByRole("link", { name: "done" });
    await becomesByItself(page, "a line that is done", async () => (await done.count()) === 1);
    await done.click();
    await page.getByRole("heading", { name: "Before and after" }).waitFor();
    assert.equal(await state(page), "done");
    assert.ok((await page.locator(".timeline h3").count()) >= 2, "two services and more");
    await picturesAreThere(page);
    const address = await page.locator(".outputs a").first().getAttribute("href");
    assert.ok(address.startsWith(darkroom.bucket));
    assert.equal((await fetch(address)).headers.get("content-type"), "image/jpeg");
  });

story("presets with many options are as well to read and to reach as short ones", home, {}, async (page) => {
  await page.goto("/upload");
  for (const summary of await page.locator("summary").all()) await summary.click();
  assert.deepEqual((await examine(page)).grave, []);
  await page.setViewportSize({ width: 390, height: 844 });
  assert.deepEqual((await examine(page)).grave, []);
  assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth));
});
