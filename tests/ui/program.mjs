// The program under test, as a process of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { PROGRAM, SCRATCH } = process.env;
const PATIENCE = 60_000;

// Nothing that was started outlives the tests, however they end.
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** Starts `keyward` with these arguments; answers when it says that it is ready. */
async function start(given) {
  const log = join(SCRATCH, `${given[0]}-${running.size}-${process.hrtime.bigint()}.log`);
  const child = spawn(PROGRAM, given, { stdio: ["ignore", "pipe", openSync(log, "a")] });
  running.add(child);
  const gone = once(child, "exit").finally(() => running.delete(child));
  const screen = [];
  const ready = new Promise((resolve, reject) => {
    gone.then(([code]) => reject(new Error(`keyward ${given[0]} ended (${code}) without its 'ready' line`)));
    setTimeout(() => reject(new Error(`keyward ${given[0]} was silent for a minute`)), PATIENCE).unref();
    createInterface(child.stdout).on("line", (line) => {
      screen.push(line);
      if (line.startsWith("ready ")) resolve(line.split(" ").slice(1));
    });
  });
  const [plain] = await ready;
  return { url: plain, screen, log, stop: () => stop(child, gone) };
}

async function stop(child, gone) {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  const [code] = await gone;
  clearTimeout(late);
  assert.equal(code, 0, "the program ends by itself when it is told to");
}

/** Runs a command that prints something and ends. */
async function run(given, input = "") {
  const child = spawn(PROGRAM, given, { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  child.stdin.end(input);
  let printed = "";
  child.stdout.on("data", (part) => (printed += part));
  const [code] = await once(child, "close");
  running.delete(child);
  assert.equal(code, 0, `keyward ${given.slice(0, 2).join(" ")}`);
  return printed.trim();
}

/** The password of every administrator made here. */
export const PASSWORD = "seven green bicycles";

/** A server with an empty store, on ports that are free. */
export async function serve() {
  const data = mkdtempSync(join(SCRATCH, "data-"));
  const place = ["--data-dir", data];
  const { url, screen, log, stop } = await start(["serve", ...place, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
  const link = screen.join("\n").match(/\/sign-in\/\S+/)[0];
  const token = await run(["token", ...place]);
  const rootKey = await run(["root-key", "create", ...place, "--name", "tests", "--permission", "*"]);
  return {
    url,
    log,
    /** Where whoever installed it signs in. */
    link: url + link,
    /** Makes an administrator with this role; its address. */
    async administrator(role) {
      const email = `${role}@example.com`;
      await run(["admin", "create", ...place, "--email", email, "--role", role], `${PASSWORD}\n`);
      return email;
    },
    /** Asks the Management API; its answer, which is none of a deletion. */
    async management(method, path, body) {
      return ask(`${url}/api/v2/${path}`, method, token, body);
    },
    /** Asks the keys' API; the data of its answer. */
    async keys(operation, body) {
      return (await ask(`${url}/v2/${operation}`, "POST", rootKey, body)).data;
    },
    async stop() {
      await stop();
      rmSync(data, { recursive: true });
    },
  };
}

async function ask(url, method, bearer, body) {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

/** The demo, whose ports are its contract; words when another program has one of them. */
export async function demo() {
  for (const port of [8080, 8443]) {
    if (!(await isFree(port))) return `the demo's port ${port} is taken by another program`;
  }
  return start(["demo"]);
}

async function isFree(port) {
  const socket = createServer();
  const free = await new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    socket.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => socket.close(resolve));
  return free;
}
