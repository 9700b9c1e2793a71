import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";

import { examine } from "../support/accessibility.js";
import { artefact } from "../support/places.js";
import { NOT_THERE, pages, SHOWCASE } from "../support/showcase.js";
import { story, world } from "../support/story.js";

const shop = world({ ...SHOWCASE, token: true });
const small = artefact("accessibility-small-things.txt");
await writeFile(small, "");

const LOOKS = {
  "in the light": { colorScheme: "light" },
  "in the dark": { colorScheme: "dark" },
  "on a phone": { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

for (const [look, visitor] of Object.entries(LOOKS)) {
  story(`axe finds nothing grave on any page, ${look}`, shop, { visitor, expected: [NOT_THERE] }, async (page, _, context) => {
    const found = [];
    const told = async (name) => {
      const { grave, small: less } = await examine(page);
      found.push(...grave.map((line) => `${name}: ${line}`));
      if (less.length > 0) await appendFile(small, less.map((line) => `${name}, ${look}: ${line}\n`).join(""));
    };
    for (const [name, address] of Object.entries(pages(shop.jobs))) {
      await page.goto(address);
      // What is folded is a part of the page.
      for (const summary of await page.locator("summary").all()) await summary.click();
      await told(name);
    }
    await context.clearCookies();
    await page.goto("/login");
    await told("login");
    assert.deepEqual(found, []);
  });
}
