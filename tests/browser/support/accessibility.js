// axe-core on a page. The policy forbids foreign script elements, so that it is told to the page by the browser itself.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const GRAVE = ["serious", "critical"];

/** What axe finds by these rules, or by all, as lines for a person: what is grave, and what is less. */
export async function examine(page, rules) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(source);
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), options);
  const lines = violations.flatMap(({ id, impact, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => ({
      isGrave: GRAVE.includes(impact),
      line: `${impact} ${id} (${help}) at ${target.join(" ")}: ${failureSummary.replaceAll(/\s+/g, " ")}`,
    })));
  return {
    grave: lines.filter(({ isGrave }) => isGrave).map(({ line }) => line),
    small: lines.filter(({ isGrave }) => !isGrave).map(({ line }) => line),
  };
}
