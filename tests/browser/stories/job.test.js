import assert from "node:assert/strict";

import { becomesByItself, keep, listed, picturesAreThere, state, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";
import { until } from "../support/until.js";

const home = world();

/** How much of the original the slider leaves: where the result's picture is cut off, in per cent. */
const shown = (page) =>
  page.locator(".compare .after").evaluate((after) => Number(getComputedStyle(after).clipPath.match(/([\d.]+)%\)$/)?.[1] ?? 0));

story("before and after are compared with the keyboard and with the pointer", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("watermark/clean", sample("coffee-watermarked.jpg"));
  await darkroom.becomes(id, "done");
  await page.goto(`/jobs/${id}`);
  await picturesAreThere(page);
  const slider = page.locator(".compare").getByRole("slider");
  const half = await shown(page);
  assert.equal(half, 50);

  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await shown(page), 49);
  await page.keyboard.press("Home");
  assert.equal(await shown(page), 0);
  const whole = await page.locator(".compare").screenshot();
  await page.keyboard.press("End");
  assert.equal(await shown(page), 100);
  const nothing = await page.locator(".compare").screenshot();
  assert.ok(!whole.equals(nothing), "the original looks different");

  const { x, y, width, height } = await slider.boundingBox();
  await page.mouse.move(x + width - 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 4, y + height / 2, { steps: 8 });
  await page.mouse.up();
  const quarter = await shown(page);
  assert.ok(quarter > 15 && quarter < 35, `${quarter} %`);
});

story("of several results each is compared, opened and told with its pixels", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("imgfactory/copies", sample("cat.jpg"));
  await darkroom.becomes(id, "done");
  await page.goto(`/jobs/${id}`);
  assert.equal(await page.locator(".outputs > li").count(), 3);
  assert.match(await page.locator(".outputs > li").first().innerText(), /\d+×\d+/);
  const name = (address) => new URL(address).pathname;
  const after = page.locator(".compare .after img");
  const first = name(await after.getAttribute("src"));
  await page.getByRole("link", { name: "Compare" }).nth(1).click();
  await page.waitForURL("**?compare=2*");
  assert.notEqual(name(await after.getAttribute("src")), first);
});

story("the way through the services is told, with links to copy and the record", home, {}, async (page, darkroom, context) => {
  const id = await darkroom.put("watermark/publish", sample("coffee-watermarked.jpg"));
  await darkroom.becomes(id, "done");
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: darkroom.gallery });
  await page.goto(`/jobs/${id}`);
  const steps = await page.locator(".timeline h3").allInnerTexts();
  assert.deepEqual(steps, ["watermark/publish", "vkcloud/double", "imageban/public"]);

  const link = page.locator(".links a").first();
  const copy = page.locator(".links button").first();
  await copy.click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await link.getAttribute("href"));
  await page.getByRole("button", { name: "Copy" }).first().waitFor();

  await page.getByText("The record, job.json").click();
  const record = JSON.parse(await page.locator("pre").innerText());
  assert.equal(record.state, "done");
  assert.equal(record.steps.length, 3);
  const answer = await page.request.get(`/jobs/${id}/job.json`);
  assert.deepEqual(await answer.json(), record);
  await keep(page, "job-record");
});

story("where text was found is drawn over the picture", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("watermark/read", sample("coffee-watermarked.jpg"));
  await darkroom.becomes(id, "done");
  const fetched = page.waitForResponse((answer) => answer.url().includes("/uploads/watermark/read/") && answer.ok());
  await page.goto(`/jobs/${id}`);
  await fetched;
  const drawing = await page.locator("svg.rectangles").boundingBox();
  const found = page.locator("svg.rectangles rect");
  assert.ok((await found.count()) >= 2);
  for (const rectangle of await found.all()) {
    const { x, y, width, height } = await rectangle.boundingBox();
    assert.ok(width > 20 && height > 5, "large enough to be seen");
    assert.ok(x >= drawing.x - 3 && y >= drawing.y - 3 && x + width <= drawing.x + drawing.width + 3 && y + height <= drawing.y + drawing.height + 3);
  }
  await keep(page, "job-rectangles");
});

story("another preset works on a result, and its job ends before one's eyes", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("watermark/clean", sample("rocket.jpg"));
  await darkroom.becomes(id, "done");
  await page.goto(`/jobs/${id}`);
  await page.selectOption(".continue select[name=route]", "fangtang/revive");
  await page.locator(".continue button").click();
  await page.waitForURL("**/jobs**");
  // The upload is told to darkroom by the bucket, which may take a moment.
  await until("the new job on the page", async () => (await listed(page)).length > 0 || (await page.reload(), false));
  const next = (await listed(page)).at(0);
  assert.notEqual(next, id);
  await becomesByItself(page, "the new job to be done", async () => (await states(page))[next] === "done");
  await page.goto(`/jobs/${next}`);
  assert.equal(await page.locator("h1").innerText(), "rocket.jpg");
});

story("a job is followed from its beginning to its end, and its pictures come by themselves", home, {}, async (page, darkroom) => {
  const id = await darkroom.put("fangtang/revive", sample("old-portrait.jpg"));
  await page.goto(`/jobs/${id}`);
  await becomesByItself(page, "the job to be done", async () => (await state(page)) === "done");
  await page.locator(".outputs img").first().waitFor();
  await page.locator(".compare").scrollIntoViewIfNeeded();
  await picturesAreThere(page);
  assert.equal(await page.locator(".picture.missing").count(), 0, "no picture is given up");
});
