// A process of darkroom's command: its lines are read until it says `ready`, and it ends with the story.
import { spawn } from "node:child_process";
import { once } from "node:events";

import { command } from "./places.js";

const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 20_000;

/** Starts `darkroom <words>` in an environment that holds nothing but `environment`. */
export async function start(words, environment = {}) {
  const child = spawn(command, words, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Whatever ends the tests ends what they have started.
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  const running = { output: "", log: "" };
  child.stderr.on("data", (data) => (running.log += data));
  await new Promise((ready, failed) => {
    const late = setTimeout(() => failed(new Error(`no 'ready' from ${words[0]}: ${running.output}${running.log}`)), STARTS_WITHIN_MS);
    child.on("error", failed);
    child.on("exit", () => failed(new Error(`${words[0]} ended: ${running.output}${running.log}`)));
    child.stdout.on("data", (data) => {
      running.output += data;
      if (/^ready$/m.test(running.output)) {
        clearTimeout(late);
        ready();
      }
    });
  });
  running.stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const late = setTimeout(kill, STOPS_WITHIN_MS);
      await ended;
      clearTimeout(late);
    }
    process.off("exit", kill);
  };
  return running;
}
