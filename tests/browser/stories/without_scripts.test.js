import assert from "node:assert/strict";

import { keep, listed, picturesAreThere, state, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";
import { until } from "../support/until.js";

const shop = world({ token: true, switched: ["vkcloud"] });
const visitor = { javaScriptEnabled: false };

story("without scripts: log in, upload by the form, and the list looks again by itself", shop, { visitor }, async (page) => {
  await page.getByRole("link", { name: "Upload" }).first().click();
  await page.setInputFiles("#files", [sample("cat.jpg"), sample("rocket.jpg")]);
  await page.getByRole("radio", { name: "imgfactory/copies" }).check();
  await keep(page, "without-scripts-upload");
  await page.locator("#upload button[type=submit]").click();
  await page.waitForURL("**/jobs");
  await until("two jobs on the list", async () => (await listed(page)).length === 2 || (await page.reload(), false));
  // From here on the page itself asks the browser to look again.
  await until("both to be done", async () => Object.values(await states(page).catch(() => ({}))).filter((told) => told === "done").length === 2);
  await keep(page, "without-scripts-jobs");
  await page.locator(".job h2 a").first().click();
  await page.waitForURL("**/jobs/*");
  assert.equal(await state(page), "done");
  await picturesAreThere(page);
  const [before, after] = [page.locator(".compare .before img"), page.locator(".compare .after img")];
  const [left, right] = [await before.boundingBox(), await after.boundingBox()];
  assert.ok(left.x + left.width <= right.x, "before and after stand side by side");
  assert.equal(await page.getByRole("slider").count(), 0);
  await keep(page, "without-scripts-job");
});

story("without scripts: a failed job is retried, alone and among others, and the list is filtered", shop, { visitor },
  async (page, darkroom) => {
    await darkroom.fault("vkcloud", { refuse_next_images: 2 });
    const ids = [];
    for (const name of ["one.jpg", "two.jpg"]) ids.push(await darkroom.put("vkcloud/improve", sample("cat.jpg"), { name }));
    for (const id of ids) await darkroom.becomes(id, "failed");
    await page.goto(`/jobs/${ids[0]}`);
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByRole("status").waitFor();
    await darkroom.becomes(ids[0], "done");

    await page.goto("/jobs");
    await page.selectOption("select[name=state]", "failed");
    await page.getByRole("search").getByRole("button").click();
    await page.waitForURL("**/jobs?state=failed**");
    assert.deepEqual(await listed(page), [ids[1]]);
    await page.locator(".job input[type=checkbox]").check();
    await page.getByRole("button", { name: "Retry selected" }).click();
    await page.getByRole("status").waitFor();
    await darkroom.becomes(ids[1], "done");
  });

story("without scripts: a preset goes on with a result, and one signs out", shop, { visitor }, async (page, darkroom) => {
  const id = await darkroom.put("imageban/public", sample("rocket.jpg"));
  await darkroom.becomes(id, "done");
  await page.goto(`/jobs/${id}`);
  await page.selectOption(".continue select[name=route]", "vkcloud/double");
  await page.locator(".continue button").click();
  await page.waitForURL("**/jobs**");
  await until("the new job", async () => (await listed(page)).length === 1 || (await page.reload(), false));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/login");
});
