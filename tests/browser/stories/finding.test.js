import assert from "node:assert/strict";

import { keep, listed, states } from "../support/page.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";

const home = world();
const ON_A_PAGE = 24;

/** Jobs that fail at once and for nothing: what they are made of is no picture. */
const many = (darkroom, route, names) =>
  Promise.all(names.map((name) => darkroom.put(route, null, { name, bytes: `no picture, but ${name}` })));

const numbered = (name, from, to) => Array.from({ length: to - from + 1 }, (_, place) => `${name}-${from + place}.jpg`);

const filter = (page) => page.getByRole("search").getByRole("button").click();

story("jobs are found by state, service, route and a part of their name", home, {}, async (page, darkroom) => {
  const kitten = await darkroom.put("imageban/public", sample("cat.jpg"), { name: "Котик на окне.jpg" });
  const [broken] = await many(darkroom, "vkcloud/double", ["Rocket Launch.jpg"]);
  await darkroom.becomes(kitten, "done");
  await darkroom.becomes(broken, "failed");
  await page.goto("/jobs");
  assert.equal((await listed(page)).length, 2);

  const cases = [
    ["select[name=state]", "done", [kitten]],
    ["select[name=state]", "failed", [broken]],
    ["select[name=state]", "waiting", []],
    ["select[name=provider]", "imageban", [kitten]],
    ["select[name=route]", "vkcloud/double", [broken]],
    ["input[name=text]", "КОТИК", [kitten]],
    ["input[name=text]", "rocket", [broken]],
  ];
  for (const [field, value, expected] of cases) {
    await page.goto("/jobs");
    if (field.startsWith("select")) await page.selectOption(field, value);
    else await page.fill(field, value);
    await filter(page);
    await page.waitForURL("**/jobs?**");
    assert.deepEqual(await listed(page), expected, `${field} ${value}`);
    assert.equal(await page.inputValue(field), value, "what was asked for stays in its field");
  }

  await page.goto("/jobs?state=done&text=rocket");
  await keep(page, "jobs-none-found");
  await page.getByRole("link", { name: "Show all" }).click();
  await page.waitForURL("**/jobs");
  assert.equal((await listed(page)).length, 2);

  // A job's id leads to the job itself.
  await page.fill("input[name=text]", kitten);
  await filter(page);
  await page.waitForURL(`**/jobs/${kitten}`);
});

story("older jobs come page by page, each of them once, whatever comes in between", home, {}, async (page, darkroom) => {
  const ids = await many(darkroom, "imageban/public", numbered("negative", 1, ON_A_PAGE + 8));
  const address = "/jobs?provider=imageban&text=negative";
  await page.goto(address);
  const first = await listed(page);
  assert.equal(first.length, ON_A_PAGE);
  await many(darkroom, "imageban/public", numbered("late-negative", 1, 3));
  await page.locator("a[rel=next]").click();
  await page.waitForURL("**before=**");
  const second = await listed(page);
  assert.deepEqual([...first, ...second].sort(), [...ids].sort());
  assert.equal(await page.locator("a[rel=next]").count(), 0);
  assert.equal(await page.inputValue("input[name=text]"), "negative", "the filter goes along");

  await page.getByRole("link", { name: "Newest jobs" }).click();
  await page.waitForURL((url) => !url.search.includes("before"));
  assert.equal((await listed(page)).length, ON_A_PAGE);
  assert.ok(Object.values(await states(page)).every((told) => told !== "done"));
});
