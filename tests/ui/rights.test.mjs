// What each role sees of the same pages.

import assert from "node:assert/strict";

import { signIn } from "./browser.mjs";
import { calendar, extremes } from "./catalogue.mjs";
import { crawl } from "./crawl.mjs";
import { scenario } from "./scenario.mjs";

const CHANGES = /^(New API|Add|Add many|Edit .*|Delete .*|Restore .*|Undo)$/;

scenario("a viewer sees everything and changes nothing, an editor changes it", async ({ server, open }) => {
  const { id } = await server.management("POST", "resource-servers", {
    name: "Calendar",
    identifier: "https://calendar.example/",
    scopes: [{ value: "read:calendar" }, { value: "write:calendar" }],
  });
  await server.management("DELETE", `resource-servers/${id}/scopes/write:calendar`);
  const viewer = await open();
  await signIn(viewer, await server.administrator("viewer"));
  const editor = await open();
  await signIn(editor, await server.administrator("editor"));
  const controls = async (page) => {
    const all = [page.getByRole("link", { name: CHANGES }), page.getByRole("button", { name: CHANGES })];
    return (await Promise.all(all.map((some) => some.count()))).reduce((one, other) => one + other);
  };
  for (const [path, can] of [["/apis", 1], [`/apis/${id}/permissions`, 5]]) {
    await viewer.goto(path);
    await editor.goto(path);
    assert.equal(await controls(viewer), 0, path);
    assert.equal(await controls(editor), can, path);
  }
  await viewer.getByRole("rowheader", { name: "read:calendar" }).waitFor();
  await viewer.getByRole("banner").getByText("Viewer", { exact: true }).waitFor();

  // Who knows the address is told why, and the form of an editor does not work for a viewer.
  await editor.getByRole("link", { name: "Delete read:calendar" }).click();
  await editor.getByRole("button", { name: "Delete permission" }).waitFor();
  const answer = await viewer.goto(editor.url());
  assert.equal(answer.status(), 403);
  await viewer.getByText("It takes an administrator with the role editor.").waitFor();
  const refused = await viewer.request.post(editor.url(), {
    form: { form_token: await editor.locator("main [name=form_token]").inputValue() },
    maxRedirects: 0,
  });
  assert.equal(refused.status(), 403);
  await editor.getByRole("button", { name: "Delete permission" }).click();
  await editor.getByRole("status").filter({ hasText: "read:calendar is deleted" }).waitFor();
});

/** Forms that this browser is shown and that are refused to it, as they are but for what would be typed. */
async function refused(page, path) {
  const sent = await page.$$eval('form[method="post"]:not([action="/sign-out"])', (forms) =>
    forms.map((form) => [form.action, form.elements.form_token.value]),
  );
  const wrong = [];
  for (const [action, form_token] of sent) {
    const answer = await page.request.post(action, { form: { form_token }, maxRedirects: 0 });
    if (answer.status() === 403) wrong.push(`${path}: the form for ${action}`);
  }
  return wrong;
}

scenario("nothing that a viewer sees would be refused to them", async ({ server, open }) => {
  await calendar(server);
  await extremes(server);
  const page = await open();
  await signIn(page, await server.administrator("viewer"));
  assert.deepEqual((await crawl(page, refused)).wrong, []);
});

scenario("no link that an editor sees is refused to them", async ({ server, open }) => {
  await calendar(server);
  const page = await open();
  await signIn(page, await server.administrator("editor"));
  assert.deepEqual((await crawl(page, () => [])).wrong, []);
});
