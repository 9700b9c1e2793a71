import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";

import { examine } from "../support/accessibility.js";
import { artefact } from "../support/places.js";
import { NOT_THERE, pages, SHOWCASE } from "../support/showcase.js";
import { story, world } from "../support/story.js";

const shop = world({ ...SHOWCASE, token: true });
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
/** Only these depend on the colours. */
const OF_COLOUR = ["color-contrast", "link-in-text-block"];

story("axe finds nothing grave on any page, in the light, in the dark and on a phone", shop,
  // While colours move from light to dark, they are neither.
  { visitor: { reducedMotion: "reduce" }, expected: [NOT_THERE] }, async (page, _, context) => {
    const grave = [];
    const small = [];
    const look = async (name, rules) => {
      const found = await examine(page, rules);
      grave.push(...found.grave.map((line) => `${name}: ${line}`));
      small.push(...found.small.map((line) => `${name}: ${line}`));
    };
    const lookEveryWay = async (name, address) => {
      await page.setViewportSize(DESK);
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(address);
      // What is folded is a part of the page.
      for (const summary of await page.locator("summary:visible").all()) await summary.click();
      await look(`${name}, light`);
      await page.setViewportSize(PHONE);
      await look(`${name}, on a phone`);
      await page.emulateMedia({ colorScheme: "dark" });
      await look(`${name}, dark`, OF_COLOUR);
    };
    for (const [name, address] of Object.entries(pages(shop.jobs))) await lookEveryWay(name, address);
    await context.clearCookies();
    await lookEveryWay("login", "/login");
    await writeFile(artefact("accessibility-small-things.txt"), small.join("\n"));
    assert.deepEqual(grave, []);
  });
