// Somebody who has just started the demo, and does what it prints.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { enter } from "./browser.mjs";
import { demo } from "./program.mjs";
import { scenario } from "./scenario.mjs";

const NEW = "publish:posts";
const PRINTED = "read:posts";

/** What the demo's screen says, with one of its commands as it is run. */
function read(screen) {
  const exports = screen.filter((line) => line.startsWith("export "));
  const curls = screen.filter((line) => line.startsWith("curl "));
  const link = screen.find((line) => line.includes("/sign-in/"));
  const verify = curls.find((line) => line.includes("/v2/keys.verifyKey"));
  const paste = (command) => {
    const script = [...exports, `${command} --silent --show-error`].join("\n");
    return JSON.parse(execFileSync("sh", ["-c", script], { encoding: "utf8" }));
  };
  return { link, verify, paste };
}

/** Gives the permission to the demo's key, and comes back. */
async function giveToTheKey(page, permission) {
  const tabs = page.getByRole("navigation", { name: "Blog" });
  await tabs.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("link", { name: "A key of the Blog API" }).click();
  await page.getByRole("checkbox", { name: permission }).check();
  await page.getByRole("region", { name: "Give permissions" }).getByRole("button", { name: "Give" }).click();
  await page.getByRole("button", { name: `Take ${permission} away` }).waitFor();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Blog" }).click();
  await tabs.getByRole("link", { name: "Permissions" }).click();
}

/** From a key that is accepted to one that is refused, and back. */
async function deleteAndUndo(page, permission, code) {
  assert.equal(code(), "VALID");
  await page.getByRole("link", { name: `Delete ${permission}` }).click();
  await page.getByRole("heading", { name: `Delete ${permission}?` }).waitFor();
  const losers = page.getByRole("region", { name: "API keys that have it 1" });
  await losers.getByText("A key of the Blog API").waitFor();
  assert.equal(code(), "VALID", "nothing is deleted before it is confirmed");
  await page.getByRole("button", { name: "Delete permission" }).click();
  const undo = page.getByRole("status").filter({ hasText: `${permission} is deleted` });
  await undo.waitFor();
  assert.equal(code(), "INSUFFICIENT_PERMISSIONS");
  await undo.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("status").filter({ hasText: `${permission} is back` }).waitFor();
  assert.equal(code(), "VALID");
}

scenario(
  "a newcomer adds a permission, gives it to a key, deletes it and undoes that",
  async ({ server, open }) => {
    const { link, verify, paste } = read(server.screen);
    const page = await open();
    await enter(page, link);
    await page.getByRole("link", { name: "Blog" }).click();
    await page.getByRole("link", { name: "Permissions", exact: false }).click();
    await page.getByLabel("Permission", { exact: true }).fill(NEW);
    await page.getByLabel("Description optional").fill("Publish posts");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("status").filter({ hasText: `${NEW} is added` }).waitFor();

    const asked = verify.replaceAll(PRINTED, NEW);
    assert.notEqual(asked, verify);
    assert.equal(paste(asked).data.code, "INSUFFICIENT_PERMISSIONS");
    await giveToTheKey(page, NEW);
    await deleteAndUndo(page, NEW, () => paste(asked).data.code);
    // And the command as it is printed, with the permission that the demo's key has had from the start.
    await deleteAndUndo(page, PRINTED, () => paste(verify).data.code);
  },
  demo,
);
