// All pages under all circumstances: narrow, dark, by keyboard alone, in other languages.
import assert from "node:assert/strict";

import { keep, picturesAreThere } from "../support/page.js";
import { NOT_THERE, pages, SHOWCASE } from "../support/showcase.js";
import { story, world } from "../support/story.js";

const home = world(SHOWCASE);

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

story("on a phone no page is wider than the screen, and the navigation is at hand", home, { visitor: phone, expected: [NOT_THERE] },
  async (page) => {
    for (const [name, address] of Object.entries(pages(home.jobs))) {
      await page.goto(address);
      for (const summary of await page.locator("summary:visible").all()) await summary.click();
      const { width, screen, wide } = await page.evaluate(() => ({
        width: document.scrollingElement.scrollWidth,
        screen: innerWidth,
        wide: [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 120)),
      }));
      assert.ok(width <= screen && screen === 390, `${name}: ${width} of ${screen} px; ${wide.slice(0, 3).join("\n")}`);
      await page.evaluate(() => scrollTo(0, 0));
      if (["jobs", "upload", "providers", "job-done"].includes(name)) await keep(page, `phone-${name}`, { fullPage: false });
    }
    await page.goto("/jobs");
    for (const [name, path] of [["Upload", "/upload"], ["Providers", "/providers"], ["Jobs", "/jobs"]]) {
      const link = page.locator("nav").first().getByRole("link", { name });
      const { height } = await link.boundingBox();
      assert.ok(height >= 36, `${name} is ${height} px high: too small for a finger`);
      await link.tap();
      await page.waitForURL(`**${path}`);
    }
  });

story("on a phone the filter is folded until it is wanted, and seen while it is in use", home, { visitor: phone }, async (page) => {
  await page.goto("/jobs");
  const fold = page.locator("summary", { hasText: "Filter" });
  const state = page.getByLabel("State");
  await fold.waitFor();
  assert.equal(await state.isVisible(), false);
  await fold.tap();
  await state.selectOption("failed");
  await page.getByRole("search").getByRole("button").tap();
  await page.waitForURL("**/jobs?state=failed**");
  assert.equal(await state.isVisible(), true);
  // Turned round, there is room for it.
  await page.goto("/jobs");
  assert.equal(await state.isVisible(), false);
  await page.setViewportSize({ width: 844, height: 390 });
  await state.waitFor();
  assert.equal(await fold.isVisible(), false);
});

story("in the dark every page is dark", home, { visitor: { colorScheme: "dark" }, expected: [NOT_THERE] }, async (page) => {
  for (const [name, address] of Object.entries(pages(home.jobs))) {
    await page.goto(address);
    const brightness = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.ok(Math.max(...brightness) < 60, `${name}: ${brightness}`);
  }
  await page.goto("/jobs");
  await picturesAreThere(page);
  await keep(page, "dark-jobs");
  await page.goto(`/jobs/${home.jobs.published}`);
  await picturesAreThere(page);
  await keep(page, "dark-job");
  await page.goto("/upload");
  await keep(page, "dark-upload");
});

const LANGUAGES = {
  "ru-RU": { tag: "ru", heading: "Задания", waits: "приостановлен", failed: "Сервис не принимает такие снимки.", name: "ru" },
  "zh-CN": { tag: "zh-Hans", heading: "任务", waits: "已暂停", failed: "服务商不接受此类图片。", name: "zh" },
  "fr-FR": { tag: "en", heading: "Jobs", waits: "on hold", failed: "The service takes no such image.", name: null },
};
for (const [locale, { tag, heading, waits, failed, name }] of Object.entries(LANGUAGES)) {
  story(`who reads ${locale} is spoken to in ${tag}`, home, { visitor: { locale }, expected: [NOT_THERE] }, async (page) => {
    await page.goto("/jobs");
    for (const address of Object.values(pages(home.jobs))) {
      const text = await page.evaluate((address) => fetch(address).then((answer) => answer.text()), address);
      assert.match(text, new RegExp(`<html lang="${tag}"`), address);
    }
    assert.equal(await page.locator("h1").innerText(), heading);
    await page.getByText(waits).first().waitFor();
    await picturesAreThere(page);
    await page.getByText(failed).first().waitFor();
    if (name) {
      await keep(page, `${name}-jobs`);
      await page.goto("/upload");
      await keep(page, `${name}-upload`);
      await page.goto(`/jobs/${home.jobs.published}`);
      await keep(page, `${name}-job`);
    }
    await page.goto(`/jobs/${home.jobs.failed}`);
    await page.getByText(failed).waitFor();
    if (name) await keep(page, `${name}-job-failed`);
  });
}

/** What Tab leads to, from the top until it leaves the page; what has the focus without being seen to have it. */
async function tabThrough(page) {
  const reached = [];
  const unseen = [];
  for (let presses = 0; presses < 300; presses++) {
    await page.keyboard.press("Tab");
    const told = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!focused || focused === document.body || focused.dataset.reached) return null;
      focused.dataset.reached = "yes";
      // A field that is hidden behind its label shows its focus there.
      const isHidden = focused.getBoundingClientRect().width <= 2;
      const shown = isHidden ? focused.form?.querySelector(`label[for="${focused.id}"]`) : focused;
      const parts = shown ? [shown, ...shown.querySelectorAll("*")] : [];
      const isSeen = parts.some((part) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(part);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
      });
      return { words: focused.outerHTML.slice(0, 100), isSeen };
    });
    if (!told) break;
    reached.push(told.words);
    if (!told.isSeen) unseen.push(told.words);
  }
  const missed = await page.evaluate(() =>
    [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter((one) => {
      const isOne = one.tabIndex >= 0 && one.type !== "hidden" && !one.disabled && one.checkVisibility({ visibilityProperty: true });
      // A group of radio buttons is one stop.
      const isGrouped = one.type === "radio" && !one.checked;
      return isOne && !isGrouped && !one.dataset.reached;
    }).map((one) => one.outerHTML.slice(0, 100)));
  return { reached, missed, unseen };
}

story("the keyboard alone reaches everything on every page, and one sees where it is", home, { expected: [NOT_THERE] }, async (page) => {
  for (const [name, address] of Object.entries(pages(home.jobs))) {
    // A page that changes while it is walked through would be another one at the end.
    await page.addInitScript(() => addEventListener("DOMContentLoaded", () => document.body.removeAttribute("data-live")));
    await page.goto(address);
    const { reached, missed, unseen } = await tabThrough(page);
    assert.ok(reached.length > 0, name);
    assert.deepEqual(missed, [], `${name}: never reached`);
    assert.deepEqual(unseen, [], `${name}: has the focus and does not show it`);
  }
});

story("the first stop leads past the navigation", home, {}, async (page) => {
  await page.goto("/jobs");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  assert.ok(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().top >= 0));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.closest("main") !== null));
});

story("a job is sent, looked at and retried with the keyboard alone", home, {}, async (page) => {
  await page.goto("/upload?route=vkcloud/improve");
  await page.locator("input[type=radio]:checked").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.locator("input[type=radio]:checked").inputValue(), "vkcloud/improve");
  await page.goto("/jobs?state=failed");
  await page.locator("#select-all").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("status").waitFor();
  assert.equal(new URL(page.url()).pathname, "/jobs");
});
