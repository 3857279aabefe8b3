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
  return { exports, link, verify, paste };
}

/** Gives the permission to the printed key. In the console as soon as it has pages of keys. */
async function giveToTheKey({ server, exports }, permission) {
  const value = (name) => exports.find((line) => line.includes(`${name}=`)).split("'")[1];
  const ask = async (operation, body) => {
    const headers = { authorization: `Bearer ${value("KEYWARD_ROOT_KEY")}`, "content-type": "application/json" };
    const answer = await fetch(`${server.url}/v2/${operation}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
    return (await answer.json()).data;
  };
  const { keyId } = await ask("keys.verifyKey", { key: value("KEYWARD_KEY") });
  await ask("keys.addPermissions", { keyId, permissions: [permission] });
}

/** From a key that is accepted to one that is refused, and back. */
async function deleteAndUndo(page, permission, code) {
  assert.equal(code(), "VALID");
  await page.getByRole("link", { name: `Delete ${permission}` }).click();
  await page.getByRole("heading", { name: `Delete ${permission}?` }).waitFor();
  await page.getByText("These lose it, at once and everywhere").waitFor();
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
    const { exports, link, verify, paste } = read(server.screen);
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
    await giveToTheKey({ server, exports }, NEW);
    await deleteAndUndo(page, NEW, () => paste(asked).data.code);
    // And the command as it is printed, with the permission that the demo's key has had from the start.
    await deleteAndUndo(page, PRINTED, () => paste(verify).data.code);
  },
  demo,
);
