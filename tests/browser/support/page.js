// What visitors do and see, in words.
import { artefact } from "./places.js";
import { until } from "./until.js";

/** Drops files from the desktop: the browser's own events with real files, as when a hand lets them go. */
export async function dropFiles(page, selector, files) {
  const target = page.locator(selector);
  await target.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await target.boundingBox();
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
  }
  await session.detach();
}

/** The states of the jobs on a list, by job. */
export const states = (page) =>
  page.locator(".job").evaluateAll((cards) =>
    Object.fromEntries(cards.map((card) => [card.dataset.job, card.querySelector("[data-state]").dataset.state])));

/** The ids on a list, from the top. */
export const listed = (page) => page.locator(".job").evaluateAll((cards) => cards.map((card) => card.dataset.job));

/** The state on a job's page. */
export const state = (page) => page.locator(".head [data-state]").getAttribute("data-state");

/** Waits for it without a reload: a mark on the window would be gone after one. */
export async function becomesByItself(page, what, look) {
  await page.evaluate(() => (window.notReloaded = true));
  await until(what, look);
  if (!(await page.evaluate(() => window.notReloaded))) throw new Error("the page was loaded again");
}

/** Waits until every picture in sight is there. */
export const picturesAreThere = (page) =>
  until("all pictures", () =>
    page.evaluate(() =>
      [...document.images].every((image) => {
        const { top, bottom } = image.getBoundingClientRect();
        const isSeen = bottom > 0 && top < innerHeight;
        return !isSeen || (image.complete && image.naturalWidth > 0);
      })));

/** Leaves a picture of the page among the artefacts. */
export async function keep(page, name, { fullPage = true, ...options } = {}) {
  await page.screenshot({ path: artefact(`${name}.png`), fullPage, ...options });
}
