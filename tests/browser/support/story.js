// A story: a browser, a visitor with a page, and what has to be true of every page whatever the story is about.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium as engine } from "playwright-core";

import { startDarkroom, TOKEN } from "./darkroom.js";
import { artefact, chromium } from "./places.js";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const STORY_ENDS_WITHIN_MS = 150_000;
const STEP_ENDS_WITHIN_MS = 45_000;

/** A darkroom and a browser for the stories of a file. `fill`: what is there before they begin; they find it in `jobs`. */
export function world({ fill, ...options } = {}) {
  const world = { signsIn: Boolean(options.token) };
  before(async () => {
    const started = await Promise.all([
      startDarkroom(options),
      engine.launch({ executablePath: chromium, args: FLAGS }),
    ]);
    [world.darkroom, world.browser] = started;
    world.jobs = await fill?.(world.darkroom);
  });
  after(async () => {
    await world.browser?.close();
    await world.darkroom?.stop();
  });
  return world;
}

/**
 * Tells a story to a visitor of `world`. `visitor`: the context's options, as in a phone's width. `expected`: what the
 * console may say, or which other origin may be asked, because the story is about it.
 */
export function story(name, world, { visitor = {}, expected = [], signedIn = world.signsIn } = {}, tell) {
  test(name, { timeout: STORY_ENDS_WITHIN_MS }, async () => {
    const { darkroom } = world;
    const context = await world.browser.newContext({
      baseURL: darkroom.gallery, locale: "en-GB", timezoneId: "UTC", viewport: { width: 1280, height: 900 }, ...visitor,
    });
    context.setDefaultTimeout(STEP_ENDS_WITHIN_MS);
    const faults = watch(context, darkroom, expected);
    const page = await context.newPage();
    try {
      if (signedIn) await signIn(page);
      await tell(page, darkroom, context);
      assert.deepEqual(faults, [], "what the browser complained of");
    } catch (problem) {
      const picture = artefact(`failed-${name.replaceAll(/[^a-z0-9]+/gi, "-")}.png`);
      await page.screenshot({ path: picture, fullPage: true }).catch(() => {});
      throw problem;
    } finally {
      await context.close();
    }
  });
}

/** Logs in with the token. */
export async function signIn(page, token = TOKEN) {
  await page.goto("/login");
  await page.fill("#token", token);
  await page.click("button[type=submit]");
  await page.waitForURL("**/jobs");
}

/** No page says an error, breaks its own policy, or asks anybody but this serve. */
function watch(context, darkroom, expected) {
  const faults = [];
  const complain = (words) => {
    if (!expected.some((known) => known.test(words))) faults.push(words);
  };
  const origins = [darkroom.gallery, darkroom.bucket];
  context.on("console", (message) => {
    // A broken policy comes as an error, too.
    if (message.type() === "error") complain(`${message.text()} (${message.location().url.split("?")[0]})`);
  });
  context.on("weberror", (problem) => complain(String(problem.error())));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["blob:", "data:"].includes(url.protocol) && !origins.includes(url.origin)) complain(`asked ${url.origin}`);
  });
  return faults;
}
