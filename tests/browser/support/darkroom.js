// `darkroom serve` for one story: its own folder, free ports, a clean environment.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { presets as ours } from "./places.js";
import { start } from "./process.js";
import { until } from "./until.js";

export const TOKEN = "a token for the stories";

/**
 * Starts it. `token`: whether one has to log in. `switched`: the services whose faults the story switches; they run in a
 * sandbox of their own, because the one inside serve has no switches.
 */
export async function startDarkroom({ token = false, switched = [], environment = {}, presets = ours } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-browser-"));
  const sandbox = switched.length > 0 ? await startSandbox(switched) : null;
  const serve = await start(
    ["serve", "--data", folder, "--config", presets, "--s3", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dynamodb", "127.0.0.1:0"],
    { ...(token ? { DARKROOM_GALLERY_TOKEN: TOKEN } : {}), ...sandbox?.environment, ...environment },
  );
  const told = (name) => serve.output.match(new RegExp(`^${name}\\s+(http://\\S+)`, "m"))[1].replace(/\/$/, "");
  const darkroom = {
    gallery: told("gallery"),
    bucket: told("S3"),
    log: () => serve.output + serve.log,
    fault: sandbox?.fault,
    clearFaults: sandbox?.clearFaults,
    stop: async () => {
      await serve.stop();
      await sandbox?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };

  // The API as people's own tools use it. Without a token, a page tells what proves a request to be its own.
  let headers = token ? { authorization: `Bearer ${TOKEN}` } : null;
  darkroom.ask = async (path, body) => {
    headers ??= { "x-csrf-token": (await (await fetch(`${darkroom.gallery}/upload`)).text()).match(/data-csrf="([^"]+)"/)[1] };
    const options = body && { method: "POST", body: JSON.stringify(body) };
    const answer = await fetch(darkroom.gallery + path, { ...options, headers: { ...headers, "content-type": "application/json" } });
    const answered = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answered)}`);
    return answered;
  };
  /** Puts a file, and returns its job's id once there is one. */
  darkroom.put = async (route, file, { name = basename(file), bytes } = {}) => {
    const place = await darkroom.ask("/api/uploads", { route, name });
    const answer = await fetch(place.url, { method: "PUT", headers: { "if-none-match": "*" }, body: bytes ?? (await readFile(file)) });
    if (!answer.ok) throw new Error(`${place.key}: ${answer.status} ${await answer.text()}`);
    return until(`a job for ${place.key}`, async () => {
      const { jobs } = await darkroom.ask(`/api/jobs?text=${encodeURIComponent(place.key)}`);
      return jobs[0]?.id;
    });
  };
  darkroom.state = async (id) => (await darkroom.ask(`/api/jobs/${id}`)).state;
  darkroom.becomes = (id, ...states) => until(`${id} to be ${states}`, async () => states.includes(await darkroom.state(id)));
  return darkroom;
}

/** The services in a process of their own, with switches for faults (see sandbox/README.md). */
async function startSandbox(services) {
  const sandbox = await start(["sandbox", "--listen", "127.0.0.1:0"]);
  const variables = [...sandbox.output.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  const ours = variables.filter(([name]) => services.some((service) => name.startsWith(`${service.toUpperCase()}_`)));
  const control = await until("the address of the switches", () => sandbox.log.match(/http:\S+\/control/)?.[0]);
  const change = async (path, method, body) => {
    const answer = await fetch(`${control}${path}`, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
  };
  return {
    environment: Object.fromEntries(ours),
    fault: (service, switches) => change(`/faults/${service}`, "PATCH", switches),
    clearFaults: () => change("/faults", "DELETE"),
    stop: sandbox.stop,
  };
}
