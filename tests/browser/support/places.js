// Where things lie.
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../../..");

export const command = process.env.DARKROOM ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/darkroom");
export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const presets = join(here, "../presets.toml");
/** What `serve` takes in a fresh clone. */
export const examplePresets = join(root, "darkroom.toml");
export const sample = (name) => join(root, "cli/samples", name);
export const artefacts = process.env.BROWSER_ARTEFACTS ?? join(root, "target/browser");
export const artefact = (name) => {
  mkdirSync(artefacts, { recursive: true });
  return join(artefacts, name);
};
