// The tests named, one after the other; without a name, all. Or the pictures, when it is said where they go.

import { readdirSync } from "node:fs";
import { after } from "node:test";

import { close } from "./browser.mjs";

const ending = ".test.mjs";
const there = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(ending))
  .map((file) => file.slice(0, -ending.length))
  .sort();
const names = process.argv.length > 2 ? process.argv.slice(2) : there;
if (process.env.SCREENSHOTS) await import("./screenshots.mjs");
else for (const name of names) await import(`./${name}${ending}`);
after(close);
